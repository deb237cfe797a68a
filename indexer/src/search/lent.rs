//! The splits of a view as one search reads them: opened when it first looks into one, and held open until it ends.

use super::gate::Gate;
use super::ordered::Course;
use super::predicate::Predicate;
use super::source::{SplitReader, open};
use super::ticker::{Halt, Ticker};
use crate::shelf::Shelved;
use crate::split::block::Decoder;
use crate::split::{Split, SplitMeta};
use crate::store::{ModuleView, View};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Splits that a search holds without asking whether it needs them: each has some tens of KB in memory.
const HELD_MAX: usize = 256;

/// See the module.
pub(super) struct Lent<'v> {
    shelved: &'v Shelved,
    open: OnceLock<Arc<Split>>,
    /// How many the search holds.
    held: &'v AtomicUsize,
}

impl<'v> Lent<'v> {
    /// The splits of each module; `held` counts those that are held, from 0.
    pub(super) fn of(view: &'v View, held: &'v AtomicUsize) -> Vec<(&'v ModuleView, Vec<Self>)> {
        let lent = |module: &'v ModuleView| {
            let splits = module.splits.iter().map(|shelved| Self { shelved, open: OnceLock::new(), held });
            (module, splits.collect())
        };
        view.modules.iter().map(lent).collect()
    }

    pub(super) fn meta(&self) -> &'v SplitMeta {
        &self.shelved.meta
    }

    /// Whether a row can have one of the keys of each clause.
    pub(super) fn may_have(&self, clauses: &[Vec<u64>]) -> bool {
        self.shelved.may_have(clauses)
    }

    /// The split, held from now on.
    fn hold(&self) -> io::Result<&Split> {
        if let Some(split) = self.open.get() {
            return Ok(split);
        }
        let split = self.shelved.open()?;
        self.held.fetch_add(1, Relaxed);
        Ok(self.open.get_or_init(|| split))
    }

    /// The split, for the caller alone.
    pub(super) fn borrow(&self) -> io::Result<Arc<Split>> {
        self.open.get().map_or_else(|| self.shelved.open(), |split| Ok(split.clone()))
    }

    /// To be called before more of it is read.
    pub(super) fn trim(&self) {
        self.shelved.trim();
    }

    /// What its index says of what is looked for; `None` when no row matches, and so many splits are held that this one is not. With an order, the reader may be for
    /// the rows that come first and no others.
    pub(super) fn reader(
        &'v self,
        predicate: &'v Predicate,
        gate: Gate<'v>,
        course: Option<Course<'_>>,
        decoder: &Decoder,
        ticker: &Ticker<'_>,
    ) -> Result<Option<SplitReader<'v>>, Halt> {
        let one_too_many = self.open.get().is_none() && self.held.load(Relaxed) >= HELD_MAX;
        if one_too_many {
            if open(predicate, &*self.borrow()?, gate, None, decoder, ticker)?.is_void() {
                return Ok(None);
            }
            return open(predicate, self.hold()?, gate, None, decoder, ticker).map(Some);
        }
        open(predicate, self.hold()?, gate, course, decoder, ticker).map(Some)
    }
}
