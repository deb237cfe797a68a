//! What is typed behind `martlog admin`.

use super::ConnectArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `martlog admin`.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// On what.
    #[command(subcommand)]
    pub(crate) object: Object,
    /// The server's answer as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// What can be administered.
#[derive(Debug, Subcommand)]
pub(crate) enum Object {
    /// The authors of modules.
    Partner {
        #[command(subcommand)]
        action: PartnerAction,
    },
    /// What a partner makes.
    Module {
        #[command(subcommand)]
        action: SetAction<ModuleArgs>,
    },
    /// A module's deployments, each for one CSP.
    Instance {
        #[command(subcommand)]
        action: SetAction<InstanceArgs>,
    },
    /// Who may read, push or collect.
    Token {
        #[command(subcommand)]
        action: Action<TokenArgs>,
    },
    /// Pods whose lines have no owner.
    Quarantine {
        #[command(subcommand)]
        action: QuarantineAction,
    },
    /// Nodes that collectors speak for.
    Node {
        #[command(subcommand)]
        action: NodeAction,
    },
    /// Who asked what: searches, exports, excerpts and tokens, newest first.
    Audit(AuditArgs),
    /// Erase the lines of one account for good, and report how many they were.
    Erase(EraseArgs),
    /// What was erased, and what is being erased.
    Erasure {
        #[command(subcommand)]
        action: ErasureAction,
    },
}

/// What can be done with it.
#[derive(Debug, Subcommand)]
pub(crate) enum Action<A: Args> {
    /// Make one; the same again is fine.
    Add(A),
    /// Show all.
    List,
    /// Show one.
    Show {
        /// Its id.
        id: String,
    },
    /// Remove one.
    Remove {
        /// Its id.
        id: String,
    },
}

/// What can be done with it, where something of it can be changed.
#[derive(Debug, Subcommand)]
pub(crate) enum SetAction<A: Args> {
    /// Make one; the same again is fine.
    Add(A),
    /// Change how its lines are read and how long they are kept.
    Set(SetArgs),
    /// Show all.
    List,
    /// Show one.
    Show {
        /// Its id.
        id: String,
    },
    /// Remove one.
    Remove {
        /// Its id.
        id: String,
    },
}

/// What is to be changed.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Its id.
    pub(crate) id: String,
    /// Keep its lines this long, such as 30d.
    #[arg(long, value_name = "DURATION")]
    pub(crate) retention: Option<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Take its policy away.
    #[arg(long, conflicts_with_all = ["redact", "level", "rate_limit"])]
    pub(crate) no_policy: bool,
}

/// How lines are read. What is given is the whole policy: it takes the place of the one before.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// What becomes of a class of data; may be given several times. Classes: phone, imsi, email, ip, account, sms; actions: keep, mask, hash.
    #[arg(long, value_name = "CLASS=ACTION", value_parser = key_value)]
    pub(crate) redact: Vec<(String, String)>,
    /// Leave out lines below this level: trace, debug, info, warn, error, fatal.
    #[arg(long)]
    pub(crate) level: Option<String>,
    /// What each of its containers may print in a second, such as 5MiB.
    #[arg(long, value_name = "SIZE")]
    pub(crate) rate_limit: Option<String>,
}

/// What can be done with a partner.
#[derive(Debug, Subcommand)]
pub(crate) enum PartnerAction {
    /// Make one; the same again is fine.
    Add(PartnerArgs),
    /// Show all.
    List,
    /// Show one.
    Show {
        /// Its id.
        id: String,
    },
    /// Remove one.
    Remove {
        /// Its id.
        id: String,
        /// With its modules, instances and tokens, and every line that it ever logged; this cannot be undone.
        #[arg(long)]
        purge: bool,
    },
}

/// What can be done with the quarantine.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineAction {
    /// Show the pods in it.
    List,
    /// Give a pod's lines to their owner.
    Release {
        /// The pod's UID, as the list has it.
        pod_uid: String,
        /// The instance that gets them; without it, the one that selects the pod.
        #[arg(long, value_name = "ID")]
        instance: Option<String>,
    },
}

