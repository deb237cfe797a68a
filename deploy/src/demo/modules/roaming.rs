//! Roaming steering: logfmt.

use crate::demo::scene::Scene;
use crate::demo::time::rfc3339_ms;
use crate::demo::world::{CSPS, Kind};

fn line(scene: &mut Scene<'_>, level: &str, message: &str, rest: &str) {
    let text = format!("ts={} level={level} request_id={} msg=\"{message}\" {rest}", rfc3339_ms(scene.at_ns), scene.request.id);
    scene.out(Kind::Roaming, text);
}

fn imsi(scene: &mut Scene<'_>) -> String {
    format!("{}{}", CSPS[scene.csp].plmn.replace('-', ""), scene.dice.digits(10))
}

pub(in crate::demo) fn location_update(scene: &mut Scene<'_>, msisdn: &str) {
    let (imsi, visited) = (imsi(scene), scene.dice.text(&["262-02", "260-06", "208-01", "222-10", "286-01"]));
    line(scene, "info", "location update", &format!("msisdn={msisdn} imsi={imsi} vplmn={visited} procedure=UL_GPRS"));
}

pub(in crate::demo) fn steered(scene: &mut Scene<'_>, from: &str, to: &str, attempt: u64) {
    line(scene, "info", "steering away", &format!("from_plmn={from} to_plmn={to} attempt={attempt} cause=\"roaming not allowed\""));
}

pub(in crate::demo) fn accepted(scene: &mut Scene<'_>, ms: u64) {
    let title = scene.dice.below(1_000_000);
    line(scene, "debug", "location accepted", &format!("duration_ms={ms} gt=+491770{title:06}"));
}

pub(in crate::demo) fn profile_refreshed(scene: &mut Scene<'_>, msisdn: &str) {
    line(scene, "info", "subscriber profile refreshed", &format!("msisdn={msisdn} source=esim-hub apn=internet"));
}

pub(in crate::demo) fn hlr_slow(scene: &mut Scene<'_>, ms: u64) {
    line(scene, "warn", "HLR answered late", &format!("duration_ms={ms} limit_ms=1500 err=\"MAP timeout, retried\""));
}
