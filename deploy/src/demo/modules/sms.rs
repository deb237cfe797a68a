//! The SMS gateway: conforming JSON lines around one provider's API.

use super::joined;
use crate::demo::scene::Scene;
use crate::demo::time::rfc3339_ms;
use crate::demo::world::Kind;
use serde_json::{Value, json};

/// A message on its way.
pub(in crate::demo) struct Message {
    pub(in crate::demo) to: String,
    pub(in crate::demo) sender: &'static str,
    pub(in crate::demo) text: String,
}

fn line(scene: &mut Scene<'_>, level: &str, logger: &str, message: &str, more: Value) {
    let head = json!({
        "timestamp": rfc3339_ms(scene.at_ns), "level": level, "logger": logger, "message": message,
        "request_id": scene.request.id, "unique_id": scene.request.unique,
    });
    scene.out(Kind::Sms, joined(head, more));
}

pub(in crate::demo) fn accepted(scene: &mut Scene<'_>, sms: &Message) {
    let parts = sms.text.chars().count().div_ceil(if sms.text.is_ascii() { 160 } else { 70 });
    let more = json!({
        "account_id": format!("{}@msisdn", sms.to),
        "extra": {"msisdn": [sms.to], "sender": sms.sender, "parts": parts, "encoding": if sms.text.is_ascii() { "gsm7" } else { "ucs2" }},
    });
    line(scene, "info", "sms.api", "SMS accepted for delivery", more);
}

pub(in crate::demo) fn submitting(scene: &mut Scene<'_>, sms: &Message, attempt: u32) {
    let mut more =
        json!({"extra": {"provider": "vonage", "attempt": attempt, "body": {"to": sms.to, "from": sms.sender, "text": sms.text}}});
    if scene.dice.chance(12.0) {
        let token = scene.jwt();
        more["extra"]["headers"] = json!({"content-type": "application/json", "x-auth": format!("Bearer {token}")});
    }
    line(scene, "debug", "sms.provider", &format!("Submitting to provider vonage, attempt {attempt}"), more);
}

pub(in crate::demo) fn submitted(scene: &mut Scene<'_>, duration_ms: u64) {
    let more = json!({
        "http": {"method": "POST", "path": "/sms/json", "status_code": 200}, "duration_ms": duration_ms,
        "extra": {"provider": "vonage", "message_uuid": scene.dice.uuid(), "remaining_balance": format!("{}.{:02}", scene.dice.range(120, 900), scene.dice.below(100))},
    });
    line(scene, "info", "sms.provider", "Provider accepted the message", more);
}

pub(in crate::demo) fn timed_out(scene: &mut Scene<'_>, attempt: u32) {
    let more = json!({
        "duration_ms": 10_000 + scene.dice.below(60),
        "error": {"type": "ETIMEDOUT", "message": format!("connect ETIMEDOUT 203.0.113.{}:443", scene.dice.range(10, 19)),
            "stack": include_str!("traces/sms_stack.txt").trim_end()},
        "extra": {"provider": "vonage", "attempt": attempt},
    });
    line(scene, "error", "sms.provider", &format!("Provider request timed out after 10000 ms, attempt {attempt} of 3"), more);
}

pub(in crate::demo) fn retrying(scene: &mut Scene<'_>, attempt: u32, after_ms: u64) {
    line(
        scene,
        "warn",
        "sms.dispatch",
        &format!("Retrying in {after_ms} ms"),
        json!({"extra": {"attempt": attempt, "backoff_ms": after_ms}}),
    );
}

pub(in crate::demo) fn gave_up(scene: &mut Scene<'_>, sms: &Message) {
    let more = json!({
        "account_id": format!("{}@msisdn", sms.to),
        "error": {"type": "ProviderUnavailable", "message": "no provider accepted the message"},
        "extra": {"msisdn": [sms.to], "attempts": 3},
    });
    line(scene, "error", "sms.dispatch", "SMS delivery failed: provider unavailable, giving up", more);
}

pub(in crate::demo) fn breaker(scene: &mut Scene<'_>, open: bool, failures: u64) {
    let (level, message) = if open {
        ("warn", "Circuit breaker opened for provider vonage")
    } else {
        ("notice", "Circuit breaker closed for provider vonage")
    };
    line(scene, level, "sms.breaker", message, json!({"extra": {"provider": "vonage", "failures_last_minute": failures}}));
}

pub(in crate::demo) fn receipt(scene: &mut Scene<'_>, sms: &Message) {
    let (status, code) = *scene.dice.pick(&[
        ("delivered", 0),
        ("delivered", 0),
        ("delivered", 0),
        ("delivered", 0),
        ("delivered", 0),
        ("expired", 4),
        ("rejected", 6),
    ]);
    let level = if code == 0 { "info" } else { "warn" };
    let network = scene.dice.range(20_401, 73_801).to_string();
    let extra = json!({"msisdn": [sms.to], "status": status, "err-code": code, "network": network});
    let more = json!({"account_id": format!("{}@msisdn", sms.to), "extra": extra});
    line(scene, level, "sms.receipts", &format!("Delivery receipt: {status}"), more);
}

/// Outside a request: the ids are empty strings.
pub(in crate::demo) fn queue_depth(scene: &mut Scene<'_>, depth: u64) {
    scene.request.id.clear();
    scene.request.unique.clear();
    let level = if depth > 400 { "warn" } else { "debug" };
    line(
        scene,
        level,
        "sms.queue",
        &format!("Queue depth {depth}"),
        json!({"extra": {"depth": depth, "workers": 8, "oldest_ms": depth * 37}}),
    );
}
