//! What the config file says of the doors through which lines are pushed: `[serve.ingest]`, `[serve.otlp]`, `[serve.loki]`, `[serve.elasticsearch]`, and `[[serve.syslog]]`, one for each listener;
//! and of that by which Grafana and `logcli` read: `[serve.loki-read]`.
//!
//! ```toml
//! [serve.otlp]
//! on = true              # the default
//! body-max = "16MiB"     # the default and the most
//! rate = "2MiB"          # what one token may send a second; without it there is no bound
//!
//! [[serve.syslog]]
//! listen = "127.0.0.1:6514"
//! transport = "tls"      # tcp, udp or tls; tls takes the certificate of [serve]
//! token-file = "syslog.token"
//! instance = "sms-434"   # where the token has several
//! rate = "1MiB"          # what each connection, or the socket of UDP, may send a second
//!
//! [serve.loki-read]
//! on = true              # the default; what readers may ask is bounded as for all of them
//! ```

use super::file::Table;
use super::units::ByteSize;
use super::{address, noted};
use crate::serve::syslog::{Listen, Transport};
use crate::serve::tls::Certificate;
use martlog_collector::token::Token;
use martlog_indexer::doors::{DoorSettings, Settings};
use std::path::PathBuf;

/// A request of a door must have room for a line of the greatest length.
const BODY_BYTES_MIN: u64 = 512 << 10;

/// A listener as it is written.
#[derive(Debug)]
pub(super) struct Syslog {
    place: String,
    listen: Option<String>,
    transport: Option<Transport>,
    token_file: Option<PathBuf>,
    instance: Option<String>,
    rate: Option<ByteSize>,
}

/// All of it as it is written.
#[derive(Debug, Default)]
pub(super) struct Doors {
    pub(super) settings: Settings,
    pub(super) syslog: Vec<Syslog>,
}

/// Reads the tables out of `[serve]`.
pub(super) fn read(serve: &mut Table<'_>, problems: &mut Vec<String>) -> Doors {
    let mut table = |name| door(serve.table(name, problems), problems);
    let (ingest, otlp, loki, elasticsearch) = (table("ingest"), table("otlp"), table("loki"), table("elasticsearch"));
    let loki_read = reading(serve.table("loki-read", problems), problems);
    let settings = Settings { ingest, otlp, loki, elasticsearch, loki_read, ..Settings::default() };
    let syslog = serve.tables("syslog", problems).into_iter().map(|table| listener(table, problems)).collect();
    Doors { settings, syslog }
}

fn door(mut table: Table<'_>, problems: &mut Vec<String>) -> DoorSettings {
    let mut settings = DoorSettings::default();
    settings.on = table.flag("on", problems).unwrap_or(settings.on);
    let most = settings.body_bytes_max as u64;
    if let Some(size) = table.parsed::<ByteSize>("body-max", problems) {
        if (BODY_BYTES_MIN..=most).contains(&size.0) {
            settings.body_bytes_max = usize::try_from(size.0).unwrap_or(settings.body_bytes_max);
        } else {
            problems.push(format!("{}: body-max of {size}: give from {} to {}", table.title(), ByteSize(BODY_BYTES_MIN), ByteSize(most)));
        }
    }
    settings.rate_bytes = rate(&mut table, problems).map(|rate| rate.0);
    table.finish(problems);
    settings
}

/// A door by which others read.
fn reading(mut table: Table<'_>, problems: &mut Vec<String>) -> DoorSettings {
    let on = table.flag("on", problems).unwrap_or(true);
    table.finish(problems);
    DoorSettings { on, ..DoorSettings::default() }
}

fn rate(table: &mut Table<'_>, problems: &mut Vec<String>) -> Option<ByteSize> {
    let rate: ByteSize = table.parsed("rate", problems)?;
    if rate.0 == 0 {
        problems.push(format!("{}: a rate of 0 would take nothing: say on = false, or leave the rate out", table.title()));
        return None;
    }
    Some(rate)
}

fn listener(mut table: Table<'_>, problems: &mut Vec<String>) -> Syslog {
    let syslog = Syslog {
        listen: table.text("listen", problems),
        transport: table.parsed("transport", problems),
        token_file: table.path("token-file", problems),
        instance: table.text("instance", problems),
        rate: rate(&mut table, problems),
        place: table.title(),
    };
    table.finish(problems);
    syslog
}

/// What a listener means: `open` where other machines may reach addresses in clear.
pub(super) fn listen(syslog: Syslog, certificate: Option<&Certificate>, open: bool, problems: &mut Vec<String>) -> Option<Listen> {
    let Syslog { place, listen, transport, token_file, instance, rate } = syslog;
    let mut missing = |what: &str| problems.push(format!("{place}: {what}"));
    if listen.is_none() {
        missing("the address is missing: say listen = \"IP:PORT\"");
    }
    if transport.is_none() {
        missing("the transport is missing: say transport = \"tcp\", \"udp\" or \"tls\"");
    }
    if token_file.is_none() {
        missing("the token is missing: say token-file = \"FILE\", with the ingest token of whose lines these are");
    }
    let transport = transport?;
    if transport == Transport::Tls && certificate.is_none() {
        missing("TLS needs a certificate: say tls-cert and tls-key in [serve]");
    }
    let listen = address(&listen?, &place, transport == Transport::Tls || open, problems)?;
    let token = noted(Token::file(&token_file?), problems)?;
    Some(Listen { listen, transport, token, instance, rate_bytes: rate.map(|rate| rate.0) })
}
