//! What the program means: the flags over the config file over the defaults, checked once, here.
//!
//! Invariants: no environment is read; all problems are reported at once, each with its flag or its line in the file; what comes
//! out needs no further check.

mod doors;
mod file;
mod openid;
pub(crate) mod units;

use crate::cli::{CollectArgs, ConnectArgs, ServeArgs};
use crate::collect;
use crate::outcome::Failure;
use crate::serve;
use crate::serve::tls::Certificate;
use file::Source;
use martlog_collector::RateLimit;
use martlog_collector::kubernetes::Kubernetes;
use martlog_collector::pulse::Pulse;
use martlog_collector::tls::{self, Trust};
use martlog_collector::token::Token;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use units::{ByteSize, Span};

const LISTEN: &str = "127.0.0.1:8434";
/// What a collector keeps of vanished files unless told otherwise, bytes.
const SPOOL_BYTES: u64 = 256 << 20;
const PROBES: &str = "127.0.0.1:9434";

/// Where the server is, and who asks.
#[derive(Debug)]
pub(crate) struct Connect {
    /// The server's URL as it was written.
    pub(crate) server: String,
    /// The token.
    pub(crate) token: Token,
    /// Where it was read, for the sentence when the server refuses it.
    pub(crate) token_file: PathBuf,
    /// Whose certificate the server must have.
    pub(crate) trust: Trust,
}

/// What `martlog serve` is told.
pub(crate) fn serve(args: ServeArgs) -> Result<serve::Options, Failure> {
    let mut problems = Vec::new();
    let source = read(args.config.as_deref(), &mut problems);
    let (args, doors, openid) = match &source {
        Some(source) => serve_file(source, args, &mut problems),
        None => (args, doors::Doors::default(), openid::Written::default()),
    };
    let dir = need(args.dir, "a data folder", "--dir DIR", "[serve]", &mut problems);
    let certificate = certificate(args.tls_cert.as_deref(), args.tls_key.as_deref(), &mut problems);
    let open = args.insecure || args.tls_cert.is_some() || args.tls_key.is_some();
    let listen = address(args.listen.as_deref().unwrap_or(LISTEN), "listen", open, &mut problems);
    let probes = match args.probes.as_deref().unwrap_or(PROBES) {
        "off" => None,
        text => address(text, "probes", open, &mut problems),
    };
    let mut store = budgets(args.live_max, args.live_age, args.wal_segment, args.search_threads, &mut problems);
    store.retention_age_max = args.retention.map(|age| age.0);
    store.retention_bytes_max = args.retention_size.map(|size| size.0);
    store.disk_reserve_bytes = args.disk_reserve.map(|size| size.0);
    if let Some(after) = args.node_lost_after {
        store.node_lost_after = after.0;
    }
    let doors::Doors { settings, syslog } = doors;
    let open = args.insecure;
    let syslog = syslog.into_iter().filter_map(|written| doors::listen(written, certificate.as_ref(), open, &mut problems)).collect();
    let openid = openid::provider(openid, open, &mut problems);
    match (dir, listen) {
        (Some(dir), Some(listen)) if problems.is_empty() => {
            Ok(serve::Options { dir, listen, probes, certificate, store, doors: settings, syslog, openid })
        }
        _ => Err(all(&problems)),
    }
}

/// What `martlog collect` is told.
pub(crate) fn collect(args: CollectArgs) -> Result<collect::Options, Failure> {
    let mut problems = Vec::new();
    let source = read(args.config.as_deref(), &mut problems);
    let args = match &source {
        Some(source) => collect_file(source, args, &mut problems),
        None => args,
    };
    let root = need(args.root, "the folder of the pods' logs", "--root DIR", "[collect]", &mut problems);
    let server = need(args.server, "the server", "--server URL", "[collect]", &mut problems);
    let token_file = need(args.token_file, "a token", "--token-file FILE", "[collect]", &mut problems);
    let state = need(args.state, "a folder for the positions", "--state DIR", "[collect]", &mut problems);
    let cluster = need(args.cluster, "the name of the cluster", "--cluster NAME", "[collect]", &mut problems);
    let node = need(args.node, "the name of this node", "--node NAME", "[collect]", &mut problems);
    let token = token_file.and_then(|path| noted(Token::file(&path), &mut problems));
    let tls = tls::Options { ca_cert: args.ca_cert, server_name: args.tls_server_name };
    if let Some(server) = &server {
        noted(Trust::of(server, &tls), &mut problems);
    }
    let probes = match args.probes.as_deref().unwrap_or("off") {
        "off" => None,
        text => address(text, "probes", true, &mut problems),
    };
    let kubernetes = kubernetes(args.kubernetes, args.kubeconfig);
    if kubernetes.is_some() && args.pod_labels.is_some() {
        problems.push(
            "pod labels come either from the Kubernetes API or from a file: leave out kubernetes and kubeconfig, or pod-labels".to_owned(),
        );
    }
    match (root, server, token, state, cluster, node) {
        (Some(root), Some(server), Some(token), Some(state), Some(cluster), Some(node)) if problems.is_empty() => {
            let (pod_labels, once) = (args.pod_labels, args.once);
            // Ten seconds of it may come at once: a container that starts or fails prints more than usual, and is not loud for it.
            let rate_limit = args.rate_limit.map(|ByteSize(bytes)| RateLimit::of(bytes));
            let pulse = Pulse::default();
            let spool_bytes = args.spool.map_or(SPOOL_BYTES, |ByteSize(bytes)| bytes);
            let config = martlog_collector::Config {
                root,
                server,
                tls,
                token,
                state,
                cluster,
                node,
                pod_labels,
                kubernetes,
                spool_bytes,
                rate_limit,
                policy_interval: martlog_collector::POLICY_INTERVAL,
                pulse,
                once,
            };
            Ok(collect::Options { config, probes })
        }
        _ => Err(all(&problems)),
    }
}

