//! The registry: partners, modules, instances and tokens; it authenticates, says who owns a stream, and alone makes a [`Scope`].

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

/// Partners, modules, instances, tokens. Clones share it; reads are from memory, writes go through the catalog.
#[derive(Debug, Clone)]
pub struct Registry {}

impl Registry {
    /// Who owns a stream: the instance whose selector matches namespace and labels; the pod's quarantine where there is none or the claim contradicts it.
    #[must_use]
    pub fn owner_of(&self, _stream: &martlog_formats::wire::Stream, _labels: &[(String, String)]) -> Arc<Owner> {
        unimplemented!()
    }

    /// The owner record of a registered instance, for pushed lines.
    #[must_use]
    pub fn instance(&self, _id: &str) -> Option<Arc<Owner>> {
        unimplemented!()
    }

    /// Told each time a token is revoked or the registry changes, so that tails can check whether they may go on.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        unimplemented!()
    }

    /// Whether the scope still holds: its token is neither revoked nor expired.
    #[must_use]
    pub fn still_valid(&self, _scope: &Scope) -> bool {
        unimplemented!()
    }
}
