//! What the tests of splits and searches share: rows, predicates, and stores of both kinds.

use super::predicate::{Field, Pattern, Predicate, Stamp, Test};
use crate::filter;
use crate::live::{Chunk, Pack};
use crate::registry::{Reach, Scope};
use crate::row::{ModuleKey, Origin, Owner, Row, RowRef};
use crate::shelf::{Shelf, Shelved};
use crate::split::build;
use crate::store::{ModuleView, View};
use martlog_formats::wire::{FileId, Substream};
use martlog_formats::{Problem, Problems, Record, RedactionKind, Severity, Verdict};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::path::Path;
use std::sync::Arc;

/// Words of several scripts, with digits and without, that contain each other, fold or compose.
const WORDS: &[&str] = &[
    "timeout",
    "Timeout",
    "time",
    "timer12345",
    "TIMEOUT99999",
    "abc1",
    "abc12345",
    "a",
    "12345",
    "123456",
    "404",
    "v2",
    "абонент",
    "Абонент",
    "абонента77777",
    "café",
    "cafe\u{301}",
    "Straße",
    "STRASSE",
    "連接",
    "user_id",
    "connection",
    "refused",
    "null",
    "true",
    "463ac35c9f6413ad48485a3953bb6124",
    "463AC35C9F",
    "463aC35c9f",
    "731ms",
    "0731",
    "550e8400-e29b-41d4-a716-446655440000",
    "550E8400-E29B-41D4-A716-446655440000",
    "abcdefab-abcd-abcd-abcd-abcdefabcdef",
    "supercalifragilisticexpialidociousandsomemoreuntilitistoolongtobeaterm",
    "=\u{338}",
    "≠",
    "İ",
    "ſ",
];
const SEPARATORS: &[&str] = &[" ", " ", " ", ", ", "=", "-", "\": \"", " '", "\\", "\n", "."];
const KEYS: &[&str] =
    &["a", "user_id", "session_id", "call_id", "account_id", "h323_conf_id", "status", "trace_id", "http", "extra", "pod", "empty"];
const IDS: &[&str] = &[
    "",
    "062BDBD0 7366C3AD 6ED2EA7A 66D2F473",
    "062bdbd07366c3ad6ed2ea7a66d2f473",
    "+7 912 345-67-89",
    "79123456789@msisdn",
    "79123456789",
    "AB-77",
    "ab-77",
];
const PIECES: &[&str] = &[
    "t a",
    " timeout ",
    "\": \"",
    "\"a\":",
    "e\\",
    "a\":\"",
    " a ",
    "id\":",
    "=",
    ",\"",
    "5.5",
    "null",
    ": true,",
    "бон",
    "é",
    "status\":404",
    " 404 ",
];
const EXPRESSIONS: &[&str] =
    &["tim.*out", "^a ", "[0-9]{5}", "(?i)ABON|абон", " (timeout|time) a ", "^$", "connection refused|404", "a -?[a-z]+ "];

/// A folder in memory where there is one: syncing is not what these tests are about.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub(crate) fn staff() -> Scope {
    Scope { reach: Reach::Everything, token: "staff".into() }
}

pub(crate) fn partner(partner: &str, instances: Option<&[&str]>) -> Scope {
    let instances = instances.map(|instances| Arc::new(instances.iter().map(|instance| (*instance).into()).collect()));
    Scope { reach: Reach::Partner { partner: partner.into(), instances }, token: "partner".into() }
}

pub(crate) fn key(partner: &str, module: &str) -> ModuleKey {
    ModuleKey { partner: partner.into(), module: module.into() }
}

pub(crate) fn owner(partner: &str, module: &str, instance: &str) -> Arc<Owner> {
    Arc::new(Owner {
        key: key(partner, module),
        instance: instance.into(),
        csp: if instance.ends_with('1') { "434" } else { "" }.into(),
        environment: "prod".into(),
        version: "2.4.1".into(),
    })
}

pub(crate) fn origin(pod: &str, substream: Substream) -> Arc<Origin> {
    Arc::new(Origin {
        cluster: "c1".into(),
        node: "n1".into(),
        namespace: "sms".into(),
        pod: pod.into(),
        pod_uid: format!("uid-{pod}").into(),
        container: "main".into(),
        restart: 3,
        substream,
        file: FileId(pod.len() as u128 * 77),
        file_name: "0.log".into(),
    })
}

/// A row with a message and attributes, and nothing special otherwise.
pub(crate) fn row(owner: &Arc<Owner>, seq: u64, arrived_ns: i64, time_ns: i64, message: &str, attributes: &str) -> Row {
    Row {
        seq,
        arrived_ns,
        owner: owner.clone(),
        origin: origin("pod-1", Substream::Stdout),
        offset: seq * 100,
        record: Record {
            time_ns,
            runtime_time_ns: time_ns + 5,
            severity: Some(Severity::INFO),
            verdict: Verdict::Ok,
            problems: Problems::default(),
            redactions: Vec::new(),
            message: message.to_owned(),
            attributes: attributes.to_owned(),
        },
    }
}

