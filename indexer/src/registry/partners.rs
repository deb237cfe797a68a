//! Partners: the authors of modules.

use super::changes::Change;
use super::state::State;
use super::{Created, Registry, RegistryError, Scope, ids, policies};
use crate::catalog::numbers::now_ns;
use martlog_formats::policy::HashKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};
use std::sync::Arc;

/// Partners at most; each is a few hundred bytes of memory.
const PARTNERS_MAX: usize = 10_000;

/// A partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Partner {
    /// Its id, unique.
    pub id: Arc<str>,
    /// Its name for readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was made, ns since the epoch; RFC 3339 in answers.
    #[serde(rename = "created_at", serialize_with = "super::ids::rfc3339")]
    #[schemars(with = "String")]
    pub created_ns: i64,
    /// What its data are hashed with.
    #[serde(skip)]
    pub(super) hash_key: HashKey,
}

/// A partner to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPartner {
    /// `[a-z0-9][a-z0-9-]{0,62}`.
    pub id: String,
    /// Its name for readers.
    pub name: Option<String>,
}

/// What of a partner shall change; `null` takes it away.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchPartner {
    /// Its name for readers.
    #[serde(default, deserialize_with = "super::ids::present")]
    pub name: Option<Option<String>>,
}

impl Registry {
    /// Makes a partner; the same again is fine.
    ///
    /// # Errors
    /// When a member is invalid, another partner has the id, or the catalog fails.
    pub async fn create_partner(&self, new: NewPartner) -> Result<Created<Partner>, RegistryError> {
        let id = ids::id("id", &new.id)?;
        new.name.iter().try_for_each(|name| ids::text("name", name))?;
        self.change(|state| match state.partners.get(&id) {
            Some(there) if there.name == new.name => Ok((vec![], Created { value: Arc::clone(there), new: false })),
            Some(_) => Err(RegistryError::exists("partner", &id, &["name"])),
            None if state.partners.len() >= PARTNERS_MAX => Err(RegistryError::full("partners", PARTNERS_MAX)),
            None => {
                let partner = Arc::new(Partner { id, name: new.name, created_ns: now_ns(), hash_key: policies::draw() });
                Ok((vec![Change::PutPartner(Arc::clone(&partner))], Created { value: partner, new: true }))
            }
        })
        .await
    }

    /// Changes a partner.
    ///
    /// # Errors
    /// When there is none, a member is invalid, or the catalog fails.
    pub async fn patch_partner(&self, id: &str, patch: PatchPartner) -> Result<Arc<Partner>, RegistryError> {
        patch.name.iter().flatten().try_for_each(|name| ids::text("name", name))?;
        self.change(|state| {
            let there = state.partners.get(id).ok_or_else(|| RegistryError::absent("partner", id))?;
            let name = patch.name.unwrap_or_else(|| there.name.clone());
            let partner = Arc::new(Partner { name, ..Partner::clone(there) });
            Ok((vec![Change::PutPartner(Arc::clone(&partner))], partner))
        })
        .await
    }

    /// Removes a partner that has neither modules nor tokens. What it has logged stays until its retention ends.
    ///
    /// # Errors
    /// When there is none, it is in use, or the catalog fails.
    pub async fn remove_partner(&self, id: &str) -> Result<(), RegistryError> {
        self.change(|state| {
            let there = state.partners.get(id).ok_or_else(|| RegistryError::absent("partner", id))?;
            let modules: Vec<&str> = state.modules.values().filter(|module| *module.partner == *id).map(|module| &*module.id).collect();
            if !modules.is_empty() {
                return Err(RegistryError::in_use("partner", id, "modules", &modules));
            }
            let own = state.tokens.values().filter(|token| token.partner.as_deref() == Some(id));
            // Whoever is signed in through a provider is signed out: that is no token that somebody made and keeps.
            let (signed_in, kept): (Vec<_>, Vec<_>) = own.partition(|token| token.of_session);
            let tokens: Vec<&str> = kept.iter().map(|token| &*token.id).collect();
            if !tokens.is_empty() {
                return Err(RegistryError::in_use("partner", id, "tokens", &tokens));
            }
            let mut changes: Vec<Change> = signed_in.iter().map(|token| Change::RemoveToken(Arc::clone(&token.id))).collect();
            changes.push(Change::RemovePartner(Arc::clone(&there.id)));
            Ok((changes, ()))
        })
        .await
    }

