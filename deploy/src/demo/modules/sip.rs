//! SIP call control: conforming JSON with every id a call has, long traces, and secrets of the signalling in them.

use super::joined;
use crate::demo::scene::Scene;
use crate::demo::time::rfc3339_us;
use crate::demo::world::{CSPS, Kind};
use serde_json::{Value, json};

/// A call and its ids.
pub(in crate::demo) struct Call {
    pub(in crate::demo) call_id: String,
    /// Four groups of eight upper-case hexadecimal digits.
    pub(in crate::demo) h323_conf_id: String,
    pub(in crate::demo) session_id: String,
    pub(in crate::demo) from: String,
    pub(in crate::demo) to: String,
    /// Whether it leaves the country.
    pub(in crate::demo) abroad: bool,
}

impl Call {
    pub(in crate::demo) fn new(scene: &mut Scene<'_>) -> Self {
        let abroad = scene.dice.chance(30.0);
        let (from, to) = (scene.msisdn(), if abroad { scene.foreign_msisdn() } else { scene.msisdn() });
        let groups: Vec<String> = (0..4).map(|_| scene.dice.hex(8).to_uppercase()).collect();
        let peer = scene.peer();
        let call_id = if scene.dice.chance(50.0) {
            format!("{}_{}", scene.dice.hex(32), scene.dice.hex(16).to_uppercase())
        } else {
            format!("{}@{peer}", scene.dice.hex(24))
        };
        Self { call_id, h323_conf_id: groups.join(" "), session_id: scene.dice.hex(12), from, to, abroad }
    }
}

fn line(scene: &mut Scene<'_>, level: &str, call: &Call, message: &str, more: Value) {
    let head = json!({
        "timestamp": rfc3339_us(scene.at_ns), "level": level, "logger": "b2bua", "message": message,
        "request_id": scene.request.id, "unique_id": scene.request.unique,
        "call_id": call.call_id, "session_id": call.session_id, "h323_conf_id": call.h323_conf_id,
    });
    scene.out(Kind::Sip, joined(head, more));
}

pub(in crate::demo) fn invite(scene: &mut Scene<'_>, call: &Call) {
    let message = format!("INVITE {} -> {}", call.from, call.to);
    line(
        scene,
        "info",
        call,
        &message,
        json!({"account_id": format!("{}@msisdn", call.from), "extra": {"codec": ["AMR-WB", "PCMA"], "trunk": "mgw-2"}}),
    );
}

pub(in crate::demo) fn challenged(scene: &mut Scene<'_>, call: &Call) {
    let (nonce, response) = (scene.dice.hex(32), scene.secret_digest());
    let header = format!(
        "Digest username=\"{}\", realm=\"ims.mnc001.mcc255.3gppnetwork.org\", nonce=\"{nonce}\", uri=\"sip:{}@ims\", response=\"{response}\", algorithm=MD5",
        call.from, call.to
    );
    line(scene, "debug", call, "Proxy-Authorization verified", json!({"extra": {"header": header}}));
}

pub(in crate::demo) fn progress(scene: &mut Scene<'_>, call: &Call, code: u16, text: &str) {
    let more = json!({"extra": {"sip_code": code, "hop": scene.peer()}});
    line(scene, "debug", call, &format!("{code} {text}"), more);
}

pub(in crate::demo) fn answered(scene: &mut Scene<'_>, call: &Call, setup_ms: u64) {
    let key = scene.secret(40);
    let more = json!({"duration_ms": setup_ms, "extra": {"sip_code": 200, "sdp": format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20")}});
    line(scene, "info", call, "Call answered", more);
}

pub(in crate::demo) fn ended(scene: &mut Scene<'_>, call: &Call, seconds: u64) {
    let cause = scene.dice.pick(&["normal clearing", "normal clearing", "normal clearing", "media timeout"]).to_owned();
    let mos = 3.0 + scene.dice.unit() * 1.4;
    let more = json!({
        "event_type": "call_end", "duration_s": seconds,
        "extra": {"cause": cause, "mos": (mos * 100.0).round() / 100.0, "packets_lost": scene.dice.below(90), "i_customer": scene.dice.range(1000, 1400)},
    });
    line(scene, if cause == "media timeout" { "warn" } else { "info" }, call, &format!("Call ended: {cause}"), more);
}

pub(in crate::demo) fn failed(scene: &mut Scene<'_>, call: &Call, code: u16, reason: &str) {
    let level = if code >= 500 { "error" } else { "info" };
    let more = json!({"error": {"type": "SipFinalResponse", "message": format!("{code} {reason}")}, "extra": {"sip_code": code, "trunk": "mgw-2"}});
    line(scene, level, call, &format!("Call failed: {code} {reason}"), more);
}

/// A whole signalling trace as one line: longer than the runtime's 16 KiB pieces.
pub(in crate::demo) fn trace(scene: &mut Scene<'_>, call: &Call) {
    let messages = scene.dice.range(28, 60);
    let domain = CSPS[scene.csp].plmn;
    let mut text = String::new();
    for number in 0..messages {
        let (branch, tag) = (scene.dice.hex(16), scene.dice.hex(10));
        text.push_str(&format!(
            "SIP/2.0 183 Session Progress\r\n\
             Via: SIP/2.0/UDP {}:5060;branch=z9hG4bK{branch};rport\r\n\
             Record-Route: <sip:scscf.{domain}.3gppnetwork.org;lr>\r\n\
             From: <sip:+{}@ims>;tag={tag}\r\n\
             To: <sip:+{}@ims>\r\n\
             Call-ID: {}\r\n\
             CSeq: {number} INVITE\r\n\
             P-Charging-Vector: icid-value={}\r\n\
             Content-Length: 0\r\n\r\n",
            scene.peer(),
            call.from,
            call.to,
            call.call_id,
            scene.dice.hex(32)
        ));
    }
    line(scene, "trace", call, "Signalling trace of the call", json!({"extra": {"messages": messages, "sip": text}}));
}

pub(in crate::demo) fn trunk_state(scene: &mut Scene<'_>, up: bool) {
    scene.request.id.clear();
    scene.request.unique.clear();
    let (level, message) = if up {
        ("debug", "OPTIONS keepalive answered by trunk mgw-2")
    } else {
        ("critical", "Trunk mgw-2 is out of service: 503 on OPTIONS")
    };
    let head = json!({"timestamp": rfc3339_us(scene.at_ns), "level": level, "logger": "trunks", "message": message, "request_id": "", "unique_id": ""});
    let rtt = scene.dice.range(3, 40);
    scene.out(Kind::Sip, joined(head, json!({"extra": {"trunk": "mgw-2", "rtt_ms": rtt}})));
}
