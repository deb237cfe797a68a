//! SQL: `SELECT csp, count(*) FROM logs WHERE status >= 500 GROUP BY csp ORDER BY count(*) DESC LIMIT 10`.

use super::tokens::{Token, Tokens};
use super::{quoted, value};
use crate::lang::error::back_ticked;

/// Nesting of conditions; bounds the stack.
const DEPTH_MAX: usize = 20;

/// `SELECT … FROM`, in any case.
pub(super) fn is_it(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let select = words.next().is_some_and(|word| word.eq_ignore_ascii_case("select"));
    select && words.any(|word| word.eq_ignore_ascii_case("from"))
}

/// The same question here; `None` where something of it has no counterpart.
pub(super) fn here(text: &str) -> Option<String> {
    let mut tokens = Tokens::read(text)?;
    tokens.keyword("select").then_some(())?;
    let columns = columns(&mut tokens)?;
    tokens.keyword("from").then_some(())?;
    tokens.word().or_else(|| tokens.text())?;
    let filter = if tokens.keyword("where") { or(&mut tokens, 0)? } else { String::new() };
    let groups = if tokens.keyword("group") && tokens.keyword("by") { tokens.names()? } else { Vec::new() };
    let order = if tokens.keyword("order") && tokens.keyword("by") { order(&mut tokens)? } else { Vec::new() };
    let limit = if tokens.keyword("limit") { Some(tokens.word()?.parse::<u64>().ok()?) } else { None };
    tokens.sign(";");
    if !tokens.is_end() {
        return None;
    }
    let mut pipes = Vec::new();
    let figures: Vec<String> =
        columns.iter().filter_map(|column| if let Column::Figure(figure) = column { Some(figure.clone()) } else { None }).collect();
    let names: Vec<String> =
        columns.iter().filter_map(|column| if let Column::Name(name) = column { Some(name.clone()) } else { None }).collect();
    if !figures.is_empty() || !groups.is_empty() {
        // A column beside figures is one of the groups.
        if !names.iter().all(|name| groups.contains(name)) {
            return None;
        }
        let by = if groups.is_empty() { String::new() } else { format!(" by {}", groups.join(", ")) };
        let figures = if figures.is_empty() { "count()".to_owned() } else { figures.join(", ") };
        pipes.push(format!("stats {figures}{by}"));
    }
    if !order.is_empty() {
        pipes.push(format!("sort {}", order.join(", ")));
    }
    if figures.is_empty() && groups.is_empty() && !names.is_empty() {
        pipes.push(format!("fields {}", names.join(", ")));
    }
    pipes.extend(limit.map(|rows| format!("limit {rows}")));
    let mut query = filter;
    for pipe in pipes {
        query.push_str(if query.is_empty() { "| " } else { " | " });
        query.push_str(&pipe);
    }
    Some(query)
}

enum Column {
    All,
    Name(String),
    Figure(String),
}

fn columns(tokens: &mut Tokens) -> Option<Vec<Column>> {
    let mut columns = Vec::new();
    loop {
        columns.push(if tokens.sign("*") { Column::All } else { column(tokens)? });
        if !tokens.sign(",") {
            return Some(columns);
        }
    }
}

fn column(tokens: &mut Tokens) -> Option<Column> {
    let name = tokens.word()?;
    let Some(figure) = figure(tokens, &name)? else { return Some(Column::Name(name)) };
    Some(Column::Figure(if tokens.keyword("as") { format!("{figure} as {}", tokens.word()?) } else { figure }))
}

/// `count(*)`, `sum(a)`, `count(distinct a)`; the inner nothing is a name without parentheses.
#[allow(clippy::option_option)] // Not understood, and not there, are two things.
fn figure(tokens: &mut Tokens, name: &str) -> Option<Option<String>> {
    if !tokens.sign("(") {
        return Some(None);
    }
    let name = name.to_ascii_lowercase();
    let figure = match name.as_str() {
        "count" if tokens.sign("*") => "count()".to_owned(),
        "count" if tokens.keyword("distinct") => format!("uniq({})", tokens.word()?),
        "sum" | "avg" | "min" | "max" => format!("{name}({})", tokens.word()?),
        _ => return None,
    };
    tokens.sign(")").then_some(Some(figure))
}

