//! LogQL: `{app="sms"} |= "timeout" | json | status>=500`, and what counts over time.

use super::tokens::{Token, Tokens};
use super::{quoted, value};
use crate::lang::error::back_ticked;

/// Functions over a range, and the figure that each is here; of a field where `unwrap` names one.
const OVER_TIME: [(&str, &str); 7] = [
    ("count_over_time", "count()"),
    ("rate", "count()"),
    ("sum_over_time", "sum"),
    ("avg_over_time", "avg"),
    ("min_over_time", "min"),
    ("max_over_time", "max"),
    ("quantile_over_time", "p"),
];
/// What is computed of the series of a range.
const AGGREGATIONS: [&str; 5] = ["sum", "avg", "min", "max", "count"];

/// `{label="value"`, by itself or within a function. A line of JSON has a quotation mark behind the brace.
pub(super) fn is_it(text: &str) -> bool {
    let Some(open) = text.find('{') else { return false };
    let head = text[..open].trim_end();
    let name_end = head.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(head.len());
    let name = &head[..name_end];
    let is_function = OVER_TIME.iter().any(|(known, _)| *known == name) || AGGREGATIONS.contains(&name) || name == "topk";
    let within_function = is_function && head.ends_with(['(', ',']);
    if !(head.is_empty() || within_function) {
        return false;
    }
    let inner = text[open + 1..].trim_start();
    let behind = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').trim_start();
    behind.len() < inner.len() && ["=\"", "!=\"", "=~\"", "!~\"", "=`", "= \""].iter().any(|op| behind.starts_with(op))
}

/// The same question here; `None` where something of it has no counterpart.
pub(super) fn here(text: &str) -> Option<String> {
    let mut tokens = Tokens::read(text)?;
    let query = match tokens.peek()? {
        Token::Sign("{") => log_query(&mut tokens)?.text(),
        _ => metric(&mut tokens)?,
    };
    tokens.is_end().then_some(query)
}

/// The lines that are asked for.
#[derive(Default)]
struct LogQuery {
    clauses: Vec<String>,
    pipes: Vec<String>,
    unwrap: Option<String>,
}

impl LogQuery {
    fn text(&self) -> String {
        let mut text = self.clauses.join(" ");
        self.pipes.iter().for_each(|pipe| text.push_str(&format!(" | {pipe}")));
        text
    }
}

fn log_query(tokens: &mut Tokens) -> Option<LogQuery> {
    let mut query = LogQuery::default();
    tokens.sign("{").then_some(())?;
    while !tokens.sign("}") {
        let label = tokens.word()?;
        let clause = match tokens.any_sign(&["=~", "!~", "!=", "="])? {
            "=" => format!("{label}:{}", value(&tokens.text()?)),
            op => format!("{label}{op}{}", quoted(&tokens.text()?)),
        };
        query.clauses.push(clause);
        tokens.sign(",");
    }
    loop {
        match tokens.any_sign(&["|=", "!=", "|~", "!~", "|"]) {
            Some("|=") => query.clauses.push(piece(&tokens.text()?)),
            Some("!=") => query.clauses.push(format!("-{}", piece(&tokens.text()?))),
            Some("|~") => query.clauses.push(format!("~{}", quoted(&tokens.text()?))),
            Some("!~") => query.clauses.push(format!("-~{}", quoted(&tokens.text()?))),
            Some(_) => stage(tokens, &mut query)?,
            None => return Some(query),
        }
    }
}

/// A piece of a line, exactly: no word, since LogQL knows none.
fn piece(text: &str) -> String {
    back_ticked(text)
}

fn stage(tokens: &mut Tokens, query: &mut LogQuery) -> Option<()> {
    let name = tokens.word()?;
    match name.as_str() {
        // What lines bring along is read here without being asked for.
        "json" | "logfmt" | "unpack" if !matches!(tokens.peek(), Some(Token::Word(_))) => {}
        "pattern" => query.pipes.push(format!("extract {}", quoted(&pattern(&tokens.text()?)?))),
        "regexp" => query.pipes.push(format!("extract ~{}", quoted(&tokens.text()?))),
        "unwrap" => query.unwrap = Some(tokens.word()?),
        _ => {
            let clause = label_filter(tokens, name)?;
            if query.pipes.is_empty() { query.clauses.push(clause) } else { query.pipes.push(format!("where {clause}")) }
        }
    }
    Some(())
}

