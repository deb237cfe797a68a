//! The one-time-password sender: Python's plain logging as it comes, no time, the request id inside the text, and everything it should not say.

use crate::demo::scene::{Act, Scene};
use crate::demo::world::Kind;

fn line(scene: &mut Scene<'_>, level: &str, text: &str) {
    let text = format!("{level}:root:REQ <{}> {text}", scene.request.id);
    scene.out(Kind::Otp, text);
}

pub(in crate::demo) fn sending(scene: &mut Scene<'_>, to: &str, text: &str, otp: &str) {
    line(scene, "INFO", &format!("Sending message: {{'to': '{to}', 'text': '{text}', 'otp': '{otp}', 'ttl': 300}}"));
}

pub(in crate::demo) fn sent(scene: &mut Scene<'_>, status: u16, ms: u64) {
    line(scene, "INFO", &format!("Gateway answered * status={status} in {ms}ms"));
}

pub(in crate::demo) fn verified(scene: &mut Scene<'_>, to: &str, good: bool) {
    if good {
        let token = scene.jwt();
        line(scene, "DEBUG", &format!("verify ok for {to}, issued {{'access_token': '{token}', 'expires_in': 900}}"));
    } else {
        let left = scene.dice.range(0, 2);
        line(scene, "WARNING", &format!("wrong code for {to}, {left} tries left"));
    }
}

pub(in crate::demo) fn gateway_failed(scene: &mut Scene<'_>) {
    line(scene, "ERROR", "Gateway did not accept the message: 504 Gateway Timeout");
    scene.pause_ms(1, 3);
    let trace = include_str!("traces/otp_traceback.txt").trim_end();
    scene.act(Kind::Otp, Act::Err(trace.to_owned()));
}
