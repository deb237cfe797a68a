//! A store with lines in it, half of them in splits and half live, and the same lines as the oracle looks at them.
//!
//! Invariant: what the oracle has of a line is what was handed to the store, and not what came out; that the store gives back the same is checked at the start.

use crate::json::{self, Json};
use crate::lines;
use martlog_formats::wire::{BatchEncoder, BatchHeader, Extent, FileId, Part, PartAnswer, PartRecord, Stream, Substream};
use martlog_formats::{Profile, Record, fields, parse, words};
use martlog_indexer::registry::{Kind, NewInstance, NewModule, NewPartner, NewToken, Principal, Scope, Selector};
use martlog_indexer::search::{Event, Order, Predicate, SearchRequest};
use martlog_indexer::{Indexer, Options};
use martlog_query::http::{Limits, Quota, router_with};
use martlog_query::time::rfc3339;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Lines in all.
const LINES: usize = 360;
/// Of which the first are in splits.
const IN_SPLITS: usize = 180;
/// Of which so many come at once.
const AT_ONCE: usize = 30;
const SECOND: i64 = 1_000_000_000;
const CLUSTER: &str = "eu";
/// Instances: id, module, partner, telco, environment.
const INSTANCES: [(&str, &str, &str, &str, Option<&str>); 5] = [
    ("sms-434", "sms", "acme", "434", Some("prod")),
    ("sms-255", "sms", "acme", "255", None),
    ("voice-434", "voice", "acme", "434", Some("Prod")),
    ("chat-434", "chat", "zeta", "434", Some("prod")),
    ("chat-9", "chat", "zeta", "9", None),
];

/// What the platform stamps on a line, by name; what is not known is absent.
type Stamps = BTreeMap<&'static str, String>;

/// A text of a line: the message or a value.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) words: Vec<String>,
    /// It is written as no string: a number, `true`, `false` or `null`.
    bare: bool,
}

impl Text {
    fn new(text: &str, bare: bool) -> Self {
        Self { text: text.to_owned(), words: words::words(text).map(|word| word.into_owned()).collect(), bare }
    }

    /// Whether `field:*` finds it.
    pub(crate) fn exists(&self) -> bool {
        !self.text.is_empty() && !(self.bare && self.text == "null")
    }

    /// As a number of the field.
    pub(crate) fn number(&self, field: &str) -> Option<f64> {
        let is_word = self.bare && matches!(self.text.as_str(), "true" | "false" | "null");
        if is_word { None } else { fields::field_number(field, &self.text) }
    }
}

/// A line as the oracle sees it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// As readers know it.
    pub(crate) id: String,
    /// Its place in the order of lines: time, module, seq.
    pub(crate) place: (i64, String, u64),
    /// `None`: nobody's.
    pub(crate) partner: Option<&'static str>,
    pub(crate) stamps: Stamps,
    pub(crate) record: Record,
    pub(crate) message: Text,
    /// Each value of the attributes by its names, in the order in which they are written.
    pub(crate) values: Vec<(String, Text)>,
}

impl Line {
    fn new(id: String, place: (i64, String, u64), stamps: Stamps, record: Record) -> Self {
        let partner = stamps.get("partner").and_then(|partner| INSTANCES.iter().find(|one| one.2 == partner)).map(|one| one.2);
        Self { id, place, partner, stamps, message: Text::new(&record.message, false), values: named(&record.attributes), record }
    }

    /// All texts in which words are looked for.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Text> {
        std::iter::once(&self.message).chain(self.values.iter().map(|(_, text)| text))
    }

    /// The values of the attribute with this name; `attributes.` may stand before every name.
    pub(crate) fn named<'l>(&'l self, name: &str) -> impl Iterator<Item = &'l Text> {
        let plain = name.strip_prefix("attributes.").map(str::to_owned);
        let name = name.to_owned();
        let is = move |known: &str| match &plain {
            Some(plain) => known == plain || known.strip_prefix("attributes.") == Some(plain),
            None => known == name,
        };
        self.values.iter().filter(move |(known, _)| is(known)).map(|(_, text)| text)
    }

    pub(crate) fn stamp(&self, name: &str) -> &str {
        let lower = name.to_ascii_lowercase();
        if lower == "id" { &self.id } else { self.stamps.get(lower.as_str()).map_or("", String::as_str) }
    }
}

