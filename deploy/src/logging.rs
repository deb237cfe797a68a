//! The program's own log, on standard error: one line of our own format an event, or a line for people.
//!
//! `RUST_LOG` chooses what is logged (`info` for services, `warn` for tools); `NO_COLOR` is respected.

use crate::cli::Kind;
use crate::outcome::Failure;
use serde_json::{Map, Value};
use std::fmt;
use std::io::IsTerminal as _;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// The line format that martlog reads: timestamp, level, message, logger.
    Json,
}

/// Sets up the log; once, at the start.
pub(crate) fn start(kind: Kind, format: Option<LogFormat>) -> Result<(), Failure> {
    let default = match kind {
        Kind::Service => "info",
        Kind::Tool => "warn",
    };
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text).map_err(|error| {
            Failure::Usage(format!("RUST_LOG=\"{text}\" cannot be read ({error}): write a level, or target=level,…, such as info"))
        })?,
        _ => EnvFilter::new(default),
    };
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal || kind == Kind::Tool { LogFormat::Human } else { LogFormat::Json });
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match format {
        LogFormat::Json => log.event_format(OwnFormat).try_init(),
        LogFormat::Human => log.with_ansi(terminal && !no_color()).with_target(kind == Kind::Service).try_init(),
    };
    set.map_err(|error| Failure::Server(format!("cannot set up the log: {error}")))
}

/// Whether the user wants no colours anywhere (<https://no-color.org>).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// An event as a line that `martlog check` finds conforming.
struct OwnFormat;

impl<S, N> FormatEvent<S, N> for OwnFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = Map::new();
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        line.insert("timestamp".to_owned(), Value::String(now));
        line.insert("level".to_owned(), Value::String(event.metadata().level().as_str().to_lowercase()));
        line.insert("message".to_owned(), Value::String(fields.message));
        line.insert("logger".to_owned(), Value::String(event.metadata().target().to_owned()));
        if !fields.others.is_empty() {
            line.insert("extra".to_owned(), Value::Object(fields.others));
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" { self.message = text } else { self.put(field, Value::String(text)) }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" { value.clone_into(&mut self.message) } else { self.put(field, value.into()) }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_of_our_own_format() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt().event_format(OwnFormat).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || tracing::warn!(lines = 3, file = "a\nb", "it is {}", "late\n"));
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "warn");
        assert_eq!(line["message"], "it is late\n");
        assert_eq!(line["logger"], "martlog::logging::tests");
        assert_eq!(line["extra"]["lines"], 3);
        assert!(chrono::DateTime::parse_from_rfc3339(line["timestamp"].as_str().unwrap()).is_ok());
    }
}
