//! What customers do on the web, with money, and what the CRM makes of it.

use crate::demo::calendar::Trouble;
use crate::demo::modules::{billing, crm, fraud, loyalty, payment, self_care};
use crate::demo::scene::Scene;

/// A few pages in a row, each with its own request.
pub(in crate::demo) fn browse(scene: &mut Scene<'_>) {
    let account = scene.msisdn();
    for _ in 0..scene.dice.range(1, 4) {
        scene.request.id = scene.dice.hex(32);
        scene.request.unique = scene.dice.uuid();
        self_care::page(scene, &account);
        scene.pause_ms(900, 15_000);
    }
    match scene.dice.weighted(&[90, 4, 3, 3]) {
        1 => self_care::reset_link(scene, &account),
        2 => {
            self_care::unhandled(scene);
            self_care::access(scene, "GET", "/v1/usage?period=year", 500);
        }
        3 => self_care::access(scene, "GET", "/wp-login.php", 404),
        _ => {}
    }
}

/// A top-up: page, fraud score, card, ledger.
pub(in crate::demo) fn top_up(scene: &mut Scene<'_>) {
    let account = scene.msisdn();
    let cents = *scene.dice.pick(&[500, 1000, 1500, 2000, 5000]);
    let details = serde_json::json!({"account_id": format!("{account}@msisdn"), "extra": {"amount": cents / 100}});
    self_care::line(scene, "info", "Top-up started", details.clone());
    scene.pause_ms(5, 30);
    let score = scene.dice.range(1, 96);
    fraud::scored(scene, &account, score);
    scene.pause_ms(5, 30);
    payment::authorising(scene, &account, cents);
    let ms = scene.dice.range(180, 2400);
    scene.pause_ms(ms, ms + 4);
    if scene.troubled(Trouble::Acquirer) {
        payment::acquirer_down(scene);
    } else if scene.dice.chance(11.0) {
        let reason = scene.dice.text(&["insufficient funds", "expired card", "do not honour", "fondos insuficientes"]);
        payment::declined(scene, reason);
    } else {
        if scene.dice.chance(25.0) {
            payment::audit(scene, &account);
            scene.pause_ms(1, 5);
        }
        payment::authorised(scene, ms);
        scene.pause_ms(3, 40);
        let balance = scene.dice.range(cents, cents + 4000);
        billing::balance(scene, &account, balance);
        scene.pause_ms(3, 40);
        loyalty::points(scene, &account);
        self_care::line(scene, "info", "Top-up finished", details);
        self_care::access(scene, "POST", "/v1/top-up", 201);
        return;
    }
    scene.pause_ms(2, 9);
    self_care::line(scene, "warn", "Top-up failed", details);
    self_care::access(scene, "POST", "/v1/top-up", 500);
}

/// The CRM and the platform agree on a customer again.
pub(in crate::demo) fn crm_update(scene: &mut Scene<'_>) {
    let account = scene.msisdn();
    let ms = scene.dice.range(40, 700);
    crm::fetched(scene, "Contact", ms);
    scene.pause_ms(10, 80);
    match scene.dice.weighted(&[80, 10, 6, 4]) {
        0 => crm::updated(scene, &account, "billing_address"),
        1 => crm::conflict(scene, &account),
        2 => crm::login(scene),
        _ => crm::failed(scene),
    }
}
