//! What the user typed, and no more: [`crate::config`] turns it into what the program means.

mod admin;
mod export;
mod stats;

use crate::config::units::{ByteSize, Span};
use crate::demo::DemoArgs;
use crate::logging::LogFormat;
pub(crate) use admin::*;
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use export::{ExportArgs, ExportFormat};
pub(crate) use stats::StatsArgs;
use std::path::PathBuf;

/// Collects the logs of a marketplace's modules, keeps them whole, and finds what went wrong for a customer.
#[derive(Debug, Parser)]
#[command(name = "martlog", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 fine, 1 findings or nothing found, 2 usage, 3 server.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How the program's own log is written to standard error; without it, human on a terminal and JSON elsewhere.
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look at everything at once: a server, a collector and simulated modules that log live.
    Demo(DemoArgs),
    /// Run the server: store, search API and web page on one data folder.
    Serve(ServeArgs),
    /// Run the node agent: follow the container log files of this node and ship their records.
    Collect(CollectArgs),
    /// Say what would become of a module's lines, and how to fix them.
    Check(CheckArgs),
    /// Search from the terminal.
    Search(SearchArgs),
    /// Count and shape what is found: a query with pipes, as a table.
    Stats(StatsArgs),
    /// Write all lines of a query into a file, with a manifest that proves it whole.
    Export(ExportArgs),
    /// Follow matching lines as they arrive.
    Tail(TailArgs),
    /// Copy a data folder while its server runs or not, or check such a copy.
    Backup(BackupArgs),
    /// Write a script that lets a shell complete what is typed.
    Completions(CompletionsArgs),
    /// Change and show partners, modules, instances, tokens and the quarantine (staff).
    Admin(AdminArgs),
}

impl Command {
    /// Whether it runs until it is stopped, and so keeps a log of its own, or answers somebody who waits.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Serve(_) | Self::Collect(_) => Kind::Service,
            Self::Demo(_)
            | Self::Check(_)
            | Self::Search(_)
            | Self::Stats(_)
            | Self::Export(_)
            | Self::Tail(_)
            | Self::Backup(_)
            | Self::Completions(_)
            | Self::Admin(_) => Kind::Tool,
        }
    }
}

/// See [`Command::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Logs at `info`.
    Service,
    /// Logs at `warn`.
    Tool,
}

/// `martlog serve`. Each flag is also a key of the table `[serve]` of the config file.
#[derive(Debug, Args, Default)]
pub(crate) struct ServeArgs {
    /// A TOML file with the tables `[serve]` and `[collect]`; flags win over it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder; it is made when it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The address of API and page, port 0 for any [default: 127.0.0.1:8434].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// The address of /livez, /readyz and /metrics, or `off` [default: 127.0.0.1:9434].
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) probes: Option<String>,
    /// The server's certificate and those of its intermediate authorities (PEM); with it, the addresses speak
    /// TLS, but for probes on a loopback address. Read again when it changes.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM, without a passphrase). Read again when it changes.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Allow addresses without TLS that other machines reach, though tokens and lines then travel in clear.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Memory for lines that are not yet in a split, such as 128MiB.
    #[arg(long, value_name = "SIZE")]
    pub(crate) live_max: Option<ByteSize>,
    /// The longest that a line stays in memory alone, such as 10m.
    #[arg(long, value_name = "DURATION")]
    pub(crate) live_age: Option<Span>,
    /// The size of a file of the write-ahead log, such as 64MiB.
    #[arg(long, value_name = "SIZE")]
    pub(crate) wal_segment: Option<ByteSize>,
    /// Remove lines this long after they were printed and arrived, such as 30d [default: keep all].
    #[arg(long, value_name = "DURATION")]
    pub(crate) retention: Option<Span>,
    /// Remove the oldest lines while all take more of the disk than this, such as 200GiB [default: keep all].
    #[arg(long, value_name = "SIZE")]
    pub(crate) retention_size: Option<ByteSize>,
    /// Refuse new lines while less of the disk than this is free, such as 2GiB; 0B is off [default: 2 %, at
    /// least 1GiB, at most 16GiB, and a tenth of a small disk].
    #[arg(long, value_name = "SIZE")]
    pub(crate) disk_reserve: Option<ByteSize>,
    /// Take a node for lost whose collector has said nothing for so long, such as 1h: what it had not sent is named as missing [default: 1h].
    #[arg(long, value_name = "DURATION")]
    pub(crate) node_lost_after: Option<Span>,
    /// Searches that run at once.
    #[arg(long, value_name = "N")]
    pub(crate) search_threads: Option<u16>,
}

