//! The queries: what is asked, what has to come out, and how long it takes. Predicates are those that the query language makes of such texts.
//!
//! Each is asked once, which is its first time in this process, and then [`TIMES`] times; the median counts. From the call to the last row, or to the first one where that is asked, without
//! HTTP.

use super::generator::{
    COMMON_WORD, DAY_NS, FREQUENT_PIECE, GAVE_UP, ID, LITERAL, NUMBERS, PHRASE, PREFIX, RARE_WORD, TWO_WORDS, Truth, VOWELS,
};
use super::machine::Usage;
use super::report::{Bound, Figure, thousands};
use super::server::Failure;
use martlog_formats::{Severity, words};
use martlog_indexer::Indexer;
use martlog_indexer::registry::Scope;
use martlog_indexer::search::predicate::{Pattern, Stamp};
use martlog_indexer::search::request::GroupBy;
use martlog_indexer::search::{
    AggregateRequest, Bucket, Event, Field, Group, HistogramRequest, Key, Measure, Order, Predicate, SearchRequest, Test,
};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often each is asked after the first time, unless the variable `TIMES` says otherwise, for a profile.
const TIMES: u32 = 9;
/// Rows of a page.
const PAGE: u64 = 100;
/// ns.
const MINUTE_NS: i64 = 60_000_000_000;
/// Longer than any range: some two years, ns.
const ONE_BUCKET_NS: i64 = 1 << 56;
/// When a query gives up.
const DEADLINE: Duration = Duration::from_secs(120);

/// The day from [`DAY_NS`] on, to its last line: the steps between lines are random, so it falls a little behind midnight.
pub(crate) const DAY: Range<i64> = DAY_NS..DAY_NS + 25 * 60 * MINUTE_NS;

const SELECTIVE: Bound = Bound::at_most(5.0, 1.0, "ms");
const COUNTING: Bound = Bound::at_most(50.0, 10.0, "ms");
const LITERALS: Bound = Bound::at_most(150.0, 50.0, "ms");
const UNSELECTIVE: Bound = Bound::limit(1000.0, "ms");
const CHARTS: Bound = Bound::at_most(60.0, 20.0, "ms");
const FIRST_ROW: Bound = Bound::limit(50.0, "ms");

/// A query.
pub(crate) struct Query {
    pub(crate) name: &'static str,
    bound: Bound,
    predicate: Predicate,
    ask: Ask,
    truth: Found,
}

#[derive(Clone, Copy)]
enum Ask {
    /// The newest rows.
    Newest,
    /// The newest rows, and every match counted.
    NewestAndCount,
    /// The same, timed until the first row comes.
    FirstOfNewest,
    Count,
    PerMinute,
    PerModule,
    /// How many distinct sessions there are.
    Sessions,
    /// Average and p95 of `duration_ms`, by module.
    Durations,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    Rows(u64),
    /// Matches, and the rows of the page.
    Matched(u64, u64),
    /// Rows by the start of the bucket.
    Minutes(BTreeMap<i64, u64>),
    /// The ten groups with the most rows, and how many of them.
    Top(Vec<(String, u64)>),
    /// Distinct values.
    Distinct(u64),
    /// By group: the sum, how many, and the p95 of numbers.
    Numbers(Vec<(String, u64, u64, u64)>),
}

/// What came of a search: matches, rows, and when the first of these came.
struct Came {
    matched: u64,
    rows: u64,
    first: Duration,
}

/// How long it took.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) first: Duration,
    pub(crate) median: Duration,
    /// CPU time of all threads for one of the times after the first.
    cpu: Duration,
    found: Found,
}

