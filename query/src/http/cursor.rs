//! Cursors: places in an answer and in the tail, opaque to clients.
//!
//! ```text
//! search = base64url( 1 | binding u64 | as_of i64 | from i64 | to i64 | time i64 | seq u64 | module | check u32 )      numbers little-endian
//! tail   = base64url( 2 | arrived i64 | seq u64 | check u32 )
//! ```
//!
//! `binding` is a hash of query, order and scope; another request's cursor is refused. `check` is a hash of all before it: it finds damage. It is
//! no secret and needs none: a cursor only says where to go on and what had arrived by then, within whatever scope its sender has.
//!
//! A search goes on in the range and in what was there when it began, so `-1h` means the same on every page.

use crate::time::TimeRange;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::registry::Scope;
use martlog_indexer::row::Position;
use martlog_indexer::search::{Order, TailCursor};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const SEARCH: u8 = 1;
const TAIL: u8 = 2;

/// Where a search goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SearchCursor {
    /// What the first page could see, ns.
    pub(super) as_of_ns: i64,
    /// Where the first page looked.
    pub(super) from_ns: i64,
    /// See `from_ns`.
    pub(super) to_ns: i64,
    /// The last row.
    pub(super) after: Position,
}

/// What a cursor is bound to: the query in its canonical form, the order, and what the scope reaches.
pub(super) fn binding(canonical: &str, order: Order, scope: &Scope) -> u64 {
    let order = if order == Order::NewestFirst { 0 } else { 1 };
    xxh3_64_with_seed(canonical.as_bytes(), scope.fingerprint() ^ order)
}

impl SearchCursor {
    /// The range of the search.
    pub(super) const fn range(&self) -> TimeRange {
        TimeRange { from_ns: self.from_ns, to_ns: self.to_ns, open: false }
    }

    /// As text.
    pub(super) fn encode(&self, binding: u64) -> String {
        let mut bytes = vec![SEARCH];
        bytes.extend(binding.to_le_bytes());
        for number in [self.as_of_ns, self.from_ns, self.to_ns, self.after.time_ns] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.after.seq.to_le_bytes());
        bytes.extend(self.after.module.as_bytes());
        seal(bytes)
    }

    /// Reads a cursor of this binding.
    pub(super) fn decode(text: &str, binding: u64) -> Result<Self, Problem> {
        let bytes = open(text, SEARCH).ok_or_else(damaged)?;
        let (bound_to, cursor) = Self::read(&bytes).ok_or_else(damaged)?;
        if bound_to != binding {
            let detail = "the cursor belongs to another query, order or token; search again without it";
            return Err(Problem::new(400, "cursor_mismatch", "The cursor belongs to another search", detail));
        }
        Ok(cursor)
    }

    fn read(bytes: &[u8]) -> Option<(u64, Self)> {
        let (numbers, module) = bytes.split_at_checked(6 * 8)?;
        let mut numbers = numbers.chunks_exact(8).filter_map(|number| number.try_into().ok());
        let bound_to = u64::from_le_bytes(numbers.next()?);
        let mut signed = || numbers.next().map(i64::from_le_bytes);
        let (as_of_ns, from_ns, to_ns, time_ns) = (signed()?, signed()?, signed()?, signed()?);
        let seq = u64::from_le_bytes(numbers.next()?);
        let module = std::str::from_utf8(module).ok()?.into();
        Some((bound_to, Self { as_of_ns, from_ns, to_ns, after: Position { time_ns, module, seq } }))
    }
}

/// A place in the tail, as text.
pub(super) fn encode_tail(cursor: TailCursor) -> String {
    let mut bytes = vec![TAIL];
    bytes.extend(cursor.arrived_ns.to_le_bytes());
    bytes.extend(cursor.seq.to_le_bytes());
    seal(bytes)
}

/// Reads a place in the tail.
pub(super) fn decode_tail(text: &str) -> Result<TailCursor, Problem> {
    let bytes = open(text, TAIL).ok_or_else(damaged)?;
    let (arrived, seq) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
    let seq = seq.try_into().map_err(|_| damaged())?;
    Ok(TailCursor { arrived_ns: i64::from_le_bytes(*arrived), seq: u64::from_le_bytes(seq) })
}

fn seal(mut bytes: Vec<u8>) -> String {
    let check = check(&bytes);
    bytes.extend(check);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes between the kind and the check.
fn open(text: &str, kind: u8) -> Option<Vec<u8>> {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (body, tail) = bytes.split_last_chunk::<4>()?;
    if *tail != check(body) || body.first() != Some(&kind) {
        return None;
    }
    bytes.truncate(bytes.len() - 4);
    bytes.remove(0);
    Some(bytes)
}

fn check(bytes: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = xxh3_64(bytes).to_le_bytes();
    [a, b, c, d]
}

fn damaged() -> Problem {
    Problem::new(400, "cursor_damaged", "The cursor cannot be read", "this is no cursor that the server gave; search again without it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cursor(module: &str) -> SearchCursor {
        let after = Position { time_ns: -4, module: module.into(), seq: u64::MAX };
        SearchCursor { as_of_ns: 1, from_ns: -2, to_ns: i64::MAX, after }
    }

    #[test]
    fn a_cursor_comes_back_for_its_own_search_alone() {
        let text = cursor("sms").encode(7);
        assert_eq!(SearchCursor::decode(&text, 7).unwrap(), cursor("sms"));
        assert_eq!(SearchCursor::decode(&text, 8).unwrap_err().code, "cursor_mismatch");
        let tail = TailCursor { arrived_ns: 5, seq: 9 };
        assert_eq!(decode_tail(&encode_tail(tail)).unwrap(), tail);
        assert_eq!(decode_tail(&text).unwrap_err().code, "cursor_damaged");
        assert_eq!(SearchCursor::decode(&encode_tail(tail), 7).unwrap_err().code, "cursor_damaged");
    }

    proptest! {
        #[test]
        fn damage_is_found_and_no_text_panics(text in "\\PC{0,90}", at in 0_usize..80, bit in 0_u8..6) {
            prop_assert!(SearchCursor::decode(&text, 0).is_err() && decode_tail(&text).is_err());
            let mut damaged = cursor("sms").encode(7).into_bytes();
            let at = at % damaged.len();
            damaged[at] = if damaged[at] == b'A' + bit { b'z' } else { b'A' + bit };
            let damaged = String::from_utf8(damaged).unwrap();
            prop_assert!(SearchCursor::decode(&damaged, 7).is_err());
        }
    }
}
