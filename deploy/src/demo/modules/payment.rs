//! The payment bridge: JSON written by hand, so that it is sometimes cut; level words of its own; passwords and keys in clear.

use super::joined;
use crate::demo::scene::Scene;
use crate::demo::time::rfc3339_ms;
use crate::demo::world::Kind;
use serde_json::{Value, json};

fn text(scene: &Scene<'_>, level: &str, message: &str, more: Value) -> String {
    let head = json!({"timestamp": rfc3339_ms(scene.at_ns), "level": level, "message": message, "request_id": scene.request.id, "unique_id": scene.request.unique});
    joined(head, more)
}

fn line(scene: &mut Scene<'_>, level: &str, message: &str, more: Value) {
    let text = text(scene, level, message, more);
    scene.out(Kind::Payment, text);
}

pub(in crate::demo) fn authorising(scene: &mut Scene<'_>, account: &str, cents: u64) {
    let key = format!("sk_live_{}", scene.secret(24));
    let more = json!({
        "account_id": format!("{account}@msisdn"), "amount": {"value": cents, "currency": "EUR"},
        "extra": {"acquirer": "redsys", "merchant": {"id": "0099818", "api_key": key, "password": format!("M-{}!", scene.secret(12))}},
    });
    line(scene, "debug", "Authorising card payment", more);
}

pub(in crate::demo) fn authorised(scene: &mut Scene<'_>, ms: u64) {
    let more = json!({"http": {"method": "POST", "path": "/v1/charges", "status_code": 201}, "duration_ms": ms, "extra": {"auth_code": scene.dice.digits(6)}});
    line(scene, "info", "Payment authorised", more);
}

pub(in crate::demo) fn declined(scene: &mut Scene<'_>, reason: &str) {
    let more = json!({"http": {"method": "POST", "path": "/v1/charges", "status_code": 402}, "error": {"type": "CardDeclined", "message": reason}});
    line(scene, "warning", &format!("Payment declined: {reason}"), more);
}

pub(in crate::demo) fn acquirer_down(scene: &mut Scene<'_>) {
    let more = json!({
        "http": {"method": "POST", "path": "/v1/charges", "status_code": 502},
        "error": {"type": "AcquirerUnavailable", "message": "redsys answered 502 Bad Gateway"},
    });
    line(scene, "error", "Acquirer is not available", more);
}

/// A word that no standard knows.
pub(in crate::demo) fn audit(scene: &mut Scene<'_>, account: &str) {
    let pin = scene.dice.digits(4);
    line(
        scene,
        "SECURITY",
        "3-D Secure challenge passed",
        json!({"account_id": format!("{account}@msisdn"), "extra": {"pin": pin, "acs": "visa"}}),
    );
}

/// A line whose end the module's own buffer has cut.
pub(in crate::demo) fn cut(scene: &mut Scene<'_>) {
    let more = json!({"extra": {"file": "settle.csv", "rows": scene.dice.range(100, 900), "checksum": scene.dice.hex(40)}});
    let whole = text(scene, "info", "Settlement file received", more);
    let keep = whole.len() - usize::try_from(scene.dice.range(8, 50)).unwrap_or(8);
    let kept: String = whole.chars().take(keep).collect();
    scene.out(Kind::Payment, kept);
}

/// Without a time.
pub(in crate::demo) fn timeless(scene: &mut Scene<'_>) {
    let extra = json!({"source": "redsys", "event": "payment.captured"});
    let text = json!({"level": "info", "message": "webhook received", "request_id": scene.request.id, "extra": extra});
    scene.out(Kind::Payment, text.to_string());
}