/// All of them.
pub(crate) fn all(truth: &Truth) -> Result<Vec<Query>, Failure> {
    let mut queries = selective(truth);
    queries.extend(counting(truth));
    queries.extend([
        count("selective substring, count", LITERALS, Predicate::Literal(LITERAL.to_owned()), truth.literal),
        count("regular expression with literals, count", LITERALS, regex(GAVE_UP)?, truth.gave_up),
        count(
            "unselective substring of two letters, count",
            UNSELECTIVE,
            Predicate::Literal(FREQUENT_PIECE.to_owned()),
            truth.frequent_piece,
        ),
        count("unselective regular expression `[aeiou]{3}`, count", UNSELECTIVE, regex(VOWELS)?, truth.vowels),
    ]);
    queries.extend(charts(truth));
    queries.extend(first_rows(truth)?);
    Ok(queries)
}

fn selective(truth: &Truth) -> Vec<Query> {
    let (busiest, of_busiest) = truth.busiest.clone().unwrap_or_default();
    let quietest = truth.by_instance.iter().min_by_key(|(_, lines)| **lines);
    let (quietest, of_quietest) = quietest.map(|(id, lines)| (id.clone(), *lines)).unwrap_or_default();
    vec![
        page("rare word", SELECTIVE, word(RARE_WORD), truth.rare_word),
        page("id: `request_id:…`", SELECTIVE, id_is(ID), truth.id),
        page("selective phrase of five words", SELECTIVE, phrase(), truth.phrase),
        newest("the busiest instance's last 100", instance_is(&busiest), of_busiest),
        newest("the quietest instance's last 100", instance_is(&quietest), of_quietest),
        newest("all last 100", Predicate::All, truth.lines),
    ]
}

fn counting(truth: &Truth) -> Vec<Query> {
    let (partner, of_both) = truth.two_words.clone().unwrap_or_default();
    let of_partner = Predicate::Field(Field::Stamp(Stamp::Partner), Test::Equals(partner.to_string()));
    let both = [of_partner].into_iter().chain(TWO_WORDS.map(word)).collect();
    let negation = Predicate::And(vec![error(), not_common()]);
    vec![
        count("common word `timeout`, count", COUNTING, word(COMMON_WORD), truth.common_word),
        count("prefix `zephyr*`, count", COUNTING, word(&format!("{PREFIX}*")), truth.prefix),
        count("negation `level:error -timeout`, count", COUNTING, negation, truth.error_without_common_word),
        count("negation alone, `-timeout`, count", COUNTING, not_common(), truth.lines - truth.common_word),
        count("number range `duration_ms:2000..2999`, count", COUNTING, numbers(), truth.numbers),
        count("two words of one partner, count", COUNTING, Predicate::And(both), of_both),
    ]
}

fn charts(truth: &Truth) -> [Query; 4] {
    let minutes = truth.by_minute.iter().map(|(minute, lines)| (minute * MINUTE_NS, *lines)).collect();
    let chart = |name, predicate, ask, truth| Query { name, bound: CHARTS, predicate, ask, truth };
    let errors = truth.errors_by_module.iter().map(|(module, errors)| (module.to_string(), *errors));
    let durations = truth.durations_by_module.iter().map(|(module, durations)| {
        let count: u64 = durations.values().sum();
        let mut seen = 0;
        let p95 = durations.iter().find(|(_, lines)| {
            seen += **lines;
            seen * 100 >= count * 95
        });
        (module.to_string(), durations.iter().map(|(ms, lines)| ms * lines).sum(), count, p95.map_or(0, |(ms, _)| *ms))
    });
    let durations = Found::Numbers(durations.collect());
    [
        chart("histogram of the day per minute", Predicate::All, Ask::PerMinute, Found::Minutes(minutes)),
        chart("top modules by errors", error(), Ask::PerModule, Found::Top(top(errors))),
        chart("distinct sessions", Predicate::All, Ask::Sessions, Found::Distinct(truth.sessions)),
        chart("average and p95 of `duration_ms` by module", Predicate::All, Ask::Durations, durations),
    ]
}