pub(crate) fn chunk(rows: Vec<Row>) -> Arc<Chunk> {
    let mut chunks = Chunk::of(rows.iter().map(RowRef::from), 1);
    assert_eq!(chunks.len(), 1, "of one owner, origin and arrival");
    chunks.remove(0)
}

/// A split of rows of one module, in a folder.
pub(crate) fn split(folder: &Path, rows: &[Row]) -> Arc<Shelved> {
    let views: Vec<RowRef<'_>> = rows.iter().map(RowRef::from).collect();
    let id = format!("{:032x}", rows[0].seq);
    let path = folder.join(&*rows[0].owner.key.module).join(format!("{id}.split"));
    let meta = build(&rows[0].owner.key, &id, &views, &path).unwrap();
    // Every other one has a filter, as small splits have.
    let filter = rows[0].seq.is_multiple_of(2).then(|| filter::kept(&filter::of(views.iter().copied(), filter::Words::Telling)).into());
    Arc::new(Shelved::new(&Arc::new(Shelf::new()), path, meta, None, filter))
}

/// A store: parts of rows (one owner, origin and arrival each, in the order of arrival), of which the first so many of each module
/// are in splits of so many parts, and the others live.
pub(crate) fn view(folder: &Path, parts: &[Vec<Row>], in_splits: usize, parts_per_split: usize) -> View {
    let mut modules: Vec<ModuleView> = Vec::new();
    let mut keys: Vec<ModuleKey> = parts.iter().map(|part| part[0].owner.key.clone()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let own: Vec<&Vec<Row>> = parts.iter().filter(|part| part[0].owner.key == key).collect();
        let (old, new) = own.split_at(in_splits.min(own.len()));
        let splits = old.chunks(parts_per_split.max(1)).map(|parts| {
            let rows: Vec<Row> = parts.iter().flat_map(|part| part.iter().cloned()).collect();
            split(folder, &rows)
        });
        let splits = splits.collect();
        let live: Vec<Arc<Chunk>> = new.iter().map(|part| chunk((*part).clone())).collect();
        let live: Vec<_> = live.chunks(2).map(|chunks| Arc::new(Pack::new(chunks.into()))).collect();
        // Every other one was asked before, and has a filter.
        live.iter().step_by(2).for_each(|pack| assert!(pack.filter().is_none()));
        modules.push(ModuleView { key, splits, live, visible_from_seq: 0 });
    }
    let as_of_ns = parts.iter().map(|part| part[0].arrived_ns).max().unwrap_or(0);
    View { modules, as_of_ns }
}

/// Text of words and what stands between them.
pub(crate) fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec((select(WORDS), select(SEPARATORS)), 0..6)
        .prop_map(|words| words.into_iter().flat_map(|(word, separator)| [word, separator]).collect())
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(serde_json::Value::from),
        2 => select(IDS).prop_map(serde_json::Value::from),
        1 => (0_u16..600).prop_map(serde_json::Value::from),
        1 => select(&[0.5, 5.5, 1e9, -3.25][..]).prop_map(serde_json::Value::from),
        1 => any::<bool>().prop_map(serde_json::Value::from),
        1 => Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            proptest::collection::vec((select(KEYS), inner), 0..3).prop_map(|entries| entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

/// Attributes: nothing, or an object, compact or with spaces.
pub(crate) fn attributes() -> impl Strategy<Value = String> {
    let object = proptest::collection::vec((select(KEYS), value()), 1..4).prop_map(|entries| {
        serde_json::Value::from(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<serde_json::Map<_, _>>())
    });
    let spaced = |object: serde_json::Value| serde_json::to_string_pretty(&object).unwrap();
    prop_oneof![
        1 => Just(String::new()),
        4 => (object, any::<bool>()).prop_map(move |(object, pretty)| if pretty { spaced(object) } else { object.to_string() }),
    ]
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let severity = select(&[None, Some(Severity::DEBUG), Some(Severity::INFO), Some(Severity::NOTICE), Some(Severity::ERROR)][..]);
    let verdict = select(&Verdict::ALL[..3]);
    let problems = select(&[0_u64, 0, 1, 1 << 15, 0b101][..]).prop_map(Problems);
    let redactions = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec![(RedactionKind::Password, 1), (RedactionKind::Jwt, 700)])];
    // Few times, so that ties and overlaps are common.
    (-20_i64..20, -3_i64..3, severity, verdict, problems, redactions, text(), attributes()).prop_map(
        |(time, late, severity, verdict, problems, redactions, message, attributes)| Record {
            time_ns: time * 1_000,
            runtime_time_ns: time * 1_000 + late,
            severity,
            verdict,
            problems,
            redactions,
            message,
            attributes,
        },
    )
}

