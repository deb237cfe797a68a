//! Calls: set up, answered or not, ended, rated; and the voicemail behind them.

use crate::demo::calendar::Trouble;
use crate::demo::modules::sip::{self, Call};
use crate::demo::modules::{billing, fraud, voicemail};
use crate::demo::scene::Scene;

/// A call from INVITE to its CDR.
pub(in crate::demo) fn call(scene: &mut Scene<'_>) {
    let call = Call::new(scene);
    sip::invite(scene, &call);
    scene.pause_ms(4, 20);
    if scene.dice.chance(30.0) {
        sip::challenged(scene, &call);
        scene.pause_ms(2, 10);
    }
    if scene.troubled(Trouble::SipTrunk) {
        scene.pause_ms(20, 200);
        sip::failed(scene, &call, 503, "Service Unavailable");
        return;
    }
    sip::progress(scene, &call, 100, "Trying");
    scene.pause_ms(60, 500);
    sip::progress(scene, &call, 180, "Ringing");
    let ring_ms = scene.dice.range(2000, 22_000);
    scene.pause_ms(ring_ms, ring_ms + 5);
    match scene.dice.weighted(&[70, 18, 7, 5]) {
        0 => talk(scene, &call, ring_ms),
        1 if !call.abroad => to_voicemail(scene, &call),
        2 => sip::failed(scene, &call, 486, "Busy Here"),
        _ => sip::failed(scene, &call, 487, "Request Terminated"),
    }
}

fn talk(scene: &mut Scene<'_>, call: &Call, ring_ms: u64) {
    sip::answered(scene, call, ring_ms);
    let seconds = scene.dice.range(3, 170);
    scene.pause_ms(seconds * 1000, seconds * 1000 + 900);
    sip::ended(scene, call, seconds);
    scene.pause_ms(20, 300);
    if scene.dice.chance(3.0) {
        sip::trace(scene, call);
    }
    if call.abroad {
        let score = scene.dice.range(5, 99);
        if score > 92 {
            fraud::blocked(scene, &call.from, score);
        } else {
            fraud::scored(scene, &call.from, score);
        }
        scene.pause_ms(2, 15);
    }
    billing::rated(scene, &call.from, call, seconds);
    if scene.dice.chance(6.0) {
        scene.pause_ms(1, 8);
        billing::low_balance(scene, &call.from);
    }
    if scene.dice.chance(0.5) {
        billing::deadlock(scene);
    }
}

fn to_voicemail(scene: &mut Scene<'_>, call: &Call) {
    sip::progress(scene, call, 181, "Call Is Being Forwarded");
    scene.pause_ms(30, 120);
    voicemail::greeting(scene, &call.to);
    scene.pause_ms(2000, 40_000);
    match scene.dice.weighted(&[80, 12, 8]) {
        0 => {
            voicemail::deposited(scene, &call.from, &call.to);
            scene.pause_ms(40, 400);
            voicemail::notified(scene, &call.to);
        }
        1 => voicemail::mailbox_full(scene, &call.to),
        _ => voicemail::storage_slow(scene),
    }
}

/// A subscriber listens to messages.
pub(in crate::demo) fn voicemail_login(scene: &mut Scene<'_>) {
    let to = scene.msisdn();
    let good = scene.dice.chance(90.0);
    voicemail::login(scene, &to, good);
    if good {
        scene.pause_ms(3000, 30_000);
        voicemail::notified(scene, &to);
    }
}
