//! Each operator and each pipe of the language by itself, over the whole day, and suggestions as they are asked for while a query is typed.

use super::generator::{COMMON_WORD, GAVE_UP, ID, LITERAL, NUMBERS, PHRASE, PREFIX, TWO_WORDS, Truth};
use super::queries::{Ask, Query};

/// Every match is counted, a hundred rows come.
const SEARCH: Ask = Ask::Search { limit: 100, count: true };

fn query(name: &'static str, ask: Ask, text: impl Into<String>, truth: Option<u64>) -> Query {
    Query { name, text: text.into(), ask, truth }
}

/// Operators of filters.
pub(crate) fn operators(truth: &Truth) -> Vec<Query> {
    let (busiest, of_busiest) = truth.busiest.clone().unwrap_or_default();
    let search = |name, text: String, truth| query(name, SEARCH, text, truth);
    let [first, second] = TWO_WORDS;
    let [low, high] = [NUMBERS.start(), NUMBERS.end()];
    vec![
        search("word", COMMON_WORD.to_owned(), Some(truth.common_word)),
        search("two words", format!("{first} {second}"), None),
        search("OR", format!("{PREFIX}* OR \"{PHRASE}\""), Some(truth.prefix + truth.phrase)),
        search("NOT", format!("NOT {COMMON_WORD}"), Some(truth.lines - truth.common_word)),
        search("parentheses", format!("level:error -({COMMON_WORD} OR {first})"), None),
        search("phrase", format!("\"{PHRASE}\""), Some(truth.phrase)),
        search("literal", format!("`{LITERAL}`"), Some(truth.literal)),
        search("wildcard at the end", format!("{PREFIX}*"), Some(truth.prefix)),
        search("wildcard at the beginning", "*phyrus".to_owned(), None),
        search("wildcard within, one letter", "zephyr?s".to_owned(), None),
        search("regular expression", format!("~\"{GAVE_UP}\""), Some(truth.gave_up)),
        search("field, exact id", format!("request_id:{ID}"), Some(truth.id)),
        search("any id of a session", format!("session:{ID}"), None),
        search("field, word of a text", "protocol:diameter".to_owned(), None),
        search("field, equals", "region=eu-north".to_owned(), None),
        search("field, not equal", "region!=eu-north".to_owned(), None),
        search("field exists", "duration_ms:*".to_owned(), None),
        search("field, one of a group", "method:(PUT OR DELETE)".to_owned(), None),
        search("comparison", format!("duration_ms>={low}"), None),
        search("range", format!("duration_ms:{low}..{high}"), Some(truth.numbers)),
        search("comparison with a unit", "duration_ms:>1.5s".to_owned(), None),
        search("field matches an expression", "tariff=~\"^gate[a-z]+$\"".to_owned(), None),
        search("field does not match one", "tariff!~\"^gate[a-z]+$\"".to_owned(), None),
        search("level", "level:error".to_owned(), Some(truth.errors_by_module.values().sum())),
        search("level from", "level>=warn".to_owned(), None),
        search("instance", format!("instance:{busiest}"), Some(of_busiest)),
        search("customer and level", "csp:434 level>=error".to_owned(), None),
        search("verdict", "verdict:raw".to_owned(), Some(0)),
        search("reason", "problem:bad_timestamp".to_owned(), Some(0)),
        search("nothing matches", "nosuchwordanywhere".to_owned(), Some(0)),
    ]
}

/// Pipes, one by one.
pub(crate) fn pipes(truth: &Truth) -> Vec<Query> {
    let (busiest, _) = truth.busiest.clone().unwrap_or_default();
    let pipes = |name, text: String, truth| query(name, Ask::Pipes, text, truth);
    let any = |name, text: &str| query(name, Ask::Pipes, text, None);
    vec![
        pipes("stats: count", "| stats count()".to_owned(), Some(truth.lines)),
        any("stats: count by module", "| stats count() by module"),
        any("stats: count by two fields", "| stats count() by module, level"),
        pipes("stats: uniq", "| stats uniq(session_id)".to_owned(), Some(truth.sessions)),
        any("stats: uniq by module", "| stats uniq(session_id) by module"),
        any(
            "stats: sum, min, max, avg by module",
            "| stats sum(duration_ms), min(duration_ms), max(duration_ms), avg(duration_ms) by module",
        ),
        any("stats: p50, p95, p99 by customer", "| stats p50(duration_ms), p95(duration_ms), p99(duration_ms) by csp"),
        any("stats: arithmetic", "| stats sum(duration_ms)/60000 as minutes, uniq(account_id) as users by csp"),
        any("timechart", "| timechart 5m count() by module"),
        any("timechart of a filter", "level:error | timechart 5m count(), p95(duration_ms)"),
        any("top", "| top 10 region"),
        any("top of a field of many values", "level:error | top 10 account_id"),
        any("fields, limit", "| fields time, module, message | limit 1000"),
        any("sort, limit", "level:error | sort -duration_ms | limit 100"),
        any("where", "level:error | where duration_ms>3900 | stats count() by module"),
        any("extract", "\"giving up\" | extract \"giving up: <*why>\" | top why"),
        any("dedup", "level:error | dedup module | fields module, message"),
        pipes("context", format!("request_id:{ID} | limit 1 | context 50 50"), None),
        pipes("session", format!("request_id:{ID} | limit 1 | session"), None),
        pipes("gaps", format!("instance:{busiest} level>=warn | gaps 500ms"), None),
        pipes("patterns of an instance's errors", format!("instance:{busiest} level>=error | patterns"), None),
        any("patterns of all errors", "level>=error | patterns"),
    ]
}

/// What is asked for while typing.
pub(crate) fn suggestions() -> Vec<Query> {
    let typed = |name, text: &str| query(name, Ask::Suggestions, text, None);
    vec![
        typed("the beginning", ""),
        typed("a field", "ti"),
        typed("a field behind a filter", "level:error dur"),
        typed("values of a field", "status:"),
        typed("values of a field of many values", "account_id:3"),
        typed("values behind a rare filter", "quaternion module:"),
        typed("a module", "module:sm"),
        typed("a pipe", "level:error | "),
        typed("a field of a pipe", "level:error | stats count() by "),
        typed("a figure", "level:error | stats p95("),
    ]
}
