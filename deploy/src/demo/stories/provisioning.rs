//! Numbers and profiles on their way: porting, eSIM, roaming.

use super::messaging::deliver;
use crate::demo::calendar::Trouble;
use crate::demo::modules::esim::{self, Profile};
use crate::demo::modules::porting::{self, Order};
use crate::demo::modules::sms::Message;
use crate::demo::modules::{crm, roaming};
use crate::demo::scene::Scene;
use crate::demo::world::Kind;

/// A number comes from another telco.
pub(in crate::demo) fn port_in(scene: &mut Scene<'_>) {
    let order = Order {
        id: format!("NP-{}", scene.dice.digits(8)),
        msisdn: scene.msisdn(),
        donor: scene.dice.text(&["Vodaline", "Kyivtel", "Movilandia", "Orangeade"]),
    };
    if !scene.has(Kind::Porting) {
        return;
    }
    porting::step(scene, &order, "new", "validated");
    scene.pause_ms(20, 200);
    if scene.troubled(Trouble::PortingPool) {
        scene.pause_ms(5000, 5100);
        porting::pool_exhausted(scene, &order);
        return;
    }
    let ms = scene.dice.range(90, 1800);
    scene.pause_ms(ms, ms + 4);
    porting::clearing_house(scene, &order, ms);
    porting::step(scene, &order, "validated", "requested");
    scene.pause_ms(6000, 50_000);
    if scene.dice.chance(12.0) {
        porting::refused(scene, &order);
        return;
    }
    porting::step(scene, &order, "requested", "scheduled");
    scene.pause_ms(9000, 60_000);
    porting::step(scene, &order, "scheduled", "active");
    scene.pause_ms(10, 90);
    crm::updated(scene, &order.msisdn, "mobile_number");
    scene.pause_ms(5, 50);
    let message = Message { to: order.msisdn, sender: "Porting", text: format!("{} ✓", order.id) };
    deliver(scene, &message);
}

/// A SIM event becomes a profile that a phone can fetch.
pub(in crate::demo) fn esim(scene: &mut Scene<'_>) {
    if !scene.has(Kind::Esim) {
        return;
    }
    let profile = Profile { iccid: format!("8938{}", scene.dice.digits(15)), event_id: scene.dice.uuid(), msisdn: scene.msisdn() };
    esim::received(scene, &profile);
    for function in ["downloadOrder", "confirmOrder", "releaseProfile"] {
        let ms = scene.dice.range(80, 1400);
        scene.pause_ms(ms, ms + 6);
        if scene.dice.chance(3.0) {
            esim::refused(scene, &profile);
            return;
        }
        esim::step(scene, &profile, function, ms);
    }
    scene.pause_ms(3, 30);
    esim::done(scene, &profile);
    scene.pause_ms(20, 200);
    roaming::profile_refreshed(scene, &profile.msisdn);
    scene.pause_ms(20, 200);
    crm::updated(scene, &profile.msisdn, "iccid");
}

/// A subscriber arrives abroad and is led to a cheaper network.
pub(in crate::demo) fn roaming(scene: &mut Scene<'_>) {
    let msisdn = scene.msisdn();
    roaming::location_update(scene, &msisdn);
    for attempt in 1..=scene.dice.range(0, 3) {
        scene.pause_ms(800, 6000);
        roaming::steered(scene, "262-02", "262-01", attempt);
    }
    let ms = scene.dice.range(120, 2600);
    scene.pause_ms(ms, ms + 5);
    if ms > 1500 {
        roaming::hlr_slow(scene, ms);
    }
    roaming::accepted(scene, ms);
}
