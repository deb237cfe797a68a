//! The arguments of `martlog stats`.

use super::ConnectArgs;
use clap::Args;

/// `martlog stats`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  martlog stats 'module:sms | stats count(), p95(duration_ms) by version' --from -1h\n  \
    martlog stats 'level>=error | top 10 error.type'\n  martlog stats 'session:7f3a21 | gaps 500ms'")]
pub(crate) struct StatsArgs {
    /// What to look for, and behind a | what is made of it: stats, timechart, top, fields, sort, limit, where, extract, dedup,
    /// context, session, gaps, patterns.
    #[arg(allow_hyphen_values = true)]
    pub(crate) query: String,
    /// The first time, included: RFC 3339, or back from now as in -1h [default: -24h].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// The last time, excluded [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// Rows at most, as | limit N behind the query.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// One JSON object a row, by column.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}