/// The names of values, as `formats::fields` documents them: by its own name, by that which its alias stands for, and what is in `extra` as if it stood beside it, where the line
/// has no such thing of its own.
fn named(attributes: &str) -> Vec<(String, Text)> {
    const ALIASES: [&str; 2] = ["trace_id", "traceId"];
    let mut found = Vec::new();
    let mut give = |path: &str, value: &Json| {
        json::scalars(path, value, &mut |path, value| {
            let text = match value {
                Json::Text(text) => Text::new(text, false),
                Json::Bare(text) => Text::new(text, true),
                _ => panic!("a scalar has no parts"),
            };
            found.push((path.to_owned(), text));
        });
    };
    let members = json::members(attributes);
    let has = |members: &[(String, Json)], name: &str| members.iter().any(|(key, _)| key == name);
    let alias = |members: &[(String, Json)]| ALIASES.into_iter().find(|alias| has(members, alias));
    let is_scalar = |value: &Json| matches!(value, Json::Text(_) | Json::Bare(_));
    for (key, value) in &members {
        give(&if is_used(key) { format!("attributes.{key}") } else { key.clone() }, value);
        if !has(&members, "request_id") && alias(&members) == Some(key) && is_scalar(value) {
            give("request_id", value);
        }
        let Json::Object(extra) = value else { continue };
        if key != "extra" {
            continue;
        }
        let has_id = has(&members, "request_id") || alias(&members).is_some();
        for (key, value) in extra {
            let taken = has(&members, key) || is_used(key) || (key == "request_id" && has_id);
            if !taken {
                give(key, value);
            }
            if !has_id && !has(extra, "request_id") && alias(extra) == Some(key) && is_scalar(value) {
                give("request_id", value);
            }
        }
    }
    found
}

/// Names that the platform or the language uses: a key of the line that has one is reached under `attributes.` alone.
fn is_used(key: &str) -> bool {
    const USED: [&str; 22] = [
        "id",
        "partner",
        "module",
        "instance",
        "csp",
        "environment",
        "version",
        "cluster",
        "node",
        "namespace",
        "pod",
        "container",
        "stream",
        "verdict",
        "problem",
        "problems",
        "time",
        "level",
        "message",
        "session",
        "in",
        "attributes",
    ];
    USED.contains(&key)
}

/// Somebody who asks.
pub(crate) struct Reader {
    pub(crate) scope: Scope,
    pub(crate) token: String,
    /// `None`: staff.
    partner: Option<&'static str>,
    instances: Option<&'static str>,
}

impl Reader {
    /// Whether the line is among those that this reader asks.
    pub(crate) fn sees(&self, line: &Line, quarantine: bool) -> bool {
        match (line.partner, self.partner) {
            (None, own) => quarantine && own.is_none(),
            (Some(_), None) => !quarantine,
            (Some(of), Some(own)) => !quarantine && of == own && self.instances.is_none_or(|instance| line.stamp("instance") == instance),
        }
    }
}

pub(crate) struct World {
    pub(crate) indexer: Indexer,
    pub(crate) router: axum::Router,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) lines: Vec<Line>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) now_ns: i64,
    /// The names of values, as often as lines have them.
    pub(crate) names: Vec<String>,
}

impl World {
    /// Opens a store in memory and logs everything.
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
        // Whole hours, so that an input found once means the same lines for long.
        let now_ns = i64::try_from(now.as_secs() / 3600 * 3600).expect("a time") * SECOND;
        let (indexer, readers, lines) = runtime.block_on(async {
            let indexer =
                Indexer::open(&folder(), Options { disk_reserve_bytes: Some(0), ..Options::default() }).await.expect("a store opens");
            let readers = register(&indexer).await;
            let lines = log(&indexer, now_ns).await;
            let kept = [read(&indexer, &readers[0].scope, false).await, read(&indexer, &readers[0].scope, true).await].concat();
            assert_eq!(kept.len(), lines.len());
            for line in &lines {
                assert!(kept.contains(&(line.id.clone(), line.record.clone())), "the store has another {}", line.id);
            }
            (indexer, readers, lines)
        });
        let quota = Quota { per_second: 1_000_000, burst: 1_000_000, searches_max: 16, tails_max: 1 };
        let router = router_with(indexer.clone(), Limits { quota, ..Limits::default() }, None);
        let names = lines.iter().flat_map(|line| line.values.iter().map(|(name, _)| name.clone())).collect();
        Self { indexer, router, runtime, lines, readers, now_ns, names }
    }
}

