//! Which modules have rows of an instance: a search for one looks into no other module, however many there are.
//!
//! Invariant: no module that has rows of an instance is missing. One whose rows are gone may still be here.

use crate::catalog::hours::Hours;
use crate::live::Chunk;
use crate::row::ModuleKey;
use crate::shelf::Shelved;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    /// Mostly one: an instance is of one module at a time.
    modules: HashMap<Arc<str>, Vec<ModuleKey>>,
    /// Modules with a split of which it is not known without reading it.
    unknown: BTreeSet<ModuleKey>,
}

impl Instances {
    /// A chunk came, whose rows have one owner.
    pub(crate) fn see(&mut self, chunk: &Chunk) {
        let owner = chunk.rows.owner();
        self.insert(&owner.instance, &owner.key);
    }

    /// A split came whose rows were not there before: the catalog's hourly counts name the instances.
    pub(crate) fn see_split(&mut self, split: &Shelved) {
        let key = &split.meta.key;
        match split.hours().map(|kept| Hours::decode(kept)) {
            Some(Ok(hours)) => hours.cells().for_each(|(instance, ..)| self.insert(instance, key)),
            _ => {
                self.unknown.insert(key.clone());
            }
        }
    }

    /// Modules are there no longer.
    pub(crate) fn forget(&mut self, gone: impl Fn(&ModuleKey) -> bool) {
        self.unknown.retain(|key| !gone(key));
        self.modules.retain(|_, modules| {
            modules.retain(|key| !gone(key));
            !modules.is_empty()
        });
    }

    /// The modules that can have rows of one of these.
    pub(crate) fn modules_of(&self, instances: &[&str]) -> BTreeSet<&ModuleKey> {
        let named = instances.iter().filter_map(|instance| self.modules.get(*instance)).flatten();
        named.chain(&self.unknown).collect()
    }

    fn insert(&mut self, instance: &Arc<str>, key: &ModuleKey) {
        match self.modules.get_mut(instance) {
            Some(modules) if modules.contains(key) => {}
            Some(modules) => modules.push(key.clone()),
            None => {
                self.modules.insert(instance.clone(), vec![key.clone()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::testing::{chunk, owner, row, split};

    #[test]
    fn a_module_is_named_as_long_as_it_is_there() {
        let mut instances = Instances::default();
        for (seq, (module, instance)) in [("sms", "a"), ("sms", "b"), ("mms", "b"), ("sms", "a")].into_iter().enumerate() {
            instances.see(&chunk(vec![row(&owner("p1", module, instance), seq as u64, 1, 1, "x", "")]));
        }
        let names =
            |instances: &Instances, of: &[&str]| instances.modules_of(of).into_iter().map(|key| key.module.to_string()).collect::<Vec<_>>();
        assert_eq!(
            (names(&instances, &["a"]), names(&instances, &["b"])),
            (vec!["sms".to_owned()], vec!["mms".to_owned(), "sms".to_owned()])
        );
        assert_eq!((names(&instances, &["a", "b"]).len(), names(&instances, &["c"]).len()), (2, 0));
        instances.forget(|key| &*key.module == "sms");
        assert_eq!((names(&instances, &["a"]).len(), names(&instances, &["b"]).len()), (0, 1));
    }

    #[test]
    fn a_split_of_which_nothing_is_known_may_have_any() {
        let folder = tempfile::tempdir().unwrap();
        let mut instances = Instances::default();
        instances.see_split(&split(folder.path(), &[row(&owner("p1", "sms", "a"), 0, 1, 1, "x", "")]));
        assert_eq!(instances.modules_of(&["z"]).len(), 1);
    }
}
