//! A predicate as a split answers it: exactly, block by block, from columns and patterns; texts are read only for values whose pattern does not decide.
//!
//! AND asks the cheapest part first and the others only about what is left. Soundness, which the property tests hold: a row is in the answer exactly when
//! [`Predicate::matches`] says so.

use super::candidates::Question;
use super::first::First;
use super::matches::{Matcher, RowView, origin_stamp, owner_stamp, parse_id, stamp_passes};
use super::predicate::{Field, Predicate, Stamp, Test};
use super::text::Leaf;
use crate::split::Split;
use crate::split::bits::Bits;
use crate::split::block::{Block, Decoder};
use crate::split::rows::Kind;
use martlog_formats::{Problem, Verdict};
use std::io;

/// Is asked before work that takes a while, and may end it with an error.
pub(super) type More<'m> = &'m mut dyn FnMut() -> io::Result<()>;

/// What evaluating a part costs, about, where texts are read for it: others cost a few.
pub(super) const COST_OF_TEXTS: u32 = 100;

/// See the module.
pub(super) enum Node<'a> {
    /// The same of all rows.
    Same(bool),
    /// Rows of such a kind.
    Kind(KindTest),
    /// Rows of these owners.
    Owners(Vec<bool>),
    /// Rows of these origins.
    Origins(Vec<bool>),
    /// The row with this seq.
    Seq(u64),
    /// Rows with such a text.
    Text(Box<Leaf<'a>>),
    /// What is asked of each row by itself.
    Row(Box<Matcher<'a>>),
    /// All of these, the cheapest first.
    And(Vec<Node<'a>>),
    /// One of these.
    Or(Vec<Node<'a>>),
    /// Not this.
    Not(Box<Node<'a>>),
}

/// See the variants of [`Predicate`] with the same names.
#[derive(Debug)]
pub(super) enum KindTest {
    Severity(std::ops::RangeInclusive<u8>),
    Verdict(Verdict),
    Problem(Problem),
}

/// How a split answers the predicate, or its first rows where that is known much sooner; `more` is asked now and then.
pub(super) fn compile<'a: 'f, 'f>(
    predicate: &'a Predicate,
    split: &'a Split,
    first: Option<&First<'f>>,
    decoder: &Decoder,
    more: More<'_>,
) -> io::Result<Node<'a>> {
    Compiler { split, first, decoder, more }.predicate(predicate)
}

struct Compiler<'a, 'f, 'm> {
    split: &'a Split,
    first: Option<&'m First<'f>>,
    decoder: &'m Decoder,
    more: More<'m>,
}

impl<'a: 'f, 'f> Compiler<'a, 'f, '_> {
    fn predicate(&mut self, predicate: &'a Predicate) -> io::Result<Node<'a>> {
        (self.more)()?;
        Ok(match predicate {
            Predicate::All => Node::Same(true),
            Predicate::None => Node::Same(false),
            Predicate::And(all) => self.and(all)?,
            Predicate::Or(any) => self.or(any)?,
            Predicate::Not(inner) => match self.predicate(inner)? {
                Node::Same(answer) => Node::Same(!answer),
                node => Node::Not(Box::new(node)),
            },
            Predicate::Severity(range) => Node::Kind(KindTest::Severity(range.clone())),
            Predicate::Verdict(verdict) => Node::Kind(KindTest::Verdict(*verdict)),
            Predicate::Problem(problem) => Node::Kind(KindTest::Problem(*problem)),
            Predicate::Word(pattern) => self.text(predicate, Question::Word(pattern))?,
            Predicate::Phrase(words) => self.text(predicate, Question::Phrase(words))?,
            Predicate::Literal(piece) => self.text(predicate, Question::Literal(piece))?,
            Predicate::Regex(regex) => self.text(predicate, Question::Regex(regex))?,
            Predicate::Field(Field::Message, test) => self.text(predicate, Question::Message(test))?,
            Predicate::Field(Field::Attribute(path), test) => self.text(predicate, Question::Attribute(path, test))?,
            Predicate::Field(Field::Stamp(stamp), test) => self.stamp(predicate, *stamp, test)?,
        })
    }

    fn and(&mut self, all: &'a [Predicate]) -> io::Result<Node<'a>> {
        let mut nodes = Vec::new();
        for part in all {
            match self.predicate(part)? {
                Node::Same(false) => return Ok(Node::Same(false)),
                Node::Same(true) => {}
                node => nodes.push(node),
            }
        }
        nodes.sort_by_key(Node::cost);
        Ok(match nodes.len() {
            0 => Node::Same(true),
            1 => nodes.remove(0),
            _ => Node::And(nodes),
        })
    }

    fn or(&mut self, any: &'a [Predicate]) -> io::Result<Node<'a>> {
        let mut nodes = Vec::new();
        for part in any {
            match self.predicate(part)? {
                Node::Same(true) => return Ok(Node::Same(true)),
                Node::Same(false) => {}
                node => nodes.push(node),
            }
        }
        nodes.sort_by_key(Node::cost);
        Ok(match nodes.len() {
            0 => Node::Same(false),
            1 => nodes.remove(0),
            _ => Node::Or(nodes),
        })
    }

    fn text(&mut self, predicate: &'a Predicate, question: Question<'a>) -> io::Result<Node<'a>> {
        let leaf = Leaf::new(predicate, question, self.split, self.first, self.decoder, self.more)?;
        Ok(leaf.map_or(Node::Same(false), |leaf| Node::Text(Box::new(leaf))))
    }

    fn stamp(&mut self, predicate: &'a Predicate, stamp: Stamp, test: &Test) -> io::Result<Node<'a>> {
        let head = self.split.head()?;
        match (stamp, test) {
            (Stamp::Id, Test::Exists) => return Ok(Node::Same(true)),
            (Stamp::Id, Test::Equals(id)) => match parse_id(id) {
                Some((module, seq)) if module == &*self.split.meta.key.module => return Ok(Node::Seq(seq)),
                _ => return Ok(Node::Same(false)),
            },
            _ => {}
        }
        let passes = |value: &str| stamp_passes(value, test);
        let owners: Option<Vec<bool>> = head.owners.iter().map(|owner| owner_stamp(stamp, owner).map(passes)).collect();
        let origins: Option<Vec<bool>> = head.origins.iter().map(|origin| origin_stamp(stamp, origin).map(passes)).collect();
        let (all, node) = match (owners, origins) {
            (Some(owners), _) => (owners.clone(), Node::Owners(owners)),
            (_, Some(origins)) => (origins.clone(), Node::Origins(origins)),
            _ => return Ok(Node::Row(Box::new(Matcher::new(predicate)))),
        };
        Ok(match (all.contains(&true), all.contains(&false)) {
            (false, _) => Node::Same(false),
            (_, false) => Node::Same(true),
            _ => node,
        })
    }
}

impl<'a> Node<'a> {
    /// What it takes to ask it of a block, roughly: only for which comes first.
    fn cost(&self) -> u32 {
        match self {
            Self::Same(_) => 0,
            Self::Kind(_) | Self::Owners(_) => 1,
            Self::Text(leaf) => leaf.cost(),
            Self::Seq(_) | Self::Origins(_) => 4,
            Self::Row(_) => 200,
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().map(Self::cost).sum(),
            Self::Not(node) => node.cost(),
        }
    }

    /// The blocks, of so many, that can have a matching row.
    pub(super) fn blocks(&self, count: usize) -> Bits {
        match self {
            Self::Same(false) => Bits::none(count),
            Self::Text(leaf) => leaf.blocks(count),
            Self::And(nodes) => {
                let mut all = Bits::all(count);
                nodes.iter().for_each(|node| all.and(&node.blocks(count)));
                all
            }
            Self::Or(nodes) => {
                let mut any = Bits::none(count);
                nodes.iter().for_each(|node| any.or(&node.blocks(count)));
                any
            }
            _ => Bits::all(count),
        }
    }

    /// Which of these rows of a block match; `row` is asked before each text that is read.
    pub(super) fn of_block(&self, block: &Block<'a>, within: &Bits, row: More<'_>) -> io::Result<Bits> {
        let rows = block.meta.rows;
        let mut found = match self {
            Self::Same(true) => return Ok(within.clone()),
            Self::Same(false) => return Ok(Bits::none(rows)),
            Self::Kind(test) => block.hot()?.kinds.passing(rows, |kind| test.passes(kind)),
            Self::Owners(pass) => block.hot()?.owners.passes(|owner| pass.get(owner as usize) == Some(&true)).bits(),
            Self::Origins(pass) => Bits::collect(rows, block.places()?.each(|place| pass.get(place.origin as usize) == Some(&true))),
            Self::Seq(seq) if *seq < block.meta.seq_min || *seq > block.meta.seq_max => Bits::none(rows),
            Self::Seq(seq) => {
                let seqs = &block.hot()?.seqs;
                Bits::collect(rows, |row| seqs.get(row) == *seq)
            }
            Self::Text(leaf) => return leaf.of_block(block, within, row),
            Self::Row(matcher) => return rows_one_by_one(matcher, block, within, row),
            Self::And(all) => {
                let mut left = within.clone();
                for node in all {
                    if left.is_empty() {
                        break;
                    }
                    left = node.of_block(block, &left, row)?;
                }
                return Ok(left);
            }
            Self::Or(any) => {
                let (mut found, mut left) = (Bits::none(rows), within.clone());
                for node in any {
                    if left.is_empty() {
                        break;
                    }
                    let next = node.of_block(block, &left, row)?;
                    left.and_not(&next);
                    found.or(&next);
                }
                return Ok(found);
            }
            Self::Not(node) => {
                let mut left = within.clone();
                left.and_not(&node.of_block(block, within, row)?);
                return Ok(left);
            }
        };
        found.and(within);
        Ok(found)
    }
}

impl KindTest {
    fn passes(&self, kind: &Kind) -> bool {
        match self {
            Self::Severity(range) => kind.severity.is_some_and(|severity| range.contains(&severity.number())),
            Self::Verdict(verdict) => kind.verdict == *verdict,
            Self::Problem(problem) => kind.problems.contains(*problem),
        }
    }
}

/// Asks whole rows.
pub(super) fn rows_one_by_one(matcher: &Matcher<'_>, block: &Block<'_>, within: &Bits, row: More<'_>) -> io::Result<Bits> {
    let mut found = Bits::none(block.meta.rows);
    let (mut message, mut attributes) = (String::new(), String::new());
    for at in within.iter() {
        row()?;
        block.message(at, &mut message)?;
        block.attributes(at, &mut attributes)?;
        let (owner, origin, _) = block.whose(at)?;
        let kind = block.kind(at)?;
        let view = RowView {
            seq: block.seq(at)?,
            severity: kind.severity,
            verdict: kind.verdict,
            problems: kind.problems,
            owner,
            origin,
            message: message.as_str().into(),
            attributes: attributes.as_str().into(),
        };
        if matcher.matches(view) {
            found.set(at);
        }
    }
    Ok(found)
}
