//! Who is on the big server and what was logged: partners, modules, instances and lines, all made from one seed.
//!
//! Names are prefixes of each other where that is most likely to go wrong, every partner uses the same words and fields, and one telco is shared. What is somebody's alone
//! (names, markers, field names, numbers of lines) is spelled so that nothing else has it: it is found in an answer by comparing whole names.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};

/// Partners with their modules.
const PARTNERS: [(&str, [&str; 3]); 8] = [
    ("zor", ["smx", "smx-gw", "smxa"]),
    ("zor-2", ["smx-g", "smx-gwq", "crq"]),
    ("zorba", ["crq-a", "crqa", "bilq"]),
    ("quim", ["bilq-core", "bil-q", "voxq"]),
    ("quim-a", ["voxq-2", "voxqa", "gatq"]),
    ("vexil", ["gatq-x", "ga-tq", "ivrq"]),
    ("vex", ["ivrq-b", "payq", "payq-b"]),
    ("wumpq", ["hubq", "hubq-b", "pay-q"]),
];
/// Whom everybody serves.
const SHARED_TELCO: &str = "csp-434";
const LINES_OF_INSTANCE: usize = 25;
const LINES_OF_NOBODY: usize = 60;
/// Pods whose lines nobody owns.
const NOBODYS: [&str; 2] = ["smx-new", "lostq"];
pub(crate) const WORDS: [&str; 8] = ["connection", "refused", "timeout", "retry", "accepted", "queue", "handover", "refusal"];
pub(crate) const COLOURS: [&str; 3] = ["red", "green", "blue"];
pub(crate) const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];

pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) partner: usize,
    pub(crate) module: &'static str,
    pub(crate) csp: String,
}

impl Instance {
    pub(crate) fn namespace(&self) -> String {
        format!("ns-{}", self.id)
    }
}

/// A line as it was printed; the only copy that the oracle looks at.
pub(crate) struct Line {
    pub(crate) n: usize,
    /// `None`: a pod of nobody's.
    pub(crate) instance: Option<usize>,
    pub(crate) pod: usize,
    pub(crate) time: DateTime<Utc>,
    pub(crate) level: &'static str,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<String, String>,
    /// Pushed through the ingest door instead of printed by a pod.
    pub(crate) is_pushed: bool,
}

impl Line {
    /// The text that is logged.
    pub(crate) fn json(&self) -> String {
        let mut line = json!({
            "timestamp": self.time.to_rfc3339_opts(SecondsFormat::Millis, true),
            "level": self.level,
            "message": self.message,
            "status": self.status(),
            "duration_ms": self.n * 7 % 900,
        });
        for (name, value) in &self.fields {
            line[name] = json!(value);
        }
        line.to_string()
    }

    pub(crate) fn status(&self) -> usize {
        [200, 200, 404, 500][self.n % 4]
    }
}

/// What a token may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// `None`: the staff.
    pub(crate) partner: Option<usize>,
    /// Of the partner's instances only these; `None`: all.
    pub(crate) instances: Option<Vec<usize>>,
}

impl Grant {
    /// Whether it sees nothing that the other one does not.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let narrower = |granted: &Vec<usize>| self.instances.as_ref().is_some_and(|own| own.iter().all(|at| granted.contains(at)));
        other.partner.is_none() || (self.partner == other.partner && other.instances.as_ref().is_none_or(narrower))
    }
}