/// What can be done with nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeAction {
    /// Show them: which speak, which are silent, which are taken for lost.
    List,
}

/// Which records of who asked what.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The first time, included: RFC 3339, or back from now as in -1h [default: the first record].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// The last time, excluded [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// Of this alone, such as search, export or token_made.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Records at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) limit: u32,
    /// Go on behind an earlier answer, which ended with this.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

/// Which lines are to be erased.
#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The account's id, phone number or subscriber's number.
    #[arg(long, value_name = "ID")]
    pub(crate) account: String,
    /// Of this telco alone.
    #[arg(long)]
    pub(crate) csp: Option<String>,
    /// Of this partner's modules alone.
    #[arg(long, value_name = "ID")]
    pub(crate) partner: Option<String>,
    /// The first time, included, RFC 3339 [default: the first line].
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// The last time, excluded, RFC 3339 [default: the last line].
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// What the report calls it, such as a ticket; not the account.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reference: Option<String>,
    /// Say what would go, and let it be.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What can be done with erasures.
#[derive(Debug, Subcommand)]
pub(crate) enum ErasureAction {
    /// Show all reports.
    List,
    /// Show one report.
    Show {
        /// Its id.
        id: String,
    },
}

/// A new partner.
#[derive(Debug, Args)]
pub(crate) struct PartnerArgs {
    /// Its id: lower-case letters, digits and dashes.
    pub(crate) id: String,
    /// Its name for readers.
    #[arg(long)]
    pub(crate) name: Option<String>,
}

/// A new module.
#[derive(Debug, Args)]
pub(crate) struct ModuleArgs {
    /// Its id, unique over all partners.
    pub(crate) id: String,
    /// Who makes it.
    #[arg(long)]
    pub(crate) partner: String,
    /// Keep its lines this long, such as 30d, where an instance says nothing else [default: as `serve --retention`].
    #[arg(long, value_name = "DURATION")]
    pub(crate) retention: Option<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

/// A new instance.
#[derive(Debug, Args)]
pub(crate) struct InstanceArgs {
    /// Its id.
    pub(crate) id: String,
    /// What is deployed.
    #[arg(long)]
    pub(crate) module: String,
    /// For which telco.
    #[arg(long)]
    pub(crate) csp: String,
    /// Such as production or staging.
    #[arg(long)]
    pub(crate) environment: Option<String>,
    /// The Kubernetes namespace of its pods.
    #[arg(long)]
    pub(crate) namespace: String,
    /// A label that its pods must have; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) labels: Vec<(String, String)>,
    /// Keep its lines this long, such as 30d [default: as its module].
    #[arg(long, value_name = "DURATION")]
    pub(crate) retention: Option<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

/// A new token.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// What it is for.
    #[arg(long, value_enum)]
    pub(crate) kind: TokenKind,
    /// The partner, for partner and ingest tokens.
    #[arg(long, required_if_eq_any([("kind", "partner"), ("kind", "ingest")]))]
    pub(crate) partner: Option<String>,
    /// Only these instances; may be given several times.
    #[arg(long = "instance", value_name = "ID", required_if_eq("kind", "ingest"))]
    pub(crate) instances: Vec<String>,
    /// The cluster, for collector tokens.
    #[arg(long, required_if_eq("kind", "collector"))]
    pub(crate) cluster: Option<String>,
    /// When it ends, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_at: Option<String>,
    /// Who has it and what for.
    #[arg(long)]
    pub(crate) note: Option<String>,
    /// Write the token to this new file (0600) instead of showing it.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenKind {
    /// Reads everything and writes the registry.
    Staff,
    /// Reads one partner's lines.
    Partner,
    /// Pushes lines.
    Ingest,
    /// Ships a cluster's lines.
    Collector,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write a label as KEY=VALUE, such as app.kubernetes.io/name=sms".to_owned()),
    }
}