/// Every row that staff see, by its id.
async fn read(indexer: &Indexer, scope: &Scope, quarantine: bool) -> Vec<(String, Record)> {
    let request = SearchRequest {
        predicate: Arc::new(Predicate::All),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        order: Order::OldestFirst,
        limit: 10_000,
        after: None,
        as_of_ns: None,
        count: false,
        quarantine,
        deadline: Instant::now() + Duration::from_secs(60),
    };
    let (epoch, mut events, mut rows) = (indexer.store().epoch(), indexer.search(scope, request), Vec::new());
    while let Some(event) = events.recv().await {
        if let Event::Row(row) = event {
            rows.push((format!("{}/{epoch:x}/{}", row.owner.key.module, row.seq), row.record));
        }
    }
    rows
}

/// A folder in memory where there is one. Those of runs that have ended go: a run itself ends in the middle.
fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    for entry in std::fs::read_dir(&base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix("martlog-oracle-"));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    base.join(format!("martlog-oracle-{}", std::process::id()))
}

/// Partners, modules, instances; staff, both partners, and a token for one instance.
async fn register(indexer: &Indexer) -> Vec<Reader> {
    let registry = indexer.registry();
    let staff = registry.bootstrap_staff_token().await.expect("a catalog").expect("the first token");
    for (id, module, partner, csp, environment) in INSTANCES {
        // Asking again for one that is there changes nothing.
        registry.create_partner(NewPartner { id: partner.into(), name: None }).await.expect("a partner");
        let new = NewModule { id: module.into(), partner: partner.into(), name: None, retention: None, policy: None };
        registry.create_module(new).await.expect("a module");
        let selector = Selector { namespace: format!("ns-{id}"), labels: BTreeMap::new() };
        let environment = environment.map(Into::into);
        let new =
            NewInstance { id: id.into(), module: module.into(), csp: csp.into(), environment, selector, retention: None, policy: None };
        registry.create_instance(new).await.expect("an instance");
    }
    let mut readers = vec![reader(indexer, staff, None, None)];
    for (partner, instance) in [("acme", None), ("zeta", None), ("acme", Some("voice-434"))] {
        let instances = instance.map(|instance: &str| std::iter::once(instance.into()).collect());
        let new = NewToken { kind: Kind::Partner, partner: Some(partner.into()), instances, cluster: None, expires_at: None, note: None };
        let minted = registry.mint_token(new).await.expect("a token");
        readers.push(reader(indexer, minted.text, Some(partner), instance));
    }
    readers
}

fn reader(indexer: &Indexer, token: String, partner: Option<&'static str>, instances: Option<&'static str>) -> Reader {
    let Some(Principal::Reader(scope)) = indexer.registry().authenticate(&token) else { panic!("a token to read with") };
    Reader { scope, token, partner, instances }
}

/// Logs all lines; what was logged.
async fn log(indexer: &Indexer, now_ns: i64) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut seqs: BTreeMap<String, u64> = BTreeMap::new();
    for from in (0..LINES).step_by(AT_ONCE) {
        if from == IN_SPLITS / 2 || from == IN_SPLITS {
            indexer.flush().await.expect("splits are written");
        }
        let (pushed, printed) = (from..from + AT_ONCE).partition(|n| n % 4 == 0);
        let printed = print(indexer, &records(now_ns, printed)).await;
        let pushed = push(indexer, &records(now_ns, pushed)).await;
        for (record, stamps) in printed.into_iter().chain(pushed) {
            let module = stamps.get("module").cloned().unwrap_or_else(|| "uid-0".to_owned());
            let seq = seqs.entry(module.clone()).or_default();
            let id = format!("{module}/{:x}/{seq}", indexer.store().epoch());
            lines.push(Line::new(id, (record.time_ns, module, *seq), stamps, record));
            *seq += 1;
        }
    }
    lines
}

