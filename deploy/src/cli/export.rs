//! The arguments of `martlog export`.

use super::{ConnectArgs, Order};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `martlog export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  martlog export 'csp:434 level>=warn' --from -7d --output warnings.ndjson\n  \
    martlog export 'module:sms | fields time, status, duration_ms' --format csv --output sms.csv\n\n\
    FILE is there when it is whole, and FILE.manifest.json says what is in it: rows, SHA-256, first and last, gaps.")]
pub(crate) struct ExportArgs {
    /// What to look for; behind it | fields a, b chooses columns, of csv and ndjson.
    #[arg(default_value = "", allow_hyphen_values = true)]
    pub(crate) query: String,
    /// The first time, included: RFC 3339, or back from now as in -1h [default: -24h].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// The last time, excluded [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// What is written: JSON objects, a table for spreadsheets, or lines for people.
    #[arg(long, value_enum, default_value_t = ExportFormat::Ndjson)]
    format: ExportFormat,
    /// The same as --format ndjson.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Which rows come first.
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    pub(crate) order: Order,
    /// Rows at most [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Where to [default: standard output, and the manifest to standard error].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line, as the API has rows.
    Ndjson,
    /// RFC 4180; cells that a spreadsheet would compute begin with an apostrophe.
    Csv,
    /// One line a record: time, level, module, instance, message.
    Text,
}

impl ExportArgs {
    /// What is written.
    pub(crate) const fn format(&self) -> ExportFormat {
        if self.json { ExportFormat::Ndjson } else { self.format }
    }
}

impl ExportFormat {
    /// As the API calls it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Text => "text",
        }
    }
}
