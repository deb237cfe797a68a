//! The eSIM hub: conforming JSON around provisioning events; a second time inside `extra`, and empty ids outside requests.

use super::joined;
use crate::demo::scene::Scene;
use crate::demo::time::{comma_ms, rfc3339_us};
use crate::demo::world::Kind;
use serde_json::{Value, json};

/// A profile on its way to a phone.
pub(in crate::demo) struct Profile {
    pub(in crate::demo) iccid: String,
    pub(in crate::demo) event_id: String,
    pub(in crate::demo) msisdn: String,
}

fn line(scene: &mut Scene<'_>, level: &str, message: &str, more: Value) {
    let head = json!({
        "timestamp": rfc3339_us(scene.at_ns), "level": level, "logger": "esim.events", "message": message,
        "request_id": scene.request.id, "unique_id": scene.request.unique,
    });
    scene.out(Kind::Esim, joined(head, more));
}

pub(in crate::demo) fn received(scene: &mut Scene<'_>, profile: &Profile) {
    let more = json!({
        "event_id": profile.event_id, "event_type": "SIM/Updated", "account_id": format!("{}@msisdn", profile.msisdn),
        "extra": {
            "iccid": profile.iccid, "msisdn": [profile.msisdn], "timestamp": comma_ms(scene.at_ns),
            "data": {"i_env": "3", "status": "assigned", "imsi": format!("25501{}", scene.dice.digits(10))},
        },
    });
    line(scene, "info", "Event received: SIM/Updated", more);
}

pub(in crate::demo) fn step(scene: &mut Scene<'_>, profile: &Profile, function: &str, ms: u64) {
    let more = json!({
        "event_id": profile.event_id, "event_type": "SIM/Updated", "http": {"method": "POST", "path": format!("/gsma/rsp2/es2plus/{function}"), "status_code": 200},
        "duration_ms": ms, "extra": {"iccid": profile.iccid},
    });
    line(scene, "info", &format!("SM-DP+ answered {function}"), more);
}

pub(in crate::demo) fn refused(scene: &mut Scene<'_>, profile: &Profile) {
    let more = json!({
        "event_id": profile.event_id, "event_type": "SIM/Updated",
        "error": {"type": "8.2.5/4.3", "message": "no profile of the requested type is available"}, "extra": {"iccid": profile.iccid},
    });
    line(scene, "error", "SM-DP+ refused the order: no profile available", more);
}

pub(in crate::demo) fn done(scene: &mut Scene<'_>, profile: &Profile) {
    let activation = format!("LPA:1$smdp.example$***{}", &profile.iccid[profile.iccid.len() - 4..]);
    let extra = json!({"iccid": profile.iccid, "activation": activation});
    let more = json!({"event_id": profile.event_id, "event_type": "SIM/Updated", "extra": extra});
    line(scene, "info", "eSIM profile is ready to download", more);
}

pub(in crate::demo) fn idle(scene: &mut Scene<'_>) {
    scene.request.id.clear();
    scene.request.unique.clear();
    let stock = scene.dice.range(2100, 2900);
    line(scene, "debug", "Waiting for events", json!({"extra": {"queue": "sim.updated", "profiles_in_stock": stock}}));
}
