//! The number-portability broker: JSON from a Go logger that has other names for everything (`ts` in epoch ms, `severity`, `msg`, `trace_id`).

use super::joined;
use crate::demo::scene::Scene;
use crate::demo::world::{CSPS, Kind};
use serde_json::{Value, json};

/// A porting order.
pub(in crate::demo) struct Order {
    pub(in crate::demo) id: String,
    pub(in crate::demo) msisdn: String,
    pub(in crate::demo) donor: &'static str,
}

fn line(scene: &mut Scene<'_>, severity: &str, message: &str, more: Value) {
    let caller = format!("broker/order.go:{}", scene.dice.range(40, 420));
    let head = json!({
        "ts": scene.at_ns / 1_000_000, "severity": severity, "caller": caller, "msg": message, "trace_id": scene.request.id,
    });
    scene.out(Kind::Porting, joined(head, more));
}

pub(in crate::demo) fn step(scene: &mut Scene<'_>, order: &Order, from: &str, to: &str) {
    let more = json!({"order": order.id, "msisdn": order.msisdn, "donor": order.donor, "recipient": CSPS[scene.csp].name, "state": to});
    line(scene, "INFO", &format!("porting order {} moved from {from} to {to}", order.id), more);
}

pub(in crate::demo) fn clearing_house(scene: &mut Scene<'_>, order: &Order, ms: u64) {
    let more = json!({"order": order.id, "http": {"method": "POST", "path": "/npc/v2/requests", "status_code": 202}, "duration_ms": ms});
    line(scene, "DEBUG", "clearing house accepted the request", more);
}

pub(in crate::demo) fn refused(scene: &mut Scene<'_>, order: &Order) {
    let reason = *scene.dice.pick(&[
        "contract not expired",
        "personal data does not match",
        "номер не належить абоненту",
        "línea con deuda pendiente",
    ]);
    let more =
        json!({"order": order.id, "msisdn": order.msisdn, "donor": order.donor, "error": {"type": "DonorRefusal", "message": reason}});
    line(scene, "WARN", &format!("donor {} refused: {reason}", order.donor), more);
}

pub(in crate::demo) fn pool_exhausted(scene: &mut Scene<'_>, order: &Order) {
    let more = json!({"order": order.id, "error": "pq: sorry, too many clients already", "pool": {"in_use": 50, "idle": 0, "wait": scene.dice.range(80, 400)}});
    line(scene, "ERROR", "cannot store the order: connection pool exhausted", more);
}

pub(in crate::demo) fn reconciled(scene: &mut Scene<'_>, orders: u64) {
    scene.request.id.clear();
    let more = json!({"orders": orders, "mismatches": scene.dice.below(2)});
    line(scene, "INFO", &format!("reconciled {orders} orders with the clearing house"), more);
}