fn kubernetes(wanted: bool, kubeconfig: Option<PathBuf>) -> Option<Kubernetes> {
    kubeconfig.map(Kubernetes::Kubeconfig).or(wanted.then_some(Kubernetes::InCluster))
}

/// Where a client command connects to. The file in the home folder may be missing; one that was named may not.
pub(crate) fn connect(args: ConnectArgs) -> Result<Connect, Failure> {
    let mut problems = Vec::new();
    let home = std::env::home_dir().map(|home| home.join(".config/martlog.toml")).filter(|path| path.is_file());
    let needs_file = args.server.is_none() || args.token_file.is_none();
    let path = args.config.clone().or_else(|| home.filter(|_| needs_file));
    let source = read(path.as_deref(), &mut problems);
    let args = match &source {
        Some(source) => connect_file(source, args, &mut problems),
        None => args,
    };
    let server = need(args.server, "a server", "--server URL", "~/.config/martlog.toml", &mut problems);
    let token_file = need(args.token_file, "a token", "--token-file FILE", "~/.config/martlog.toml", &mut problems);
    let token = token_file.as_deref().and_then(|path| noted(Token::file(path), &mut problems));
    let tls = tls::Options { ca_cert: args.ca_cert, server_name: args.tls_server_name };
    let trust = server.as_deref().and_then(|server| noted(Trust::of(server, &tls), &mut problems));
    match (server, token, token_file, trust) {
        (Some(server), Some(token), Some(token_file), Some(trust)) if problems.is_empty() => {
            Ok(Connect { server, token, token_file, trust })
        }
        _ => Err(all(&problems)),
    }
}

fn serve_file(source: &Source, args: ServeArgs, problems: &mut Vec<String>) -> (ServeArgs, doors::Doors, openid::Written) {
    let mut root = source.root(problems);
    root.ignore("collect");
    let mut table = root.table("serve", problems);
    let merged = ServeArgs {
        config: args.config,
        dir: args.dir.or(table.path("dir", problems)),
        listen: args.listen.or(table.text("listen", problems)),
        probes: args.probes.or(table.text("probes", problems)),
        tls_cert: args.tls_cert.or(table.path("tls-cert", problems)),
        tls_key: args.tls_key.or(table.path("tls-key", problems)),
        insecure: table.flag("insecure", problems).unwrap_or(false) || args.insecure,
        live_max: args.live_max.or(table.parsed("live-max", problems)),
        live_age: args.live_age.or(table.parsed("live-age", problems)),
        wal_segment: args.wal_segment.or(table.parsed("wal-segment", problems)),
        retention: args.retention.or(table.parsed("retention", problems)),
        retention_size: args.retention_size.or(table.parsed("retention-size", problems)),
        disk_reserve: args.disk_reserve.or(table.parsed("disk-reserve", problems)),
        node_lost_after: args.node_lost_after.or(table.parsed("node-lost-after", problems)),
        search_threads: args.search_threads.or(table.number("search-threads", problems)),
    };
    let doors = doors::read(&mut table, problems);
    let openid = openid::read(&mut table, problems);
    table.finish(problems);
    root.finish(problems);
    (merged, doors, openid)
}

/// Whose view `martlog collect --explain` tells.
pub(crate) fn explain(args: CollectArgs) -> Result<martlog_collector::Explainer, Failure> {
    let mut problems = Vec::new();
    let source = read(args.config.as_deref(), &mut problems);
    let args = match &source {
        Some(source) => collect_file(source, args, &mut problems),
        None => args,
    };
    match need(args.root, "the folder of the pods' logs", "--root DIR", "[collect]", &mut problems) {
        Some(root) if problems.is_empty() => {
            Ok(martlog_collector::Explainer { root, site: args.cluster.zip(args.node), state: args.state })
        }
        _ => Err(all(&problems)),
    }
}

