//! Words that a text surely has which passes: the index and the filters are asked for these first.

use super::expression::required_pieces;
use martlog_formats::words;
use std::borrow::Cow;

/// Words that every text has which this expression matches.
pub(super) fn regex_words(regex: &regex::Regex) -> Vec<String> {
    required_pieces(regex).iter().flat_map(|piece| inner_words(piece)).collect()
}

/// Words that every text has which equals this one without case. Where folding or composing could make other words of it, none.
pub(super) fn equal_words(text: &str) -> Vec<String> {
    if !text.chars().all(|character| character.is_ascii() || words::is_word_char(character)) {
        return Vec::new();
    }
    words::words(text).map(Cow::into_owned).collect()
}

/// Words that every text has which contains this piece: those between its first and its last separator, since the ones at its ends may
/// be parts of longer words.
pub(super) fn inner_words(piece: &str) -> Vec<String> {
    // ASCII, and nothing that a mark behind it could be composed with (`=` and U+0338 are U+2260).
    let separates = |character: char| character.is_ascii() && !words::is_word_char(character) && !matches!(character, '<' | '=' | '>');
    match (piece.find(separates), piece.rfind(separates)) {
        (Some(first), Some(last)) if first < last => {
            let inner = |run: &words::Run<'_>| run.from > first && run.from + run.text.len() <= last;
            words::runs(piece).filter(|run| inner(run) && !may_be_of_uuid(piece, run)).map(|run| run.word().into_owned()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a word may be part of a UUID that reaches beyond the text: that is one word as a whole.
fn may_be_of_uuid(text: &str, run: &words::Run<'_>) -> bool {
    let beside = text[..run.from].ends_with('-') || text[run.from + run.text.len()..].starts_with('-');
    beside && matches!(run.text.len(), 4 | 8 | 12) && run.text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_of_a_piece_are_required() {
        assert_eq!(inner_words("foo Bar baz"), ["bar"]);
        assert_eq!(inner_words(" foo bar "), ["foo", "bar"]);
        assert_eq!(inner_words("{'to': '38050"), ["to"]);
        assert_eq!(inner_words("abc"), [] as [&str; 0]);
        assert_eq!(inner_words("a=b"), [] as [&str; 0]);
    }

    #[test]
    fn words_that_an_expression_requires() {
        let required = |expression: &str| regex_words(&regex::Regex::new(expression).unwrap());
        assert_eq!(required(r"^GET /v1/sms/[0-9]+$"), ["v1", "sms"]);
        assert_eq!(required(r"(a b c)+ x y|z"), [] as [&str; 0]);
        assert_eq!(required(r"(a b c)+[xy]( d e f )?"), ["b"]);
        assert_eq!(required(r"(?i)a b c"), [] as [&str; 0]);
    }
}
