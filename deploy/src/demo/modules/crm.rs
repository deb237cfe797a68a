//! CRM synchronisation: JSON from Python, tracebacks on stderr, secrets in JSON inside the text.

use super::joined;
use crate::demo::scene::{Act, Scene};
use crate::demo::time::rfc3339_us;
use crate::demo::world::Kind;
use serde_json::{Value, json};

fn line(scene: &mut Scene<'_>, level: &str, message: &str, more: Value) {
    let head = json!({
        "timestamp": rfc3339_us(scene.at_ns), "level": level, "logger": "crm.sync", "message": message,
        "request_id": scene.request.id, "unique_id": scene.request.unique,
    });
    scene.out(Kind::Crm, joined(head, more));
}

pub(in crate::demo) fn fetched(scene: &mut Scene<'_>, what: &str, ms: u64) {
    let path = format!("/services/data/v61.0/sobjects/{what}/{}", scene.dice.base64(18));
    let more = json!({"http": {"method": "GET", "path": path, "status_code": 200}, "duration_ms": ms, "extra": {"object": what}});
    line(scene, "INFO", &format!("Fetched {what}"), more);
}

pub(in crate::demo) fn updated(scene: &mut Scene<'_>, msisdn: &str, field: &str) {
    let name =
        scene.dice.text(&["Олена Шевченко", "Тарас Бондар", "Íñigo Núñez", "María José Peña", "Grace O'Neill", "Łukasz Wójcik", "王小明"]);
    let more = json!({"account_id": format!("{msisdn}@msisdn"), "i_customer": scene.dice.range(1000, 1400), "extra": {"field": field, "name": name}});
    line(scene, "INFO", &format!("Customer record updated: {field}"), more);
}

pub(in crate::demo) fn delta(scene: &mut Scene<'_>, changed: u64, ms: u64) {
    let more = json!({"duration_ms": ms, "extra": {"changed": changed, "skipped": scene.dice.below(40), "cursor": scene.dice.hex(16)}});
    line(scene, "INFO", &format!("Delta sync finished: {changed} changed"), more);
}

pub(in crate::demo) fn login(scene: &mut Scene<'_>) {
    let (password, secret) = (format!("Summer-{}!", scene.secret(10)), scene.secret_digest());
    let inner = json!({"grant_type": "password", "username": "sync@lumina.example", "password": password, "client_secret": secret});
    line(scene, "DEBUG", &format!("POST /services/oauth2/token {inner}"), json!({}));
    scene.pause_ms(80, 240);
    let token = format!("00D{}!{}", scene.dice.base64(15), scene.secret(80));
    let response = json!({"access_token": token, "refresh_token": scene.secret(40), "instance": "eu42"});
    line(scene, "DEBUG", "Session renewed", json!({"extra": {"response": response}}));
}

pub(in crate::demo) fn conflict(scene: &mut Scene<'_>, msisdn: &str) {
    let more = json!({"account_id": format!("{msisdn}@msisdn"), "http": {"method": "PATCH", "path": "/services/data/v61.0/composite", "status_code": 409},
        "error": {"type": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access to this record"}});
    line(scene, "WARNING", "Record is locked, will be tried again", more);
}

pub(in crate::demo) fn failed(scene: &mut Scene<'_>) {
    line(scene, "ERROR", "Sync job failed", json!({"error": {"type": "KeyError", "message": "'billing_address'"}}));
    scene.pause_ms(0, 2);
    let trace = include_str!("traces/crm_traceback.txt").trim_end();
    scene.act(Kind::Crm, Act::Err(trace.to_owned()));
}