/// `martlog collect`. Each flag but `--once` and `--explain` is also a key of the table `[collect]` of the config file.
#[derive(Debug, Args, Default)]
pub(crate) struct CollectArgs {
    /// A TOML file with the tables `[serve]` and `[collect]`; flags win over it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder of the pods' logs: /var/log/pods.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// The server, such as https://HOST:8434.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The file that holds the collector token. Read again when it changes.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The certificates of authorities that the server's certificate may come from (PEM), for https://
    /// [default: the system's].
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// The name that the server's certificate must have [default: the host of --server].
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// The folder for the position file; it is made when it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// The cluster that the token is bound to.
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// The name of this node.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// Pod labels by pod UID as JSON, `{"UID": {"key": "value"}}`, for nodes without a Kubernetes API.
    #[arg(long, value_name = "FILE")]
    pub(crate) pod_labels: Option<PathBuf>,
    /// Take the pods' labels and owners from the Kubernetes API, with the service account of this pod or as
    /// --kubeconfig says.
    #[arg(long)]
    pub(crate) kubernetes: bool,
    /// How to reach the Kubernetes API from outside of a pod; implies --kubernetes.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// What each container may print in a second, such as 5MiB, ten times as much at once; what is over it
    /// is named as a gap, with a line a second as a sample [default: all].
    #[arg(long, value_name = "SIZE")]
    pub(crate) rate_limit: Option<ByteSize>,
    /// What may be kept in the state folder of files that vanish before the server has them, such as after an
    /// hour without it; 0 keeps nothing [default: 256MiB].
    #[arg(long, value_name = "SIZE")]
    pub(crate) spool: Option<ByteSize>,
    /// The address of /livez, /readyz and /metrics, or `off`; they tell counts and times alone [default: off].
    #[arg(long, value_name = "ADDR|off")]
    pub(crate) probes: Option<String>,
    /// Read what is there, wait for the acknowledgements, and exit.
    #[arg(long)]
    pub(crate) once: bool,
    /// Collect nothing: say what would be done with this file, and why. Needs --root alone.
    #[arg(long, value_name = "PATH", conflicts_with = "once")]
    pub(crate) explain: Option<PathBuf>,
}

/// Where the server is and who asks.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct ConnectArgs {
    /// The server, such as http://127.0.0.1:8434.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The file that holds your token.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The certificates of authorities that the server's certificate may come from (PEM), for https://
    /// [default: the system's].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// The name that the server's certificate must have [default: the host of --server].
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// A TOML file with `server` and `token-file` [default: ~/.config/martlog.toml].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// `martlog search`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  martlog search 'csp:434 level>=warn -health' --from -1h\n  martlog search 'request_id:463ac35c9f6413ad'"
)]
pub(crate) struct SearchArgs {
    /// What to look for: words, \"phrases\", field:value, level>=warn, -not, (a OR b).
    #[arg(allow_hyphen_values = true)]
    pub(crate) query: String,
    /// The first time, included: RFC 3339, or back from now as in -1h [default: -24h].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// The last time, excluded [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// Rows at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// Which rows come first.
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    pub(crate) order: Order,
    /// One JSON object a row, as the API has it.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// The order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
}

/// `martlog tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// What to follow; without it, every line in your reach.
    #[arg(default_value = "", allow_hyphen_values = true)]
    pub(crate) query: String,
    /// One JSON object a row, as the API has it.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// `martlog check`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  my-module | martlog check\n  martlog check --json --min-ok 1 module.log")]
pub(crate) struct CheckArgs {
    /// What a module printed; none, or `-`, reads standard input.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// One JSON object per record and one for the summary.
    #[arg(long)]
    pub(crate) json: bool,
    /// The share of records that must be ok, 0 to 1; below it the exit code is 1.
    #[arg(long, value_name = "SHARE", default_value_t = crate::check::MIN_OK_DEFAULT, value_parser = share)]
    pub(crate) min_ok: f64,
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a share from 0 to 1, such as 0.97".to_owned()),
    }
}

/// `martlog completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  martlog completions bash > ~/.local/share/bash-completion/completions/martlog\n  \
    martlog completions zsh > ~/.zfunc/_martlog\n  martlog completions fish > ~/.config/fish/completions/martlog.fish")]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// The shells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

/// `martlog backup`.
#[derive(Debug, Args)]
#[command(after_help = "To restore, copy everything back into an empty data folder and start the server:\n  \
    martlog backup /var/lib/martlog /backup/monday\n  martlog backup --verify /backup/monday\n  \
    cp -a /backup/monday/. /var/lib/martlog-restored/")]
pub(crate) struct BackupArgs {
    /// The data folder; with --verify alone, the backup.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// A new or empty folder for the backup.
    #[arg(value_name = "TO", required_unless_present = "verify")]
    pub(crate) to: Option<PathBuf>,
    /// Read the backup again and compare every file with what its manifest says.
    #[arg(long)]
    pub(crate) verify: bool,
    /// A staff token for the running server [default: DIR/staff.token].
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn connection_flags_stand_before_and_behind_the_subcommand() {
        for line in [
            "martlog admin --server http://a --token-file t partner add acme",
            "martlog admin partner add acme --server http://a --token-file t",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let Command::Admin(admin) = cli.command else { panic!("not admin") };
            assert_eq!(admin.connect.server.as_deref(), Some("http://a"));
        }
    }

    #[test]
    fn relative_times_and_negations_need_no_equals_sign() {
        let cli = Cli::try_parse_from(["martlog", "search", "-health", "--from", "-1h", "--limit", "5"]).unwrap();
        let Command::Search(search) = cli.command else { panic!("not search") };
        assert_eq!((search.query.as_str(), search.from.as_deref(), search.limit), ("-health", Some("-1h"), 5));
    }

    #[test]
    fn a_token_names_what_it_is_bound_to() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        assert!(parse("martlog admin token add --kind partner").is_err());
        assert!(parse("martlog admin token add --kind partner --partner acme").is_ok());
        assert!(parse("martlog admin token add --kind collector").is_err());
        assert!(parse("martlog admin token add --kind staff").is_ok());
    }
}
