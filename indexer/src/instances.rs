//! The instances of which a module can have rows: what a search for one instance is told before it looks into any module.
//!
//! Invariant: no instance that has rows is missing. One whose rows are gone may still be here.

use crate::catalog::hours::Hours;
use crate::live::Chunk;
use crate::shelf::Shelved;
use std::collections::BTreeSet;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    named: BTreeSet<Arc<str>>,
    /// A split is there of which it is not known without reading it.
    unknown: bool,
}

impl Instances {
    /// Their ids; `None` when they are not known.
    pub(crate) fn named(&self) -> Option<&BTreeSet<Arc<str>>> {
        Some(&self.named).filter(|_| !self.unknown)
    }

    /// A chunk came, whose rows have one owner.
    pub(crate) fn see(&mut self, chunk: &Chunk) {
        if let Some(row) = chunk.rows.first()
            && !self.named.contains(&row.owner.instance)
        {
            self.named.insert(row.owner.instance.clone());
        }
    }

    /// A split came whose rows were not in the module before: the catalog's hourly counts name the instances.
    pub(crate) fn see_split(&mut self, split: &Shelved) {
        match split.hours().map(|kept| Hours::decode(kept)) {
            Some(Ok(hours)) => {
                for (instance, ..) in hours.cells() {
                    if !self.named.contains(instance) {
                        self.named.insert(instance.clone());
                    }
                }
            }
            _ => self.unknown = true,
        }
    }
}