/// What takes long before its first row can be known: each split of the day may have it.
fn first_rows(truth: &Truth) -> Result<Vec<Query>, Failure> {
    let first = |name, predicate, matches| Query { ask: Ask::FirstOfNewest, bound: FIRST_ROW, ..page(name, SELECTIVE, predicate, matches) };
    let negation = Predicate::And(vec![error(), not_common()]);
    Ok(vec![
        first("first row: common word `timeout`", word(COMMON_WORD), truth.common_word),
        first("first row: prefix `zephyr*`", word(&format!("{PREFIX}*")), truth.prefix),
        first("first row: wildcard at the beginning `*ephyr*`", word("*ephyr*"), truth.prefix),
        first("first row: selective substring", Predicate::Literal(LITERAL.to_owned()), truth.literal),
        first("first row: regular expression with literals", regex(GAVE_UP)?, truth.gave_up),
        first("first row: unselective regular expression `[aeiou]{3}`", regex(VOWELS)?, truth.vowels),
        first("first row: number range `duration_ms:2000..2999`", numbers(), truth.numbers),
        first("first row: negation `level:error -timeout`", negation, truth.error_without_common_word),
    ])
}

/// The same queries of one instance, to be compared between stores: what they find is told, not judged.
pub(crate) fn of_instance(instance: &str) -> Result<Vec<Query>, Failure> {
    let with = |predicate| Predicate::And(vec![instance_is(instance), predicate]);
    Ok(vec![
        page("rare word", SELECTIVE, with(word(RARE_WORD)), 0),
        page("id", SELECTIVE, with(id_is(ID)), 0),
        page("selective phrase", SELECTIVE, with(phrase()), 0),
        newest("last 100", instance_is(instance), 0),
        count("all of it, count", COUNTING, instance_is(instance), 0),
        count("common word, count", COUNTING, with(word(COMMON_WORD)), 0),
        count("prefix, count", COUNTING, with(word(&format!("{PREFIX}*"))), 0),
        count("negation, count", COUNTING, with(not_common()), 0),
        count("number range, count", COUNTING, with(numbers()), 0),
        count("substring, count", LITERALS, with(Predicate::Literal(LITERAL.to_owned())), 0),
        count("regular expression with literals, count", LITERALS, with(regex(GAVE_UP)?), 0),
        count("unselective regular expression, count", UNSELECTIVE, with(regex(VOWELS)?), 0),
        Query { ask: Ask::PerMinute, ..count("histogram per minute", CHARTS, instance_is(instance), 0) },
    ])
}

/// A page of rows with all matches counted, as a reader asks for it.
pub(crate) fn page(name: &'static str, bound: Bound, predicate: Predicate, matches: u64) -> Query {
    Query { name, bound, predicate, ask: Ask::NewestAndCount, truth: Found::Matched(matches, matches.min(PAGE)) }
}

fn newest(name: &'static str, predicate: Predicate, matches: u64) -> Query {
    Query { name, bound: SELECTIVE, predicate, ask: Ask::Newest, truth: Found::Rows(matches.min(PAGE)) }
}

fn count(name: &'static str, bound: Bound, predicate: Predicate, matches: u64) -> Query {
    Query { name, bound, predicate, ask: Ask::Count, truth: Found::Matched(matches, 0) }
}

fn word(word: &str) -> Predicate {
    Predicate::Word(Pattern(word.to_owned()))
}

fn not_common() -> Predicate {
    Predicate::Not(Box::new(word(COMMON_WORD)))
}

fn instance_is(instance: &str) -> Predicate {
    Predicate::Field(Field::Stamp(Stamp::Instance), Test::Equals(instance.to_owned()))
}

pub(crate) fn id_is(id: &str) -> Predicate {
    Predicate::Field(Field::Attribute("request_id".to_owned()), Test::Equals(id.to_owned()))
}

/// The shown level: four severity numbers.
fn error() -> Predicate {
    let first = Severity::ERROR.number();
    Predicate::Severity(first..=first + 3)
}

fn numbers() -> Predicate {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let bound = |number: &u64| Some((*number as f64, true));
    let test = Test::Number { low: bound(NUMBERS.start()), high: bound(NUMBERS.end()) };
    Predicate::Field(Field::Attribute("duration_ms".to_owned()), test)
}

fn phrase() -> Predicate {
    Predicate::Phrase(words::words(PHRASE).map(std::borrow::Cow::into_owned).collect())
}

