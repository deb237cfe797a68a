//! What a plain filter finds, said in the simplest way: every line that the grant sees is looked at, one after the other.

use crate::world::{COLOURS, Grant, LEVELS, Line, WORDS, World, marker, own_field};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// A filter whose meaning is plain.
pub(crate) enum Filter {
    All,
    Word(String),
    Begins(String),
    Piece(String),
    Field(&'static str, String),
    Has(String),
    LevelFrom(usize),
    StatusFrom(usize),
    Not(Box<Filter>),
    And(Vec<Filter>),
    Or(Vec<Filter>),
}

impl Filter {
    pub(crate) fn random(rng: &mut StdRng, world: &World, depth: u8) -> Self {
        let several = |rng: &mut StdRng| (0..rng.random_range(2..4)).map(|_| Self::random(rng, world, depth - 1)).collect();
        match rng.random_range(0..if depth == 0 { 8 } else { 13 }) {
            0 => Self::Word((*WORDS.choose(rng).expect("a word")).to_owned()),
            1 => Self::Word(any_marker(rng, world)),
            2 => Self::Begins(WORDS.choose(rng).expect("a word")[..3].to_owned()),
            3 => Self::Piece(world.lines.choose(rng).expect("a line").message.chars().skip(3).take(rng.random_range(6..40)).collect()),
            4 | 5 => Self::stamp(rng, world),
            6 => Self::LevelFrom(rng.random_range(0..LEVELS.len())),
            7 => match rng.random_range(0..4) {
                0 => Self::All,
                1 => Self::Has(own_field(Some(rng.random_range(0..8)))),
                2 => Self::StatusFrom([200, 404, 500][rng.random_range(0..3)]),
                _ => Self::Field("colour", (*COLOURS.choose(rng).expect("a colour")).to_owned()),
            },
            8 => Self::Not(Box::new(Self::random(rng, world, depth - 1))),
            9 | 10 => Self::Or(several(rng)),
            _ => Self::And(several(rng)),
        }
    }

    fn stamp(rng: &mut StdRng, world: &World) -> Self {
        let instance = world.instances.choose(rng).expect("an instance");
        match rng.random_range(0..6) {
            0 => Self::Field("partner", world.partner(instance.partner).to_owned()),
            1 => Self::Field("module", instance.module.to_owned()),
            2 => Self::Field("instance", instance.id.clone()),
            3 => Self::Field("csp", instance.csp.clone()),
            4 => Self::Field("namespace", instance.namespace()),
            _ => Self::Field("session", format!("s-{}", rng.random_range(0..60))),
        }
    }

    /// In the language.
    pub(crate) fn text(&self) -> String {
        let all = |filters: &[Self], between: &str| format!("({})", filters.iter().map(Self::text).collect::<Vec<_>>().join(between));
        match self {
            Self::All => "*".to_owned(),
            Self::Word(word) => word.clone(),
            Self::Begins(begin) => format!("{begin}*"),
            Self::Piece(piece) => format!("`{piece}`"),
            Self::Field(name, value) => format!("{name}:{value}"),
            Self::Has(name) => format!("{name}:*"),
            Self::LevelFrom(level) => format!("level>={}", LEVELS[*level]),
            Self::StatusFrom(status) => format!("status>={status}"),
            Self::Not(filter) => format!("NOT {}", filter.text()),
            Self::And(filters) => all(filters, " "),
            Self::Or(filters) => all(filters, " OR "),
        }
    }

    fn matches(&self, world: &World, line: &Line) -> bool {
        let texts = || std::iter::once(line.message.as_str()).chain(line.fields.values().map(String::as_str));
        let words = || texts().flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'));
        match self {
            Self::All => true,
            Self::Word(word) => words().any(|one| one == word),
            Self::Begins(begin) => words().any(|one| one.starts_with(begin.as_str())),
            Self::Piece(piece) => texts().any(|text| text.contains(piece.as_str())),
            Self::Field("session", value) => line.fields.get("session_id") == Some(value),
            Self::Field("colour", value) => line.fields.get("colour") == Some(value),
            Self::Field("namespace", value) => !line.is_pushed && world.pod(line).0 == *value,
            Self::Field(name, value) => line.instance.is_some_and(|at| {
                let instance = &world.instances[at];
                let own = [
                    ("partner", world.partner(instance.partner)),
                    ("module", instance.module),
                    ("instance", &instance.id),
                    ("csp", &instance.csp),
                ];
                own.contains(&(name, value))
            }),
            Self::Has(name) => line.fields.contains_key(name),
            Self::LevelFrom(level) => LEVELS[*level..].contains(&line.level),
            Self::StatusFrom(status) => line.status() >= *status,
            Self::Not(filter) => !filter.matches(world, line),
            Self::And(filters) => filters.iter().all(|filter| filter.matches(world, line)),
            Self::Or(filters) => filters.iter().any(|filter| filter.matches(world, line)),
        }
    }

    /// The numbers of the lines that are found, lowest first, with times in milliseconds from `from` to before `to`.
    pub(crate) fn finds(&self, world: &World, grant: &Grant, from: i64, to: i64) -> Vec<usize> {
        let in_range = |line: &&Line| (from..to).contains(&line.time.timestamp_millis());
        let seen = world.lines.iter().filter(|line| line.instance.is_some() && world.sees(grant, line)).filter(in_range);
        seen.filter(|line| self.matches(world, line)).map(|line| line.n).collect()
    }
}

/// What somebody's lines have alone, whoever that is.
pub(crate) fn any_marker(rng: &mut StdRng, world: &World) -> String {
    match rng.random_range(0..4) {
        0 => marker(Some(rng.random_range(0..8))),
        1 => format!("insq{}x", rng.random_range(0..world.instances.len())),
        2 => format!("valq{}x", rng.random_range(0..world.lines.len())),
        _ => format!("numq{}x", rng.random_range(0..world.lines.len())),
    }
}
