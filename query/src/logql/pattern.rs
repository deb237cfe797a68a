//! Reading fields out of texts: what a pattern takes, as an expression, and expressions whose groups have names that fields can have.

use super::labels;
use regex::Regex;

/// The expression of a pattern: each capture takes what stands up to the next piece of text, or all where that does not come.
pub(super) fn expression_of_pattern(pattern: &str) -> Result<String, String> {
    let pieces = pieces(pattern)?;
    let mut expression = String::from("(?s)^");
    let mut open = 0;
    let mut behind_capture = false;
    for piece in &pieces {
        match piece {
            Piece::Text(text) if behind_capture => {
                expression.push_str(&format!("(?:{}", regex::escape(text)));
                open += 1;
                behind_capture = false;
            }
            Piece::Text(text) => expression.push_str(&regex::escape(text)),
            Piece::Capture(name) => {
                match *name {
                    "_" => expression.push_str(".*?"),
                    name => expression.push_str(&format!("(?P<{}>.*?)", labels::read_as(name))),
                }
                behind_capture = true;
            }
        }
    }
    if !behind_capture {
        expression.push_str(".*?");
    }
    expression.push_str(&")?".repeat(open));
    expression.push('$');
    Ok(expression)
}

/// The expression of a pattern that a whole line is, or is not: each `<_>` stands for at least one character.
pub(super) fn expression_of_line(pattern: &str) -> Result<String, String> {
    let mut expression = String::from("(?s)^");
    for (nth, text) in pattern.split(ANY).enumerate() {
        if nth > 0 {
            expression.push_str(".+?");
        }
        if text.is_empty() && nth > 0 && nth < pattern.matches(ANY).count() {
            return Err(format!("invalid pattern: found consecutive capture '{ANY}{ANY}'"));
        }
        expression.push_str(&regex::escape(text));
    }
    expression.push('$');
    Ok(expression)
}

/// What stands for any text in a pattern of lines.
const ANY: &str = "<_>";

enum Piece<'p> {
    Text(&'p str),
    Capture(&'p str),
}

fn pieces(pattern: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(open) = pattern[at..].find('<').map(|offset| at + offset) {
        let name = pattern[open + 1..].split_once('>').map(|(name, _)| name).filter(|name| is_name(name));
        at = open + 1;
        let Some(name) = name else { continue };
        if open > from {
            pieces.push(Piece::Text(&pattern[from..open]));
        } else if let Some(Piece::Capture(before)) = pieces.last() {
            return Err(format!("invalid pattern: found consecutive capture '<{before}><{name}>'"));
        }
        if name != "_" && pieces.iter().any(|piece| matches!(piece, Piece::Capture(known) if *known == name)) {
            return Err(format!("invalid pattern: duplicate capture name ({name})"));
        }
        pieces.push(Piece::Capture(name));
        at = open + name.len() + 2;
        from = at;
    }
    if from < pattern.len() {
        pieces.push(Piece::Text(&pattern[from..]));
    }
    match pieces.iter().any(|piece| matches!(piece, Piece::Capture(name) if *name != "_")) {
        true => Ok(pieces),
        false => Err("invalid pattern: at least one named capture is required".to_owned()),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An expression whose named groups have names that fields can have.
pub(super) fn renamed(expression: &str) -> String {
    let Ok(regex) = Regex::new(expression) else { return expression.to_owned() };
    let taken = regex.capture_names().flatten().filter(|name| labels::is_taken(name));
    taken.fold(expression.to_owned(), |text, name| {
        let own = labels::read_as(name);
        text.replace(&format!("?P<{name}>"), &format!("?P<{own}>")).replace(&format!("?<{name}>"), &format!("?<{own}>"))
    })
}