fn collect_file(source: &Source, args: CollectArgs, problems: &mut Vec<String>) -> CollectArgs {
    let mut root = source.root(problems);
    root.ignore("serve");
    let mut table = root.table("collect", problems);
    let merged = CollectArgs {
        config: args.config,
        root: args.root.or(table.path("root", problems)),
        server: args.server.or(table.text("server", problems)),
        token_file: args.token_file.or(table.path("token-file", problems)),
        ca_cert: args.ca_cert.or(table.path("ca-cert", problems)),
        tls_server_name: args.tls_server_name.or(table.text("tls-server-name", problems)),
        state: args.state.or(table.path("state", problems)),
        cluster: args.cluster.or(table.text("cluster", problems)),
        node: args.node.or(table.text("node", problems)),
        pod_labels: args.pod_labels.or(table.path("pod-labels", problems)),
        kubernetes: table.flag("kubernetes", problems).unwrap_or(false) || args.kubernetes,
        kubeconfig: args.kubeconfig.or(table.path("kubeconfig", problems)),
        rate_limit: args.rate_limit.or(table.parsed("rate-limit", problems)),
        spool: args.spool.or(table.parsed("spool", problems)),
        probes: args.probes.or(table.text("probes", problems)),
        once: args.once,
        explain: args.explain,
    };
    table.finish(problems);
    root.finish(problems);
    merged
}

fn connect_file(source: &Source, args: ConnectArgs, problems: &mut Vec<String>) -> ConnectArgs {
    let mut root = source.root(problems);
    let merged = ConnectArgs {
        config: args.config,
        server: args.server.or(root.text("server", problems)),
        token_file: args.token_file.or(root.path("token-file", problems)),
        ca_cert: args.ca_cert.or(root.path("ca-cert", problems)),
        tls_server_name: args.tls_server_name.or(root.text("tls-server-name", problems)),
    };
    root.finish(problems);
    merged
}

/// The store's budgets. The floors are what one batch of the greatest size needs to pass at all.
fn budgets(
    live_max: Option<ByteSize>,
    live_age: Option<Span>,
    wal_segment: Option<ByteSize>,
    search_threads: Option<u16>,
    problems: &mut Vec<String>,
) -> martlog_indexer::Options {
    const LIVE_BYTES_MIN: u64 = 16 << 20;
    const WAL_SEGMENT_BYTES_MIN: u64 = 1 << 20;
    let mut store = martlog_indexer::Options::default();
    let mut at_least = |name: &str, size: Option<ByteSize>, min: u64| {
        if let Some(size) = size.filter(|size| size.0 < min) {
            problems.push(format!("{name} of {size} is too small: give at least {}", ByteSize(min)));
        }
        size
    };
    if let Some(size) = at_least("live-max", live_max, LIVE_BYTES_MIN) {
        store.live_bytes_max = usize::try_from(size.0).unwrap_or(usize::MAX);
    }
    if let Some(size) = at_least("wal-segment", wal_segment, WAL_SEGMENT_BYTES_MIN) {
        store.wal_segment_bytes = size.0;
    }
    if let Some(age) = live_age {
        store.live_age_max = age.0;
    }
    match search_threads {
        Some(0) => problems.push("search-threads of 0 would answer nobody: give at least 1".to_owned()),
        Some(threads) => store.search_threads = usize::from(threads),
        None => {}
    }
    store
}

/// The certificate of both files, when TLS is wanted.
fn certificate(cert: Option<&Path>, key: Option<&Path>, problems: &mut Vec<String>) -> Option<Certificate> {
    match (cert, key) {
        (None, None) => None,
        (Some(cert), Some(key)) => noted(Certificate::read(cert, key), problems),
        (Some(_), None) => {
            problems.push("the key of the certificate is missing: say --tls-key FILE, or tls-key in [serve]".to_owned());
            None
        }
        (None, Some(_)) => {
            problems.push("the certificate of the key is missing: say --tls-cert FILE, or tls-cert in [serve]".to_owned());
            None
        }
    }
}

/// An address to listen on. Without TLS, tokens travel in clear: only this machine may reach it, unless that was asked for.
fn address(text: &str, name: &str, open: bool, problems: &mut Vec<String>) -> Option<SocketAddr> {
    let Ok(address) = text.parse::<SocketAddr>() else {
        problems.push(format!("{name}: \"{text}\" is no address: write IP:PORT, such as 127.0.0.1:8434 or [::1]:0"));
        return None;
    };
    if !address.ip().is_loopback() && !open {
        problems.push(format!(
            "{name}: {address} is reached by other machines, and without TLS tokens and lines would travel in clear: \
             say --tls-cert and --tls-key, listen on 127.0.0.1, or say --insecure"
        ));
        return None;
    }
    Some(address)
}

fn read(path: Option<&Path>, problems: &mut Vec<String>) -> Option<Source> {
    path.and_then(|path| noted(Source::read(path), problems))
}

fn noted<T>(result: Result<T, String>, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

fn need<T>(value: Option<T>, what: &str, flag: &str, place: &str, problems: &mut Vec<String>) -> Option<T> {
    if value.is_none() {
        problems.push(format!("{what} is missing: say {flag}, or name it in {place}"));
    }
    value
}

fn all(problems: &[String]) -> Failure {
    match problems {
        [only] => Failure::Usage(only.clone()),
        many => Failure::Usage(format!("{} problems:\n  {}", many.len(), many.join("\n  "))),
    }
}

#[cfg(test)]
mod tests;
