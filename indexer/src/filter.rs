//! The words and ids of some rows, in a Bloom filter: what a chunk of a live buffer and a small split are asked before anybody looks into them.
//!
//! What is looked for are *clauses*: each has to be met, by one of its keys. The kept form is that of [`build`] behind a byte that says how keys are made.

use crate::row::RowRef;
use crate::search::scalars::each_scalar;
use crate::split::filter::{build, may_contain};
use crate::split::keys::{has_key, id_keys, start_key, word_key};
use martlog_formats::{fields, words};

/// How keys are made of rows. A filter that is kept with another number is not asked.
const VERSION: u8 = 1;

/// Which words a filter is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// All, and how longer ones begin.
    All,
    /// All but short ones with a digit, which are too various and are in most splits: a third of the size.
    Telling,
}

impl Words {
    /// Whether this word is in the filter when a row has it.
    pub(crate) fn has(self, word: &str) -> bool {
        self == Self::All || has_key(word) || !word.bytes().any(|byte| byte.is_ascii_digit())
    }
}

/// The filter of these rows.
pub(crate) fn of<'r>(rows: impl Iterator<Item = RowRef<'r>> + Clone, which: Words) -> Box<[u8]> {
    let mut keys = Vec::new();
    let mut add = |text: &str| {
        for word in words::words(text).filter(|word| which.has(word)) {
            keys.push(word_key(&word));
            if which == Words::All {
                keys.extend(start_key(&word));
            }
        }
    };
    for row in rows.clone() {
        let attributes = row.attributes();
        add(row.message());
        // Keys and values as they are written; with escapes, values have other words besides.
        add(attributes);
        if attributes.contains('\\') {
            each_scalar(attributes, |_, text| add(text));
        }
    }
    for row in rows {
        each_scalar(row.attributes(), |path, text| {
            if fields::is_exact(path) {
                keys.push(id_keys(&fields::normalise_id(path, text)).0);
            }
        });
    }
    build(&mut keys).into()
}

/// Whether one of the rows can have a key of each clause.
pub(crate) fn may_have(filter: &[u8], clauses: &[Vec<u64>]) -> bool {
    clauses.iter().all(|keys| keys.iter().any(|key| may_contain(filter, *key)))
}

/// The form that is kept.
pub(crate) fn kept(filter: &[u8]) -> Box<[u8]> {
    [&[VERSION], filter].concat().into()
}

/// The filter in a form that was kept, if keys are still made like that.
pub(crate) fn read(kept: &[u8]) -> Option<&[u8]> {
    kept.split_first().filter(|(version, _)| **version == VERSION).map(|(_, filter)| filter)
}
