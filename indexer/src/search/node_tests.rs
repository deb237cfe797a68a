//! A split answers exactly as its rows do. Asked about pieces of the rows themselves, which is where an index that forgets something is caught.

use super::first::First;
use super::node::compile;
use super::predicate::{Field, Pattern, Predicate, Test};
use super::scalars::each_scalar;
use super::testing::{folder, parts, predicate, split};
use crate::row::Row;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder};
use martlog_formats::words;
use proptest::prelude::*;
use proptest::sample::Index;

/// How a predicate is cut out of a row.
#[derive(Debug, Clone)]
struct Cut {
    row: Index,
    text: Index,
    from: Index,
    to: Index,
    kind: u8,
}

fn cut() -> impl Strategy<Value = Cut> {
    (any::<Index>(), any::<Index>(), any::<Index>(), any::<Index>(), 0_u8..12).prop_map(|(row, text, from, to, kind)| Cut {
        row,
        text,
        from,
        to,
        kind,
    })
}

/// A piece of a text, from one character to another.
fn piece(text: &str, cut: &Cut) -> String {
    let characters: Vec<char> = text.chars().collect();
    let (from, to) = (cut.from.index(characters.len() + 1), cut.to.index(characters.len() + 1));
    characters[from.min(to)..from.max(to)].iter().collect()
}

/// A predicate that the row, or one like it, matches.
fn predicate_of(rows: &[Row], cut: &Cut) -> Predicate {
    let row = cut.row.get(rows);
    let mut texts = vec![(String::new(), row.record.message.clone())];
    each_scalar(&row.record.attributes, |path, text| texts.push((path.to_owned(), text.to_owned())));
    let (path, text) = cut.text.get(&texts).clone();
    let field = if path.is_empty() { Field::Message } else { Field::Attribute(path) };
    let found: Vec<String> = words::words(&text).map(std::borrow::Cow::into_owned).collect();
    let (first, last) = (cut.from.index(found.len() + 1), cut.to.index(found.len() + 1));
    let some = found[first.min(last)..first.max(last)].to_vec();
    let word = if found.is_empty() { "a".to_owned() } else { cut.from.get(&found).clone() };
    let wild = || {
        let characters: Vec<char> = word.chars().collect();
        let (from, to) = (cut.text.index(characters.len() + 1), cut.to.index(characters.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        Pattern(characters[..from].iter().chain(&['*']).chain(&characters[to..]).collect())
    };
    let regex = |text: &str| regex::Regex::new(&regex::escape(text)).unwrap();
    match cut.kind {
        0 => Predicate::Word(Pattern(word)),
        1 | 2 => Predicate::Word(wild()),
        3 => Predicate::Phrase(some),
        4 => Predicate::Literal(piece(&text, cut)),
        5 | 6 => Predicate::Literal(piece(&row.record.attributes, cut)),
        7 => Predicate::Regex(regex(&piece(&text, cut))),
        8 => Predicate::Field(field, Test::Words(some)),
        9 => Predicate::Field(field, Test::Equals(if cut.from.index(2) == 0 { text.to_uppercase() } else { text })),
        10 => Predicate::Field(field, Test::Literal(piece(&text, cut))),
        _ => Predicate::Field(field, Test::Regex(regex(&piece(&text, cut)))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_split_answers_as_its_rows_do(
        parts in parts(),
        cuts in proptest::collection::vec(cut(), 40),
        predicates in proptest::collection::vec(predicate(), 10),
        some in (any::<Index>(), any::<Index>()),
    ) {
        let key = parts[0][0].owner.key.clone();
        let rows: Vec<Row> = parts.into_iter().flatten().filter(|row| row.owner.key == key).collect();
        let folder = folder();
        let split = split(folder.path(), &rows).open().unwrap();
        let decoder = Decoder::new().unwrap();
        let predicates = cuts.iter().map(|cut| predicate_of(&rows, cut)).chain(predicates);
        for predicate in predicates.flat_map(|predicate| [predicate.clone(), Predicate::Not(Box::new(predicate))]) {
            let node = compile(&predicate, &split, None, &decoder, &mut || Ok(())).unwrap();
            let blocks = node.blocks(split.head().unwrap().blocks.len());
            for number in 0..blocks.len() {
                let block = Block::new(&split, number, &decoder).unwrap();
                let found = node.of_block(&block, &Bits::all(block.meta.rows), &mut || Ok(())).unwrap();
                prop_assert!(found.is_empty() || blocks.has(number), "{predicate:?} is in a block that is passed over");
                for at in 0..block.meta.rows {
                    let row = block.row(at).unwrap();
                    prop_assert_eq!(found.has(at), predicate.matches(&row), "{:?} of {:?}", predicate, row);
                }
            }
            for number in 0..blocks.len() {
                let block = Block::new(&split, number, &decoder).unwrap();
                let (from, to) = (some.0.index(block.meta.rows), some.1.index(block.meta.rows));
                let rows = from.min(to)..from.max(to) + 1;
                let first = First::new(|| Ok(Some((Block::new(&split, number, &decoder)?, rows.clone()))), |_| true);
                let node = compile(&predicate, &split, Some(&first), &decoder, &mut || Ok(())).unwrap();
                let within = Bits::collect(block.meta.rows, |row| rows.contains(&row));
                let found = node.of_block(&block, &within, &mut || Ok(())).unwrap();
                for at in rows.clone() {
                    let row = block.row(at).unwrap();
                    prop_assert_eq!(found.has(at), predicate.matches(&row), "{:?} of {:?}, asked of some rows alone", predicate, row);
                }
            }
        }
    }
}