/// `status>=500 and level="error"`
fn label_filter(tokens: &mut Tokens, mut label: String) -> Option<String> {
    let mut clauses = Vec::new();
    loop {
        let op = tokens.any_sign(&["=~", "!~", "!=", "==", "=", ">=", "<=", ">", "<"])?;
        let operand = match tokens.next()? {
            Token::Word(number) => number,
            Token::Text(text) if matches!(op, "=~" | "!~") => quoted(&text),
            Token::Text(text) => value(&text),
            Token::Sign(_) => return None,
        };
        let op = if matches!(op, "=" | "==") { ":" } else { op };
        clauses.push(format!("{label}{op}{operand}"));
        if !(tokens.keyword("and") || tokens.sign(",")) {
            return Some(clauses.join(" "));
        }
        label = tokens.word()?;
    }
}

/// `<ip> - <_> [<time>]` is `*ip - * [*time]`.
fn pattern(text: &str) -> Option<String> {
    let mut pattern = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        let (name, behind) = behind.split_once('>')?;
        pattern.push_str(&before.replace('*', "\\*"));
        pattern.push('*');
        pattern.push_str(if name == "_" { "" } else { name });
        rest = behind;
    }
    pattern.push_str(&rest.replace('*', "\\*"));
    Some(pattern)
}

/// `sum by (csp) (count_over_time({…}[5m]))`, `topk(5, …)`, or the inner function alone.
fn metric(tokens: &mut Tokens) -> Option<String> {
    let name = tokens.word()?;
    if name == "topk" {
        return top(tokens);
    }
    if !AGGREGATIONS.contains(&name.as_str()) {
        return over_time(tokens, &name)
            .map(|(query, figure, every)| format!("{query} | timechart {every} {figure}").trim_start().to_owned());
    }
    let mut by = grouping(tokens)?;
    tokens.sign("(").then_some(())?;
    let inner = tokens.word()?;
    let (query, figure, every) = over_time(tokens, &inner)?;
    tokens.sign(")").then_some(())?;
    by.extend(grouping(tokens)?);
    // A sum of counts or sums is one over all lines; means of means are none.
    let sums = name == "sum" && (figure.starts_with("count") || figure.starts_with("sum"));
    let extreme = (name == "max" && figure.starts_with("max")) || (name == "min" && figure.starts_with("min"));
    let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
    (sums || extreme).then(|| format!("{query} | timechart {every} {figure}{by}"))
}

/// `by (a, b)`, when it is there.
fn grouping(tokens: &mut Tokens) -> Option<Vec<String>> {
    if !tokens.keyword("by") {
        return Some(Vec::new());
    }
    tokens.sign("(").then_some(())?;
    let names = tokens.names()?;
    tokens.sign(")").then_some(names)
}

fn top(tokens: &mut Tokens) -> Option<String> {
    tokens.sign("(").then_some(())?;
    let rows: u32 = tokens.word()?.parse().ok()?;
    tokens.sign(",").then_some(())?;
    tokens.keyword("sum").then_some(())?;
    let mut by = grouping(tokens)?;
    tokens.sign("(").then_some(())?;
    let inner = tokens.word()?;
    let (query, figure, _) = over_time(tokens, &inner)?;
    tokens.sign(")").then_some(())?;
    by.extend(grouping(tokens)?);
    tokens.sign(")").then_some(())?;
    let [field] = by.as_slice() else { return None };
    figure.starts_with("count").then(|| format!("{query} | top {rows} {field}"))
}

/// Behind the name of a function over a range: the lines, the figure and the width.
fn over_time(tokens: &mut Tokens, name: &str) -> Option<(String, String, String)> {
    let (_, figure) = OVER_TIME.iter().find(|(known, _)| *known == name)?;
    tokens.sign("(").then_some(())?;
    let share: Option<f64> = if *figure == "p" { tokens.word()?.parse().ok() } else { None };
    if *figure == "p" {
        tokens.sign(",").then_some(())?;
    }
    let query = log_query(tokens)?;
    tokens.sign("[").then_some(())?;
    let every = tokens.word()?;
    tokens.sign("]").then_some(())?;
    tokens.sign(")").then_some(())?;
    let figure = match (*figure, &query.unwrap, share) {
        ("count()", None, _) if name == "rate" => {
            let seconds = crate::time::duration(&every).ok()? / 1_000_000_000;
            format!("count()/{seconds} as rate")
        }
        ("count()", None, _) => "count()".to_owned(),
        ("p", Some(field), Some(share)) => format!("p{}({field})", (share * 100_000.0).round() / 1_000.0),
        ("count()" | "p", _, _) => return None,
        (function, Some(field), _) => format!("{function}({field})"),
        (_, None, _) => return None,
    };
    Some((query.text(), figure, every))
}