/// Lines by their numbers, as they are parsed. Some have the same time, and some are older than a day.
fn records(now_ns: i64, numbers: Vec<usize>) -> Vec<(usize, Record)> {
    let parsed = |n: usize| {
        let ago = if n % 23 == 0 { 30 * 3600 } else { i64::try_from(n / 3 * 97 % 70_000).expect("small") };
        let time_ns = now_ns - (ago + 60) * SECOND + 353_000_000;
        (n, parse(lines::line(n, &rfc3339(time_ns)).as_bytes(), time_ns, &Profile::default()))
    };
    numbers.into_iter().map(parsed).collect()
}

fn owner_stamps(at: usize) -> Stamps {
    let (id, module, partner, csp, environment) = INSTANCES[at];
    let own = [("instance", id), ("module", module), ("partner", partner), ("csp", csp), ("environment", environment.unwrap_or_default())];
    own.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// Through another door than that of collectors.
async fn push(indexer: &Indexer, records: &[(usize, Record)]) -> Vec<(Record, Stamps)> {
    let mut pushed = Vec::new();
    for (at, (id, ..)) in INSTANCES.iter().enumerate() {
        let own: Vec<Record> = records.iter().filter(|(n, _)| n / 4 % INSTANCES.len() == at).map(|(_, record)| record.clone()).collect();
        let owner = indexer.registry().instance(id).expect("it is registered");
        indexer.push(owner, own.clone()).await.expect("they are taken");
        let mut stamps = owner_stamps(at);
        stamps.extend([("cluster", "ingest".to_owned()), ("stream", "stdout".to_owned())]);
        pushed.extend(own.into_iter().map(|record| (record, stamps.clone())));
    }
    pushed
}

/// By pods, in a batch with a part for each line.
async fn print(indexer: &Indexer, records: &[(usize, Record)]) -> Vec<(Record, Stamps)> {
    let mut batch = BatchEncoder::new(&BatchHeader { cluster: CLUSTER.to_owned(), node: "node-1".to_owned() });
    let mut printed = Vec::new();
    for (n, record) in records {
        let (part, stamps) = part(*n, record);
        batch.push(&part);
        printed.push((record.clone(), stamps));
    }
    let answer = indexer.append(CLUSTER, &batch.finish()).await.expect("a batch");
    assert!(answer.parts.iter().all(|part| matches!(part, PartAnswer::Durable { .. })), "{answer:?}");
    printed
}

/// The part of a line, and its stamps; the pods of one namespace are nobody's.
fn part(n: usize, record: &Record) -> (Part, Stamps) {
    let at = n % (INSTANCES.len() + 1);
    let owned = at < INSTANCES.len();
    let name = if owned { INSTANCES[at].0 } else { "lost" };
    let substream = if n % 2 == 0 { Substream::Stdout } else { Substream::Stderr };
    let version = ["2.4.1", "2.4.10", "3.0"][n % 3];
    let pod_uid = if owned { format!("uid-{name}") } else { "uid-0".to_owned() };
    let (namespace, pod) = (format!("ns-{name}"), format!("pod-{name}-{}", n % 2));
    let mut stamps = if owned { owner_stamps(at) } else { BTreeMap::new() };
    if owned {
        stamps.insert("version", version.to_owned());
    }
    let own = [("cluster", CLUSTER), ("node", "node-1"), ("container", "main"), ("stream", substream.as_str())];
    stamps.extend(own.into_iter().map(|(name, value)| (name, value.to_owned())));
    stamps.extend([("namespace", namespace.clone()), ("pod", pod.clone())]);
    let part = Part {
        stream: Stream { namespace, pod, pod_uid, container: "main".to_owned(), restart: 0 },
        labels: vec![("app.kubernetes.io/version".to_owned(), version.to_owned())],
        substream,
        extents: vec![Extent { file: FileId(n as u128 + 1), name: "0.log".to_owned(), from: 0, to: 10 }],
        records: vec![PartRecord { offset: 0, end: 10, record: record.clone() }],
        gap: None,
    };
    (part, stamps)
}