fn regex(text: &str) -> Result<Predicate, Failure> {
    Ok(Predicate::Regex(regex::Regex::new(text)?))
}

impl Query {
    /// Asks once: what was found, and how long it took.
    pub(crate) async fn ask(&self, indexer: &Indexer, scope: &Scope, range: &Range<i64>) -> Result<(Found, Duration), Failure> {
        let begun = Instant::now();
        if matches!(self.ask, Ask::FirstOfNewest) {
            let came = self.search(indexer, scope, range, PAGE, true).await?;
            return Ok((Found::Matched(came.matched, came.rows), came.first));
        }
        let found = self.found(indexer, scope, range).await?;
        Ok((found, begun.elapsed()))
    }

    async fn found(&self, indexer: &Indexer, scope: &Scope, range: &Range<i64>) -> Result<Found, Failure> {
        let matched = |came: Came| Found::Matched(came.matched, came.rows);
        match self.ask {
            Ask::Newest => Ok(Found::Rows(self.search(indexer, scope, range, PAGE, false).await?.rows)),
            Ask::NewestAndCount | Ask::FirstOfNewest => self.search(indexer, scope, range, PAGE, true).await.map(matched),
            Ask::Count => self.search(indexer, scope, range, 0, true).await.map(matched),
            Ask::PerMinute => {
                let buckets = self.histogram(indexer, scope, range, MINUTE_NS, None).await?;
                Ok(Found::Minutes(buckets.into_iter().map(|bucket| (bucket.start_ns, bucket.count)).collect()))
            }
            Ask::PerModule => {
                let buckets = self.histogram(indexer, scope, range, ONE_BUCKET_NS, Some(GroupBy::Module)).await?;
                let mut modules = BTreeMap::<String, u64>::new();
                for (module, count) in buckets.into_iter().flat_map(|bucket| bucket.by) {
                    *modules.entry(module).or_default() += count;
                }
                Ok(Found::Top(top(modules)))
            }
            Ask::Sessions => {
                let groups = self.aggregate(indexer, scope, range, Vec::new(), "session_id", true).await?;
                let count = groups.first().and_then(|group| group.of.first()).map_or(0.0, |measured| measured.distinct.count().value);
                Ok(Found::Distinct(whole(count)))
            }
            Ask::Durations => {
                let by = vec![Key::Field(Field::Stamp(Stamp::Module))];
                let groups = self.aggregate(indexer, scope, range, by, "duration_ms", false).await?;
                let numbers = groups.into_iter().filter_map(|group| {
                    let (module, measured) = (group.key.into_iter().next().flatten()?, group.of.into_iter().next()?);
                    let p95 = measured.quantiles.quantile(0.95).map_or(0.0, |estimate| estimate.value);
                    (measured.count > 0).then(|| (module, whole(measured.sum), measured.count, whole(p95)))
                });
                Ok(Found::Numbers(numbers.collect()))
            }
        }
    }

