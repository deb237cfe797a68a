//! Voicemail: bracketed text; after its restart with another setting the same lines come without a time.

use crate::demo::scene::Scene;
use crate::demo::time::comma_ms;
use crate::demo::world::Kind;

fn line(scene: &mut Scene<'_>, level: &str, text: &str) {
    // The module shortens what it was given to twelve characters with a dash, as its authors print ids.
    let id = if scene.request.id.is_ascii() && scene.request.id.len() >= 12 {
        format!("{}-{}", &scene.request.id[..8], &scene.request.id[8..12])
    } else {
        "-".to_owned()
    };
    let line = if scene.voicemail_prints_time() {
        format!("[{}] {level} [Req-ID: {id}]: {text}", comma_ms(scene.at_ns))
    } else {
        format!("{level} [Req-ID: {id}]: {text}")
    };
    scene.out(Kind::Voicemail, line);
}

pub(in crate::demo) fn greeting(scene: &mut Scene<'_>, to: &str) {
    let greeting = scene.dice.pick(&["default_uk", "default_en", "personal", "busy_uk"]).to_owned();
    line(scene, "INFO", &format!("Playing greeting {greeting} for mailbox {to}"));
}

pub(in crate::demo) fn deposited(scene: &mut Scene<'_>, from: &str, to: &str) {
    let (seconds, bytes) = (scene.dice.range(2, 95), scene.dice.range(30_000, 900_000));
    line(scene, "INFO", &format!("Message deposited: mailbox={to} caller={from} length={seconds}s size={bytes} codec=AMR-WB"));
}

pub(in crate::demo) fn notified(scene: &mut Scene<'_>, to: &str) {
    let unread = scene.dice.range(1, 14);
    line(scene, "DEBUG", &format!("MWI sent to {to}, unread={unread}"));
}

pub(in crate::demo) fn mailbox_full(scene: &mut Scene<'_>, to: &str) {
    line(scene, "WARN", &format!("Mailbox {to} is full (60 of 60 messages), caller was told"));
}

pub(in crate::demo) fn login(scene: &mut Scene<'_>, to: &str, good: bool) {
    let pin = scene.dice.digits(4);
    if good {
        line(scene, "DEBUG", &format!("TUI login mailbox={to} pin={pin} ok"));
    } else {
        line(scene, "WARN", &format!("TUI login mailbox={to} pin={pin} refused"));
    }
}

pub(in crate::demo) fn storage_slow(scene: &mut Scene<'_>) {
    let ms = scene.dice.range(1200, 6400);
    line(scene, "ERROR", &format!("Write to message store took {ms} ms (limit 1000 ms): nfs server not responding, still trying"));
}

pub(in crate::demo) fn started(scene: &mut Scene<'_>) {
    scene.request.id.clear();
    line(scene, "INFO", "voicemail 5.0.2 started, log pattern \"%p [Req-ID: %X{id}]: %m\"");
    scene.pause_ms(20, 60);
    line(scene, "INFO", "Listening on 0.0.0.0:5090, 3120 mailboxes loaded");
}