pub(crate) struct World {
    pub(crate) instances: Vec<Instance>,
    pub(crate) lines: Vec<Line>,
    /// The whole hour before the first line; all lines are within the ten hours behind it.
    pub(crate) begin: DateTime<Utc>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut instances = Vec::new();
        for (partner, (_, modules)) in PARTNERS.iter().enumerate() {
            for module in modules {
                for csp in [SHARED_TELCO.to_owned(), own_telco(partner)] {
                    instances.push(Instance { id: format!("{module}-{csp}"), partner, module, csp });
                }
            }
        }
        let hour = 3_600;
        let begin = DateTime::from_timestamp((Utc::now().timestamp() / hour - 12) * hour, 0).expect("an hour");
        let mut world = Self { instances, lines: Vec::new(), begin };
        for at in 0..world.instances.len() {
            (0..LINES_OF_INSTANCE).for_each(|_| world.log(Some(at), 0, &mut rng));
        }
        for at in 0..LINES_OF_NOBODY {
            world.log(None, at % NOBODYS.len(), &mut rng);
        }
        world
    }

    fn log(&mut self, instance: Option<usize>, pod: usize, rng: &mut StdRng) {
        let n = self.lines.len();
        // Each line has a time of its own, so that all servers have the same order of lines, but for some that share that of the line before in the same stream.
        let is_pushed = instance.is_some() && rng.random_ratio(1, 4);
        let twice = self.lines.last().filter(|last| (last.instance, last.pod, last.is_pushed) == (instance, pod, is_pushed));
        let own = self.begin
            + TimeDelta::milliseconds(
                i64::try_from(n * 7_919 % 35_000).expect("small") * 1_000 + 500 + i64::try_from(n % 400).expect("small"),
            );
        let time = twice.filter(|_| rng.random_ratio(1, 8)).map_or(own, |line| line.time);
        let owner = instance.map(|at| &self.instances[at]);
        let words: Vec<&str> = WORDS.sample(rng, 3).copied().collect();
        let (of_partner, of_instance) = (marker(owner.map(|owner| owner.partner)), format!("insq{}x", instance.unwrap_or(999)));
        let mut fields = BTreeMap::new();
        fields.insert("colour".to_owned(), (*COLOURS.choose(rng).expect("a colour")).to_owned());
        fields.insert("session_id".to_owned(), format!("s-{}", rng.random_range(0..60)));
        fields.insert("path".to_owned(), format!("/v1/{}", WORDS.choose(rng).expect("a word")));
        if rng.random_ratio(1, 2) {
            fields.insert(own_field(owner.map(|owner| owner.partner)), format!("valq{n}x"));
        }
        self.lines.push(Line {
            n,
            instance,
            pod,
            time,
            level: LEVELS.choose(rng).expect("a level"),
            message: format!("{} {of_partner} {of_instance} numq{n}x", words.join(" ")),
            fields,
            is_pushed,
        });
    }

    /// All partners whole, some with single instances, and the staff.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        let whole = (0..PARTNERS.len()).map(|partner| Grant { partner: Some(partner), instances: None });
        // One instance of each of these partners, and two of different modules.
        let narrow =
            [0, 1, 3, 6].into_iter().map(|partner| Grant { partner: Some(partner), instances: Some(vec![partner * 6 + partner % 6]) });
        let two = [0, 4].into_iter().map(|partner| Grant { partner: Some(partner), instances: Some(vec![partner * 6, partner * 6 + 3]) });
        whole.chain(narrow).chain(two).chain([Grant { partner: None, instances: None }]).collect()
    }

    pub(crate) fn partner(&self, at: usize) -> &'static str {
        PARTNERS[at].0
    }

    pub(crate) fn pod(&self, line: &Line) -> (String, String, String) {
        let name = line.instance.map_or_else(|| NOBODYS[line.pod].to_owned(), |at| self.instances[at].id.clone());
        let number = line.instance.unwrap_or(900 + line.pod);
        (format!("ns-{name}"), format!("pod-{name}-0"), format!("5b1c9d0e-8f6a-4c58-9f57-{number:012}"))
    }

    pub(crate) fn sees_instance(&self, grant: &Grant, at: usize) -> bool {
        let of_partner = grant.partner.is_none_or(|partner| self.instances[at].partner == partner);
        of_partner && grant.instances.as_ref().is_none_or(|granted| granted.contains(&at))
    }

    /// Lines of the quarantine only where they are asked for, by staff.
    pub(crate) fn sees(&self, grant: &Grant, line: &Line) -> bool {
        line.instance.map_or(grant.partner.is_none(), |at| self.sees_instance(grant, at))
    }

    /// Names that an answer for this grant may not have.
    pub(crate) fn foreign(&self, grant: &Grant) -> HashSet<String> {
        if grant.partner.is_none() {
            return HashSet::new();
        }
        let (mut own, mut all) = (HashSet::new(), HashSet::new());
        for (at, instance) in self.instances.iter().enumerate() {
            let names = [
                self.partner(instance.partner).to_owned(),
                instance.module.to_owned(),
                instance.id.clone(),
                instance.csp.clone(),
                instance.namespace(),
                marker(Some(instance.partner)),
                own_field(Some(instance.partner)),
                format!("insq{at}x"),
            ];
            if self.sees_instance(grant, at) {
                own.extend(names.clone());
            }
            all.extend(names);
        }
        all.extend([marker(None), own_field(None), "insq999x".to_owned()]);
        for line in &self.lines {
            let (namespace, pod, uid) = self.pod(line);
            let names = [format!("numq{}x", line.n), format!("valq{}x", line.n), namespace, pod, uid];
            if self.sees(grant, line) {
                own.extend(names.clone());
            }
            all.extend(names);
        }
        all.difference(&own).cloned().collect()
    }
}

/// A word that only this partner's lines have.
pub(crate) fn marker(partner: Option<usize>) -> String {
    partner.map_or_else(|| "markqnone".to_owned(), |partner| format!("markq{partner}"))
}

/// A field that only this partner's lines have.
pub(crate) fn own_field(partner: Option<usize>) -> String {
    partner.map_or_else(|| "fldqnone".to_owned(), |partner| format!("fldq{partner}"))
}

/// The first one's is a beginning of the shared one.
fn own_telco(partner: usize) -> String {
    if partner == 0 { "csp-43".to_owned() } else { format!("csp-43{partner}q") }
}