/// Parts as they could arrive: of two partners, three modules, several instances; dense seqs, ascending arrivals.
pub(crate) fn parts() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let places = [("p1", "m1", "i1"), ("p1", "m1", "i2"), ("p1", "m3", "i31"), ("p2", "m2", "j1"), ("p2", "m2", "j2")];
    let substream = select(&[Substream::Stdout, Substream::Stderr][..]);
    let part = (select(places.to_vec()), substream, proptest::collection::vec(record(), 1..6));
    proptest::collection::vec(part, 1..14).prop_map(|parts| {
        let mut next = std::collections::HashMap::<&str, u64>::new();
        let mut numbered = Vec::new();
        for (arrival, ((partner, module, instance), substream, records)) in parts.into_iter().enumerate() {
            let (owner, origin) = (owner(partner, module, instance), origin(instance, substream));
            let seq = next.entry(module).or_insert(7);
            let arrived_ns = 1_000 + i64::try_from(arrival).unwrap();
            let rows = records.into_iter().map(|record| {
                *seq += 1;
                Row { seq: *seq - 1, arrived_ns, owner: owner.clone(), origin: origin.clone(), offset: *seq * 321, record }
            });
            numbered.push(rows.collect());
        }
        numbered
    })
}

fn words_of(text: &str) -> Vec<String> {
    martlog_formats::words::words(text).map(std::borrow::Cow::into_owned).collect()
}

fn word() -> impl Strategy<Value = String> {
    select(WORDS).prop_filter_map("no word", |word| words_of(word).into_iter().next())
}

/// Patterns that often match: a word with some of its characters replaced.
fn pattern() -> impl Strategy<Value = Pattern> {
    let wild = (word(), any::<Index>(), any::<Index>(), select(&["*", "?", "**", "?*"][..])).prop_map(|(word, from, to, wild)| {
        let characters: Vec<char> = word.chars().collect();
        let (from, to) = (from.index(characters.len()), to.index(characters.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        Pattern(characters[..from].iter().copied().chain(wild.chars()).chain(characters[to..].iter().copied()).collect())
    });
    prop_oneof![word().prop_map(Pattern), wild]
}

fn test() -> impl Strategy<Value = Test> {
    let bound = || prop_oneof![Just(None), (select(&[-3.25, 0.5, 5.5, 100.0, 404.0][..]), any::<bool>()).prop_map(Some)];
    prop_oneof![
        Just(Test::Exists),
        prop_oneof![
            select(IDS).prop_map(str::to_owned),
            text(),
            word(),
            select(&["p1", "m1", "i1", "434", "2.4.1", "stderr", "404", "true"][..]).prop_map(str::to_owned)
        ]
        .prop_map(Test::Equals),
        text().prop_map(|text| Test::Words(words_of(&text))),
        word().prop_map(|word| Test::Words(vec![word])),
        pattern().prop_map(Test::Wildcard),
        select(PIECES).prop_map(|piece| Test::Literal(piece.to_owned())),
        select(EXPRESSIONS).prop_map(|expression| Test::Regex(regex::Regex::new(expression).unwrap())),
        (bound(), bound()).prop_map(|(low, high)| Test::Number { low, high }),
    ]
}

fn field() -> impl Strategy<Value = Field> {
    use Stamp::{Csp, Id, Instance, Module, Partner, Pod, Stream, Version};
    let names = [
        "a",
        "user_id",
        "session_id",
        "call_id",
        "account_id",
        "h323_conf_id",
        "status",
        "request_id",
        "http.status",
        "attributes.pod",
        "http.a",
        "absent",
    ];
    prop_oneof![
        2 => select(&[Id, Partner, Module, Instance, Csp, Version, Pod, Stream][..]).prop_map(Field::Stamp),
        1 => Just(Field::Message),
        4 => select(names.to_vec()).prop_map(|name| Field::Attribute(name.to_owned())),
    ]
}

pub(crate) fn predicate() -> impl Strategy<Value = Predicate> {
    let id = (select(&["m1", "m2", "m9"][..]), 5_u64..20).prop_map(|(module, seq)| Test::Equals(format!("{module}/e/{seq}")));
    let leaf = prop_oneof![
        1 => Just(Predicate::All),
        6 => pattern().prop_map(Predicate::Word),
        2 => text().prop_map(|text| Predicate::Phrase(words_of(&text))),
        2 => select(PIECES).prop_map(|piece| Predicate::Literal(piece.to_owned())),
        1 => text().prop_map(Predicate::Literal),
        2 => select(EXPRESSIONS).prop_map(|expression| Predicate::Regex(regex::Regex::new(expression).unwrap())),
        2 => (0_u8..12, 9_u8..24).prop_map(|(low, high)| Predicate::Severity(low..=high)),
        1 => select(&Verdict::ALL[..]).prop_map(Predicate::Verdict),
        1 => select(&[Problem::NotJson, Problem::SecretRedacted][..]).prop_map(Predicate::Problem),
        1 => id.prop_map(|test| Predicate::Field(Field::Stamp(Stamp::Id), test)),
        6 => (field(), test()).prop_map(|(field, test)| Predicate::Field(field, test)),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Predicate::And),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Predicate::Or),
            inner.prop_map(|inner| Predicate::Not(Box::new(inner))),
        ]
    })
}