    /// Asks once and then [`TIMES`] times.
    pub(crate) async fn take(&self, indexer: &Indexer, scope: &Scope, range: &Range<i64>) -> Result<Taken, Failure> {
        let (found, first) = self.ask(indexer, scope, range).await?;
        let count = std::env::var("TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(TIMES).max(1);
        let mut times = Vec::new();
        let before = Usage::now();
        for _ in 0..count {
            times.push(self.ask(indexer, scope, range).await?.1);
        }
        let cpu = Duration::from_secs_f64(Usage::now().since(&before).process.max(0.0)) / count;
        Ok(Taken { first, median: median(times), cpu, found })
    }

    async fn search(&self, indexer: &Indexer, scope: &Scope, range: &Range<i64>, limit: u64, count: bool) -> Result<Came, Failure> {
        let request = SearchRequest {
            predicate: Arc::new(self.predicate.clone()),
            from_ns: range.start,
            to_ns: range.end,
            order: Order::NewestFirst,
            limit: usize::try_from(limit)?,
            after: None,
            as_of_ns: None,
            count,
            quarantine: false,
            deadline: Instant::now() + DEADLINE,
        };
        let begun = Instant::now();
        let mut events = indexer.search(scope, request);
        let mut came = Came { matched: 0, rows: 0, first: Duration::ZERO };
        while let Some(event) = events.recv().await {
            match event {
                Event::Row(_) => {
                    if came.rows == 0 {
                        came.first = begun.elapsed();
                    }
                    came.rows += 1;
                }
                Event::Progress { .. } => {}
                Event::Summary(summary) => return Ok(Came { matched: summary.matched, ..came }),
                Event::Error(error) => return Err(error.into()),
            }
        }
        Err("a search ended without a summary".into())
    }

    async fn aggregate(
        &self,
        indexer: &Indexer,
        scope: &Scope,
        range: &Range<i64>,
        by: Vec<Key>,
        field: &str,
        distinct: bool,
    ) -> Result<Vec<Group>, Failure> {
        let measure = Measure { field: Field::Attribute(field.to_owned()), numbers: !distinct, quantiles: !distinct, distinct };
        let request = AggregateRequest {
            predicate: Arc::new(self.predicate.clone()),
            from_ns: range.start,
            to_ns: range.end,
            by,
            of: vec![measure],
            quarantine: false,
            deadline: Instant::now() + DEADLINE,
        };
        Ok(indexer.aggregate(scope, request).await?)
    }

    async fn histogram(
        &self,
        indexer: &Indexer,
        scope: &Scope,
        range: &Range<i64>,
        interval_ns: i64,
        by: Option<GroupBy>,
    ) -> Result<Vec<Bucket>, Failure> {
        let request = HistogramRequest {
            predicate: Arc::new(self.predicate.clone()),
            from_ns: range.start,
            to_ns: range.end,
            interval_ns,
            by,
            quarantine: false,
            deadline: Instant::now() + DEADLINE,
        };
        Ok(indexer.histogram(scope, request).await?.buckets)
    }

    /// The query beside its bound; `live` is the same one of another truth, with full live buffers.
    pub(crate) fn figure(&self, taken: &Taken, live: Option<(&Self, &Taken)>) -> Figure {
        let more = format!("CPU {:.1} ms; first time {:.1} ms; {}", ms(taken.cpu), ms(taken.first), self.judge(&taken.found));
        match live {
            Some((query, live)) => {
                let (cpu, first) = (ms(live.cpu), ms(live.first));
                let more = format!("{more}; with live rows CPU {cpu:.1} ms; first time {first:.1} ms; {}", query.judge(&live.found));
                Figure::with_live(self.name, self.bound, ms(taken.median), ms(live.median), more)
            }
            None => Figure::new(self.name, self.bound, ms(taken.median), more),
        }
    }

    /// What came out; in bold where it is not what the generator knows.
    fn judge(&self, found: &Found) -> String {
        if *found == self.truth { found.told() } else { format!("**{} instead of {}**", found.told(), self.truth.told()) }
    }
}

impl Found {
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Rows(rows) => format!("{rows} rows"),
            Self::Matched(matched, rows) if *rows > 0 => format!("{} matches, {rows} rows", thousands(*matched)),
            Self::Matched(matched, _) => format!("{} matches", thousands(*matched)),
            Self::Minutes(minutes) => format!("{} lines in {} buckets", thousands(minutes.values().sum()), thousands(minutes.len() as u64)),
            Self::Top(groups) => match groups.first() {
                Some((first, count)) => format!("{} groups, the first {first} with {}", groups.len(), thousands(*count)),
                None => "no group".to_owned(),
            },
            Self::Distinct(count) => format!("{} distinct", thousands(*count)),
            Self::Numbers(groups) => format!("{} numbers in {} groups", thousands(groups.iter().map(|group| group.2).sum()), groups.len()),
        }
    }
}

/// A count, a sum of whole numbers, one of them.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, far below 2^53")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// The ten with the most, the first by name where several have as many.
fn top(groups: impl IntoIterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    groups.truncate(10);
    groups
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
