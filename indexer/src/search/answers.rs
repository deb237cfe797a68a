//! What a question is answered for the values of a block, pattern by pattern.

use crate::split::bits::{Bits, Gathered};
use crate::split::field::Field;
use crate::split::values::Values;
use std::io;

/// What is to be done with the values of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// None matches.
    No,
    /// They all match.
    Yes,
    /// Those that match are listed, by this number.
    Each(u16),
    /// Read them.
    Read,
}

/// The answer for each distinct pattern of some values.
pub(super) struct Answers {
    pub(super) of: Vec<Answer>,
    /// Values that match, by their place among those of their pattern.
    each: Vec<Bits>,
    /// Some match or may.
    pub(super) any: bool,
    /// Some have to be read.
    pub(super) read: bool,
}

impl Answers {
    /// None matches, of so many patterns.
    pub(super) fn new(patterns: usize) -> Self {
        Self { of: vec![Answer::No; patterns], each: Vec::new(), any: false, read: false }
    }

    /// Lists values that match.
    pub(super) fn each(&mut self, each: Bits) -> Answer {
        // A block has fewer distinct patterns.
        let number = u16::try_from(self.each.len()).unwrap_or(u16::MAX);
        self.each.push(each);
        Answer::Each(number)
    }

    pub(super) fn none(&self) -> bool {
        !self.any
    }

    /// Whether a value matches; `None` where it has to be read.
    pub(super) fn of<'a>(&self, values: &Values<'a>, field: &Field<'a>, at: usize) -> io::Result<Option<bool>> {
        Ok(match self.of.get(values.group(at)).copied().unwrap_or(Answer::No) {
            Answer::No => Some(false),
            Answer::Yes => Some(true),
            Answer::Each(number) => {
                let rank = values.rank(field, at)?;
                Some(self.each.get(usize::from(number)).is_some_and(|each| each.has(rank)))
            }
            Answer::Read => None,
        })
    }

    /// The values that match, where none has to be read.
    pub(super) fn bits<'a>(&self, values: &Values<'a>, field: &Field<'a>) -> io::Result<Bits> {
        match (self.of.as_slice(), self.each.as_slice()) {
            ([Answer::Yes], _) => return Ok(Bits::all(values.len())),
            ([Answer::Each(_)], [each]) => return Ok(each.clone()),
            (of, []) => {
                let yes: Vec<bool> = of.iter().map(|answer| *answer == Answer::Yes).collect();
                let mut gathered = Gathered::new();
                let passes = |group| usize::try_from(group).is_ok_and(|group| yes.get(group) == Some(&true));
                values.patterns.places.for_each(|group| gathered.push(passes(group)));
                return Ok(gathered.bits());
            }
            _ => {}
        }
        let mut bits = Bits::none(values.len());
        let (mut ranked, mut at) = (Vec::new(), 0);
        values.patterns.places.for_each(|group| {
            match usize::try_from(group).ok().and_then(|group| self.of.get(group)) {
                Some(Answer::Yes) => bits.set(at),
                Some(Answer::Each(number)) => ranked.push((at, *number)),
                _ => {}
            }
            at += 1;
        });
        for (at, number) in ranked {
            let rank = values.rank(field, at)?;
            if self.each.get(usize::from(number)).is_some_and(|each| each.has(rank)) {
                bits.set(at);
            }
        }
        Ok(bits)
    }
}
