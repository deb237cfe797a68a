//! Scopes and principals: what a token may do. Their fields are the registry's to set: nobody else can make one.

use super::Registry;
use super::secret::Kind;
use super::state::State;
use super::tokens::Token;
use crate::catalog::numbers::now_ns;
use crate::row::{ModuleKey, Owner};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a token may read. Only the registry makes one; storage cannot be asked without it.
#[derive(Debug, Clone)]
pub struct Scope {
    pub(crate) reach: Reach,
    /// The token behind it, for revocation and audit.
    pub(crate) token: Arc<str>,
}

/// How far a scope reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Staff: everything, the quarantine included when asked for.
    Everything,
    /// One partner's modules; of these only some instances, when they are named.
    Partner { partner: Arc<str>, instances: Option<Arc<BTreeSet<Arc<str>>>> },
}

impl Scope {
    /// Whether the module may be opened at all.
    #[must_use]
    pub fn allows_module(&self, key: &ModuleKey) -> bool {
        match &self.reach {
            Reach::Everything => true,
            Reach::Partner { partner, .. } => *partner == key.partner,
        }
    }

    /// Whether rows of this owner may be shown.
    #[must_use]
    pub fn allows(&self, owner: &Owner) -> bool {
        match &self.reach {
            Reach::Everything => true,
            Reach::Partner { partner, instances } => {
                *partner == owner.key.partner && instances.as_ref().is_none_or(|set| set.contains(&owner.instance))
            }
        }
    }

    /// Whether this is a staff scope.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        self.reach == Reach::Everything
    }

    /// The partner whose modules it reaches; `None` for staff.
    #[must_use]
    pub fn partner(&self) -> Option<&str> {
        match &self.reach {
            Reach::Everything => None,
            Reach::Partner { partner, .. } => Some(partner),
        }
    }

    /// The instances that it is narrowed to; `None` where it is not narrowed.
    #[must_use]
    pub fn instances(&self) -> Option<&BTreeSet<Arc<str>>> {
        match &self.reach {
            Reach::Everything => None,
            Reach::Partner { instances, .. } => instances.as_deref(),
        }
    }

    /// Whether the partner itself may be shown.
    pub(super) fn shows_partner(&self, partner: &str) -> bool {
        self.partner().is_none_or(|own| own == partner)
    }

    /// The id of the token behind it.
    #[must_use]
    pub fn token_id(&self) -> &str {
        &self.token
    }

    /// A stable digest of what it reaches, to bind cursors to it.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(format!("{:?}", self.reach).as_bytes())
    }
}

/// Who a token is.
#[derive(Debug, Clone)]
pub enum Principal {
    /// Reads: staff or a partner.
    Reader(Scope),
    /// Pushes lines of these instances.
    Ingest {
        /// The token.
        token: Arc<str>,
        /// The partner it belongs to.
        partner: Arc<str>,
        /// The instances it may write; the first is the default.
        instances: Vec<Arc<str>>,
    },
    /// A cluster's collectors.
    Collector {
        /// The token.
        token: Arc<str>,
        /// The only cluster it may write for.
        cluster: Arc<str>,
    },
}

impl Principal {
    /// The id of the token behind it.
    #[must_use]
    pub fn token_id(&self) -> &str {
        match self {
            Self::Reader(scope) => &scope.token,
            Self::Ingest { token, .. } | Self::Collector { token, .. } => token,
        }
    }
}

impl Registry {
    /// Everything, for the store's own upkeep: no token is behind it, so it never answers a request.
    pub(crate) fn upkeep_scope(&self) -> Scope {
        Scope { reach: Reach::Everything, token: Arc::default() }
    }

    /// Who the token is; `None` when it is mistyped, unknown, revoked or expired.
    #[must_use]
    pub fn authenticate(&self, text: &str) -> Option<Principal> {
        let (_, digest) = super::secret::parse(text)?;
        let state = self.shared.state.read();
        let token = state.by_digest.get(&digest)?;
        state.principal(token, now_ns())
    }

    /// Whether the scope still holds: its token is neither revoked nor expired.
    #[must_use]
    pub fn still_valid(&self, scope: &Scope) -> bool {
        self.shared.state.read().tokens.get(&scope.token).is_some_and(|token| token.holds_at(now_ns()))
    }
}

impl State {
    /// What the token may do at this time; `None` when it has expired.
    pub(super) fn principal(&self, token: &Token, now_ns: i64) -> Option<Principal> {
        if !token.holds_at(now_ns) {
            return None;
        }
        let id = Arc::clone(&token.id);
        // A token of a kind that needs something which is not there grants nothing.
        Some(match token.kind {
            Kind::Staff => Principal::Reader(Scope { reach: Reach::Everything, token: id }),
            Kind::Partner => {
                let partner = token.partner.clone()?;
                Principal::Reader(Scope { reach: Reach::Partner { partner, instances: token.instances.clone() }, token: id })
            }
            Kind::Ingest => {
                let partner = token.partner.clone()?;
                let instances = match &token.instances {
                    Some(named) => named.iter().cloned().collect(),
                    None => self.instances_of(&partner).cloned().collect(),
                };
                Principal::Ingest { token: id, partner, instances }
            }
            Kind::Collector => Principal::Collector { token: id, cluster: token.cluster.clone()? },
        })
    }
}
