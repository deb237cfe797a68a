//! The fraud guard: JSON with numbers as levels, here and there without a time or with a key twice; it runs out of memory and comes back.

use super::joined;
use crate::demo::scene::{Act, Scene};
use crate::demo::time::{rfc3339_ms, rfc3339_us};
use crate::demo::world::Kind;
use serde_json::{Value, json};

fn line(scene: &mut Scene<'_>, level: u8, message: &str, more: Value) {
    let head = json!({
        "level": level, "time": scene.at_ns / 1_000_000, "pid": 1, "name": "fraud-guard", "msg": message,
        "request_id": scene.request.id, "unique_id": scene.request.unique,
    });
    scene.out(Kind::Fraud, joined(head, more));
}

pub(in crate::demo) fn scored(scene: &mut Scene<'_>, account: &str, score: u64) {
    let more = json!({"account_id": format!("{account}@msisdn"), "score": score, "rules": ["velocity", "geo", "device"], "duration_ms": scene.dice.range(2, 60)});
    if scene.dice.chance(8.0) {
        let text = format!(
            "{{\"timestamp\":\"{}\",\"level\":\"info\",\"message\":\"score {score}\",\"request_id\":\"{}\",\"unique_id\":\"{}\",\"rule\":\"velocity\",\"rule\":\"geo\"}}",
            rfc3339_ms(scene.at_ns),
            scene.request.id,
            scene.request.unique
        );
        scene.out(Kind::Fraud, text);
    } else {
        line(scene, 30, &format!("score {score}"), more);
    }
}

pub(in crate::demo) fn blocked(scene: &mut Scene<'_>, account: &str, score: u64) {
    let more = json!({"account_id": format!("{account}@msisdn"), "score": score, "action": "block", "rule": "IRSF"});
    line(scene, 50, "blocked: suspected international revenue share fraud", more);
}

pub(in crate::demo) fn garbage_collection(scene: &mut Scene<'_>) {
    let (ms, heap) = (scene.dice.range(12, 900), scene.dice.range(180, 505));
    let text = json!({"level": "verbose", "message": format!("GC pause {ms} ms, heap {heap} MiB of 512 MiB")});
    scene.out(Kind::Fraud, text.to_string());
}

/// Dies with its last words torn, and comes back.
pub(in crate::demo) fn crash(scene: &mut Scene<'_>) {
    line(scene, 60, "heap is exhausted", json!({"heap_mib": 512}));
    scene.pause_ms(2, 5);
    let trace = include_str!("traces/fraud_crash.txt").trim_end();
    scene.act(Kind::Fraud, Act::Err(trace.to_owned()));
    scene.pause_ms(1, 2);
    scene.act(Kind::Fraud, Act::Torn("{\"level\":30,\"time\":".to_owned()));
    scene.pause_ms(900, 1500);
    scene.act(Kind::Fraud, Act::Restart);
    scene.pause_ms(400, 900);
    let text = json!({
        "timestamp": rfc3339_us(scene.at_ns), "level": "info", "message": "fraud-guard 4.1.1 started", "request_id": "", "unique_id": "",
        "extra": {"node": "v22.9.0", "heap_mib": 512},
    });
    scene.out(Kind::Fraud, text.to_string());
}
