//! Web self-care: a conforming application whose web servers print plain access lines on the same stdout.

use super::joined;
use crate::demo::scene::{Act, Scene};
use crate::demo::time::{access_log, rfc3339_ms};
use crate::demo::world::Kind;
use serde_json::{Value, json};

const BROWSERS: [&str; 4] = [
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "SelfCareApp/8.3 (Android 14; uk-UA)",
];

pub(in crate::demo) fn line(scene: &mut Scene<'_>, level: &str, message: &str, more: Value) {
    let head = json!({
        "timestamp": rfc3339_ms(scene.at_ns), "level": level, "logger": "selfcare", "message": message,
        "request_id": scene.request.id, "unique_id": scene.request.unique,
    });
    scene.out(Kind::SelfCare, joined(head, more));
}

/// The access line: of uvicorn in every other case, else of nginx in front of it.
pub(in crate::demo) fn access(scene: &mut Scene<'_>, method: &str, path: &str, status: u16) {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        504 => "Gateway Timeout",
        _ => "Internal Server Error",
    };
    let peer = scene.peer();
    let text = if scene.dice.chance(60.0) {
        format!("INFO:     {peer}:{} - \"{method} {path} HTTP/1.1\" {status} {reason}", scene.dice.range(32_768, 60_999))
    } else {
        let (client, bytes) = (format!("203.0.113.{}", scene.dice.range(1, 254)), scene.dice.range(90, 18_000));
        format!(
            "{client} - - [{}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"{}\"",
            access_log(scene.at_ns),
            scene.dice.pick(&BROWSERS)
        )
    };
    scene.out(Kind::SelfCare, text);
}

pub(in crate::demo) fn page(scene: &mut Scene<'_>, account: &str) {
    let (path, what) = *scene.dice.pick(&[
        ("/v1/balance", "Balance shown"),
        ("/v1/usage?period=month", "Usage shown"),
        ("/v1/tariffs", "Tariffs listed"),
        ("/v1/invoices/2026-10", "Invoice downloaded"),
        ("/v1/roaming/options", "Roaming options listed"),
    ]);
    let ms = scene.dice.range(4, 380);
    let more =
        json!({"account_id": format!("{account}@msisdn"), "http": {"method": "GET", "path": path, "status_code": 200}, "duration_ms": ms});
    line(scene, "info", what, more);
    access(scene, "GET", path, 200);
}

pub(in crate::demo) fn reset_link(scene: &mut Scene<'_>, account: &str) {
    let token = scene.jwt();
    line(
        scene,
        "debug",
        &format!("Mail queued: https://my.telco.example/reset?token={token}&lang=uk"),
        json!({"account_id": format!("{account}@msisdn")}),
    );
}

/// A pretty-printed dump on stderr: text of several lines without a trace's shape.
pub(in crate::demo) fn unhandled(scene: &mut Scene<'_>) {
    let trace = include_str!("traces/self_care_traceback.txt").trim_end();
    scene.act(Kind::SelfCare, Act::Err(trace.to_owned()));
}

pub(in crate::demo) fn started(scene: &mut Scene<'_>) {
    scene.out(Kind::SelfCare, "INFO:     Started server process [1]".to_owned());
    scene.pause_ms(30, 90);
    scene.out(Kind::SelfCare, "INFO:     Application startup complete.".to_owned());
}
