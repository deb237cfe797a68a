//! What a matching row surely has: words and ids that the filter of a live chunk or a small split tells of.
//!
//! Every clause has to be met, by one of its keys. A predicate that needs nothing has no clause.

use super::predicate::{Field, Predicate, Stamp, Test};
use super::required::{equal_words, inner_words, regex_words};
use crate::filter::Words;
use crate::split::keys::{id_keys, start_key, word_key};
use martlog_formats::fields;

/// The clauses of a predicate, for filters that have these words; see the module.
pub(super) fn needs(predicate: &Predicate, which: Words) -> Vec<Vec<u64>> {
    let words =
        |words: &[String]| -> Vec<Vec<u64>> { words.iter().filter(|word| which.has(word)).map(|word| vec![word_key(word)]).collect() };
    // What is written with escapes has other words.
    let literal = |piece: &str| if piece.contains('\\') { Vec::new() } else { words(&inner_words(piece)) };
    match predicate {
        Predicate::And(all) => all.iter().flat_map(|part| needs(part, which)).collect(),
        Predicate::Or(any) => one_of(any, which),
        Predicate::Word(pattern) if pattern.is_plain() => words(std::slice::from_ref(&pattern.0)),
        Predicate::Word(pattern) if which == Words::All => {
            let start = pattern.0.split(['*', '?']).next().and_then(start_key);
            start.map(|key| vec![key]).into_iter().collect()
        }
        Predicate::Phrase(wanted) => words(wanted),
        Predicate::Literal(piece) => literal(piece),
        Predicate::Regex(regex) => words(&regex_words(regex)),
        Predicate::Field(Field::Attribute(path), Test::Equals(id)) if fields::is_exact(path) => {
            vec![vec![id_keys(&fields::normalise_id(path, id)).0]]
        }
        Predicate::Field(Field::Message | Field::Attribute(_), test) => match test {
            Test::Words(wanted) => words(wanted),
            Test::Equals(wanted) => words(&equal_words(wanted)),
            Test::Literal(piece) => literal(piece),
            Test::Regex(regex) => words(&regex_words(regex)),
            Test::Exists | Test::Wildcard(_) | Test::Number { .. } => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The instances, of one of which a matching row is; `None` when it can be any.
pub(super) fn instances_of(predicate: &Predicate) -> Option<Vec<&str>> {
    match predicate {
        Predicate::And(all) => all.iter().find_map(instances_of),
        Predicate::Or(any) => any.iter().map(instances_of).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        Predicate::Field(Field::Stamp(Stamp::Instance), Test::Equals(instance)) => Some(vec![instance]),
        _ => None,
    }
}

/// One clause that has a key of each part, if each part needs something.
fn one_of(any: &[Predicate], which: Words) -> Vec<Vec<u64>> {
    let mut clause = Vec::new();
    for part in any {
        match needs(part, which).into_iter().next() {
            Some(keys) => clause.extend(keys),
            None => return Vec::new(),
        }
    }
    if clause.is_empty() { Vec::new() } else { vec![clause] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_known_where_each_match_is_of_one() {
        let is = |id: &str| Predicate::Field(Field::Stamp(Stamp::Instance), Test::Equals(id.to_owned()));
        let error = || Predicate::Severity(17..=20);
        let (and, or) = (Predicate::And, Predicate::Or);
        assert_eq!(instances_of(&and(vec![error(), is("a")])), Some(vec!["a"]));
        assert_eq!(instances_of(&or(vec![is("a"), and(vec![is("b"), error()])])), Some(vec!["a", "b"]));
        assert_eq!(instances_of(&or(vec![is("a"), error()])), None);
        assert_eq!(instances_of(&Predicate::Not(Box::new(is("a")))), None);
        assert_eq!(instances_of(&or(Vec::new())), Some(Vec::new()), "nothing matches");
    }
}
