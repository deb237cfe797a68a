//! Policies: said of an instance, or of a module for what its instances do not say; told to the collectors as one document, and applied to pushed lines here.
//!
//! The document is made when it is asked for after a change, and kept until the next one: thousands of collectors ask every half minute. Its tag is a hash of it, so the same
//! registry has the same tag after a restart. It has the keys of those partners alone of whose data something is hashed.

use super::state::State;
use super::{Instance, Registry};
use crate::catalog::Catalog;
use crate::catalog::numbers::damaged;
use axum::body::Bytes;
use martlog_formats::policy::{Group, HashKey, POLICY_VERSION, Policy, PolicySet, Target};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What collectors are told.
#[derive(Debug)]
pub(crate) struct PolicyDocument {
    /// The registry's version of which it is.
    version: u64,
    /// Its `ETag`, quotes included.
    pub(crate) tag: String,
    /// A [`PolicySet`] as JSON.
    pub(crate) body: Bytes,
}

impl Registry {
    /// What is said of all instances, as of now.
    pub(crate) fn policy_document(&self) -> Result<Arc<PolicyDocument>, serde_json::Error> {
        // Before the state is looked at: a change meanwhile makes it anew next time.
        let version = *self.shared.changes.borrow();
        let mut kept = self.shared.policies.lock();
        if let Some(document) = kept.as_ref().filter(|document| document.version == version) {
            return Ok(Arc::clone(document));
        }
        let body = serde_json::to_vec(&self.shared.state.read().policies())?;
        let digest = Sha256::digest(&body);
        let tag = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
        let document = Arc::new(PolicyDocument { version, tag: format!("\"{tag}\""), body: body.into() });
        *kept = Some(Arc::clone(&document));
        Ok(document)
    }

    /// What holds for an instance's lines, and what its partner's data are hashed with.
    pub(crate) fn policy_of(&self, instance: &str) -> (Policy, Option<HashKey>) {
        let state = self.shared.state.read();
        state.instances.get(instance).map_or_else(Default::default, |instance| (state.policy(instance), state.hash_key(&instance.partner)))
    }
}

impl State {
    fn policy(&self, instance: &Instance) -> Policy {
        let own = instance.policy.clone().unwrap_or_default();
        match self.modules.get(&instance.module).and_then(|module| module.policy.as_ref()) {
            Some(default) => own.over(default),
            None => own,
        }
    }

    fn hash_key(&self, partner: &str) -> Option<HashKey> {
        self.partners.get(partner).map(|partner| partner.hash_key)
    }

    /// The instances of which something is said, those of a partner of which the same is said together; by partner, policy and id.
    fn policies(&self) -> PolicySet {
        let mut groups: BTreeMap<(Arc<str>, String), Group> = BTreeMap::new();
        for instance in self.instances.values() {
            let policy = self.policy(instance);
            if policy.is_usual() {
                continue;
            }
            let group = groups.entry((Arc::clone(&instance.partner), text(&policy))).or_insert_with(|| Group {
                partner: instance.partner.to_string(),
                key: self.hash_key(&instance.partner).filter(|_| policy.redaction.hashes()),
                policy,
                instances: Vec::new(),
            });
            let (namespace, labels) = (instance.selector.namespace.clone(), instance.selector.labels.clone());
            group.instances.push(Target { id: instance.id.to_string(), namespace, labels });
        }
        PolicySet { version: POLICY_VERSION, groups: groups.into_values().collect() }
    }
}

/// A new key.
pub(super) fn draw() -> HashKey {
    HashKey::new(rand::random())
}

/// Gives keys to the partners that have none: those from before there were any.
pub(super) async fn draw_missing(catalog: &Catalog) -> Result<(), sqlx::Error> {
    let mut transaction = catalog.begin().await?;
    let without: Vec<String> = sqlx::query_scalar("SELECT id FROM partners WHERE hash_key IS NULL").fetch_all(&mut *transaction).await?;
    for id in &without {
        let key = draw();
        sqlx::query("UPDATE partners SET hash_key = ? WHERE id = ?").bind(&key.bytes()[..]).bind(id).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// From the column `hash_key`.
pub(super) fn read_key(row: &SqliteRow) -> Result<HashKey, sqlx::Error> {
    let bytes: &[u8] = row.try_get("hash_key")?;
    bytes.try_into().map(HashKey::new).map_err(|error| damaged("hash_key", error))
}

/// As the column `policy` has it.
pub(super) fn text(policy: &Policy) -> String {
    // A policy is an object of strings, which is always written.
    serde_json::to_string(policy).unwrap_or_default()
}

/// From the column `policy`.
pub(super) fn read(row: &SqliteRow) -> Result<Option<Policy>, sqlx::Error> {
    let text: Option<&str> = row.try_get("policy")?;
    text.map(|text| serde_json::from_str(text).map_err(|error| damaged("policy", error))).transpose()
}
