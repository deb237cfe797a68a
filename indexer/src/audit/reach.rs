//! Whose lines a question looks at, as far as that is known before it is answered, and who may read its text.

use super::{Audit, CONCERNED_MAX, Record};
use crate::registry::Scope;
use crate::row::Owner;
use crate::search::predicate::Predicate;
use crate::search::{asks_for_owners, may_be_of};
use std::sync::Arc;

/// Instances that are named in a record of a question; one that looks at more looks at everything.
const NAMED_MAX: usize = 256;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All that the scope reaches.
    Everything,
    /// These, as partner and instance; an empty instance is all of the partner's.
    Instances(Vec<(Arc<str>, Arc<str>)>),
}

impl Reach {
    /// Nobody's lines.
    #[must_use]
    pub const fn nothing() -> Self {
        Self::Instances(Vec::new())
    }
}

impl Audit {
    /// Whose lines a predicate looks at: the registered instances that it does not leave out by what the platform stamps on them.
    #[must_use]
    pub fn reach(&self, scope: &Scope, predicate: &Predicate, quarantine: bool) -> Reach {
        if quarantine {
            return Reach::nothing();
        }
        // A scope of some instances is said by naming them: who else has instances of the partner is not concerned.
        let narrowed = scope.instances().is_some();
        if !narrowed && !asks_for_owners(predicate) {
            return Reach::Everything;
        }
        let named_max = if narrowed { CONCERNED_MAX } else { NAMED_MAX };
        let like = |owner: &Owner| may_be_of(predicate, owner);
        let (named, all) = self.shared.registry.instances_like(scope, named_max + 1, like);
        if named.len() > named_max || (all && !narrowed && !scope.is_staff()) {
            return Reach::Everything;
        }
        let named = named.iter().map(|instance| (Arc::clone(&instance.partner), Arc::clone(&instance.id))).collect();
        Reach::Instances(named)
    }

    /// The one partner that a question of staff's concerned, where neither the query nor the token's note names anything of another's.
    pub(super) fn quotable_to(&self, record: &Record) -> Option<Arc<str>> {
        let mut partners = record.concerned.keys().map(|(partner, _)| partner);
        let partner = partners.next()?;
        if partners.any(|other| other != partner) {
            return None;
        }
        let names_others = |text: &Option<String>| text.as_ref().is_some_and(|text| self.shared.registry.names_others(partner, text));
        (!names_others(&record.query) && !names_others(&record.note)).then(|| Arc::clone(partner))
    }
}
