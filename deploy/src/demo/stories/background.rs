//! What modules print whether or not anybody calls: probes, queues, batches, and the odd line that nobody meant to write.

use crate::demo::calendar::{Restart, Trouble};
use crate::demo::modules::{billing, crm, esim, fraud, loyalty, payment, porting, self_care, sip, sms, voicemail};
use crate::demo::scene::{Act, Scene};
use crate::demo::world::Kind;

/// Batches: mediation files, deltas, reconciliation.
pub(in crate::demo) fn mediation(scene: &mut Scene<'_>) {
    match scene.dice.weighted(&[50, 35, 15]) {
        0 => {
            let (records, ms) = (scene.dice.range(40, 5000), scene.dice.range(90, 4200));
            billing::batch(scene, records, ms);
        }
        1 => {
            let (changed, ms) = (scene.dice.range(0, 180), scene.dice.range(300, 9000));
            crm::delta(scene, changed, ms);
        }
        _ => {
            let orders = scene.dice.range(10, 90);
            porting::reconciled(scene, orders);
        }
    }
}

/// Probes and gauges.
pub(in crate::demo) fn pulse(scene: &mut Scene<'_>) {
    match scene.dice.weighted(&[34, 16, 16, 14, 8, 12]) {
        0 => self_care::access(scene, "GET", "/healthz", 200),
        1 => {
            let depth = if scene.troubled(Trouble::SmsProvider) { scene.dice.range(400, 2400) } else { scene.dice.range(0, 60) };
            sms::queue_depth(scene, depth);
        }
        2 => {
            let up = !scene.troubled(Trouble::SipTrunk);
            sip::trunk_state(scene, up);
        }
        3 => esim::idle(scene),
        4 => loyalty::heartbeat(scene),
        _ => fraud::garbage_collection(scene),
    }
}

/// Lines that do not conform, or that no logger wrote.
pub(in crate::demo) fn oddity(scene: &mut Scene<'_>) {
    match scene.dice.weighted(&[30, 30, 20, 10, 10]) {
        0 => payment::cut(scene),
        1 => payment::timeless(scene),
        2 => scene.out(Kind::SelfCare, String::new()),
        3 => scene.out(Kind::Crm, "\u{1b}[33mWARN\u{1b}[0m retry budget is used up\r".to_owned()),
        _ => scene
            .act(Kind::Billing, Act::Err("OpenJDK 64-Bit Server VM warning: Sharing is only supported for boot loader classes".to_owned())),
    }
}

/// A container dies and comes back: what it says before and after.
pub(in crate::demo) fn restart(scene: &mut Scene<'_>, restart: &Restart) {
    match restart.kind {
        Kind::Fraud => fraud::crash(scene),
        Kind::Voicemail => {
            scene.act(Kind::Voicemail, Act::Restart);
            scene.pause_ms(300, 900);
            voicemail::started(scene);
        }
        kind => {
            scene.out(kind, "INFO:     Shutting down".to_owned());
            scene.pause_ms(300, 900);
            scene.act(kind, Act::Restart);
            scene.pause_ms(300, 900);
            self_care::started(scene);
        }
    }
}

/// The breaker closes when the provider is back; told once, by the calendar.
pub(in crate::demo) fn provider_back(scene: &mut Scene<'_>) {
    scene.request.id.clear();
    scene.request.unique.clear();
    sms::breaker(scene, false, 0);
}