fn order(tokens: &mut Tokens) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    loop {
        let name = tokens.word()?;
        let key = figure(tokens, &name)?.unwrap_or(name);
        let descending = tokens.keyword("desc");
        if !descending {
            tokens.keyword("asc");
        }
        keys.push(format!("{}{key}", if descending { "-" } else { "" }));
        if !tokens.sign(",") {
            return Some(keys);
        }
    }
}

fn or(tokens: &mut Tokens, depth: usize) -> Option<String> {
    let mut any = vec![and(tokens, depth)?];
    while tokens.keyword("or") {
        any.push(and(tokens, depth)?);
    }
    Some(any.join(" OR "))
}

fn and(tokens: &mut Tokens, depth: usize) -> Option<String> {
    let mut all = vec![not(tokens, depth)?];
    while tokens.keyword("and") {
        all.push(not(tokens, depth)?);
    }
    Some(all.join(" "))
}

fn not(tokens: &mut Tokens, depth: usize) -> Option<String> {
    if depth >= DEPTH_MAX {
        return None;
    }
    if tokens.keyword("not") {
        return Some(format!("NOT {}", not(tokens, depth + 1)?));
    }
    if tokens.sign("(") {
        let inner = or(tokens, depth + 1)?;
        return tokens.sign(")").then(|| format!("({inner})"));
    }
    condition(tokens)
}

fn condition(tokens: &mut Tokens) -> Option<String> {
    let field = tokens.word()?;
    let place = tokens.place();
    let negated = tokens.keyword("not");
    let sign = if negated { "-" } else { "" };
    if tokens.keyword("like") || tokens.keyword("ilike") {
        return like(&field, &tokens.text()?).map(|clause| format!("{sign}{clause}"));
    }
    if tokens.keyword("in") {
        tokens.sign("(").then_some(())?;
        let mut values = vec![operand(tokens)?];
        while tokens.sign(",") {
            values.push(operand(tokens)?);
        }
        return tokens.sign(")").then(|| format!("{sign}{field}:({})", values.join(" OR ")));
    }
    if tokens.keyword("between") {
        let low = operand(tokens)?;
        tokens.keyword("and").then_some(())?;
        return Some(format!("{sign}{field}:{low}..{}", operand(tokens)?));
    }
    tokens.back_to(place);
    if tokens.keyword("is") {
        let there = tokens.keyword("not");
        return tokens.keyword("null").then(|| format!("{}{field}:*", if there { "" } else { "-" }));
    }
    let op = match tokens.any_sign(&["<>", "!=", ">=", "<=", "=", ">", "<"])? {
        "=" => ":",
        "<>" => "!=",
        op => op,
    };
    Some(format!("{field}{op}{}", operand(tokens)?))
}

fn operand(tokens: &mut Tokens) -> Option<String> {
    match tokens.next()? {
        Token::Text(text) => Some(value(&text)),
        Token::Word(word) => Some(word),
        Token::Sign("-") => tokens.word().map(|word| format!("\"-{word}\"")),
        Token::Sign(_) => None,
    }
}

/// `%x%`: a piece of the message, or the value of a field with wildcards.
fn like(field: &str, pattern: &str) -> Option<String> {
    let inner = pattern.trim_matches('%');
    if field.eq_ignore_ascii_case("message") && !inner.is_empty() && !inner.contains(['%', '_']) {
        return Some(back_ticked(inner));
    }
    let wild: String = pattern
        .chars()
        .map(|c| {
            if c == '%' {
                '*'
            } else if c == '_' {
                '?'
            } else {
                c
            }
        })
        .collect();
    let is_word = wild.chars().all(|c| c.is_alphanumeric() || matches!(c, '*' | '?' | '-' | '.' | '/'));
    if pattern.contains(['%', '_']) { is_word.then(|| format!("{field}:{wild}")) } else { Some(format!("{field}={}", quoted(pattern))) }
}