    /// Removes a partner with its modules, instances, tokens and sessions, and pods from the quarantine's list; what is not there is fine.
    ///
    /// # Errors
    /// When the catalog fails.
    pub(crate) async fn remove_partner_whole(&self, id: &str, pods: &[Arc<str>]) -> Result<(), RegistryError> {
        self.change(|state| {
            // Sessions go with their tokens; each thing goes before what it hangs on.
            let tokens = state.tokens.values().filter(|token| token.partner.as_deref() == Some(id));
            let mut changes: Vec<Change> = tokens.map(|token| Change::RemoveToken(Arc::clone(&token.id))).collect();
            changes.extend(state.instances_of(id).map(|instance| Change::RemoveInstance(Arc::clone(instance))));
            let modules = state.modules.values().filter(|module| *module.partner == *id);
            changes.extend(modules.map(|module| Change::RemoveModule(Arc::clone(&module.id))));
            changes.extend(pods.iter().filter(|pod| state.pods.contains_key(*pod)).map(|pod| Change::RemovePod(Arc::clone(pod))));
            changes.extend(state.partners.get(id).map(|partner| Change::RemovePartner(Arc::clone(&partner.id))));
            Ok((changes, ()))
        })
        .await
    }

    /// Whether it is registered.
    #[must_use]
    pub fn has_partner(&self, id: &str) -> bool {
        self.shared.state.read().partners.contains_key(id)
    }

    /// Whether a text has the id or name of something that is another partner's, in any case.
    pub(crate) fn names_others(&self, partner: &str, text: &str) -> bool {
        let text = text.to_lowercase();
        let has = |name: &str| !name.is_empty() && text.contains(&name.to_lowercase());
        let named = |id: &str, name: &Option<String>| has(id) || name.as_deref().is_some_and(has);
        let state = self.shared.state.read();
        state.partners.values().any(|other| *other.id != *partner && named(&other.id, &other.name))
            || state.modules.values().any(|other| *other.partner != *partner && named(&other.id, &other.name))
            || state.instances.values().any(|other| *other.partner != *partner && (has(&other.id) || has(&other.selector.namespace)))
    }

    /// The ids of what is a partner's, and their names.
    pub(crate) fn names_of(&self, id: &str) -> Vec<String> {
        let state = self.shared.state.read();
        let modules = state.modules.values().filter(|module| *module.partner == *id);
        let mut names: Vec<String> = modules
            .flat_map(|module| [Some(module.id.to_string()), module.name.clone()])
            .chain([state.partners.get(id).and_then(|partner| partner.name.clone())])
            .flatten()
            .collect();
        names.extend(state.instances_of(id).map(ToString::to_string));
        names.retain(|name| !name.is_empty());
        names
    }

    /// What else names a partner: the quarantined pods that claim to be its, and the namespaces of its instances.
    pub(crate) fn traces_of(&self, id: &str) -> (Vec<Arc<str>>, Vec<String>) {
        let state = self.shared.state.read();
        let pods = state.pods.values().filter(|pod| state.is_of(pod, id)).map(|pod| Arc::clone(&pod.id)).collect();
        let instances = state.instances_of(id).filter_map(|instance| state.instances.get(instance));
        let namespaces: std::collections::BTreeSet<String> = instances.map(|instance| instance.selector.namespace.clone()).collect();
        (pods, namespaces.into_iter().collect())
    }

    /// The partners of the scope, by id.
    #[must_use]
    pub fn partners(&self, scope: &Scope) -> Vec<Arc<Partner>> {
        self.shared.state.read().partners.values().filter(|partner| scope.shows_partner(&partner.id)).cloned().collect()
    }

    /// A partner of the scope.
    ///
    /// # Errors
    /// When there is none in the scope.
    pub fn partner(&self, scope: &Scope, id: &str) -> Result<Arc<Partner>, RegistryError> {
        let partner = self.shared.state.read().partners.get(id).filter(|partner| scope.shows_partner(&partner.id)).cloned();
        partner.ok_or_else(|| RegistryError::absent("partner", id))
    }
}

pub(super) async fn put(connection: &mut SqliteConnection, partner: &Partner) -> Result<(), sqlx::Error> {
    let statement =
        "INSERT INTO partners (id, name, created_ns, hash_key) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name";
    sqlx::query(statement)
        .bind(&*partner.id)
        .bind(&partner.name)
        .bind(partner.created_ns)
        .bind(&partner.hash_key.bytes()[..])
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn load(connection: &mut SqliteConnection, state: &mut State) -> Result<(), sqlx::Error> {
    for row in sqlx::query("SELECT * FROM partners").fetch_all(connection).await? {
        let partner = Partner {
            id: row.try_get::<&str, _>("id")?.into(),
            name: row.try_get("name")?,
            created_ns: row.try_get("created_ns")?,
            hash_key: policies::read_key(&row)?,
        };
        state.apply(Change::PutPartner(Arc::new(partner)));
    }
    Ok(())
}
