//! Loyalty points: a trial that somebody deployed and nobody registered. What it prints goes to the quarantine.

use crate::demo::scene::Scene;
use crate::demo::time::rfc3339_ms;
use crate::demo::world::Kind;
use serde_json::json;

pub(in crate::demo) fn points(scene: &mut Scene<'_>, account: &str) {
    let points = scene.dice.range(1, 400);
    let text = json!({
        "timestamp": rfc3339_ms(scene.at_ns), "level": "info", "message": format!("{points} points credited"),
        "request_id": scene.request.id, "unique_id": scene.request.unique, "account_id": format!("{account}@msisdn"),
    });
    scene.out(Kind::Loyalty, text.to_string());
}

pub(in crate::demo) fn heartbeat(scene: &mut Scene<'_>) {
    let text = json!({"timestamp": rfc3339_ms(scene.at_ns), "level": "debug", "message": "heartbeat", "request_id": "", "unique_id": ""});
    scene.out(Kind::Loyalty, text.to_string());
}
