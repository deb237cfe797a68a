//! Modules: what a partner publishes. A module's id is unique over all partners, and it never changes hands: what it has logged is kept by partner.

use super::changes::Change;
use super::state::State;
use super::{Created, Keep, Registry, RegistryError, Scope, ids, keep, policies};
use crate::catalog::numbers::now_ns;
use crate::row::ModuleKey;
use martlog_formats::policy::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};
use std::sync::Arc;

/// Modules at most; several thousand are planned for.
const MODULES_MAX: usize = 50_000;

/// A module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Module {
    /// Its id, unique over all partners.
    pub id: Arc<str>,
    /// Whose it is.
    pub partner: Arc<str>,
    /// Its name for readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How long its rows are kept where an instance says nothing else; absent where that is as long as the whole store's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Keep>,
    /// What is said of the lines of its instances, where they say nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// When it was made, ns since the epoch; RFC 3339 in answers.
    #[serde(rename = "created_at", serialize_with = "super::ids::rfc3339")]
    #[schemars(with = "String")]
    pub created_ns: i64,
}

/// A module to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewModule {
    /// `[a-z0-9][a-z0-9-]{0,62}`.
    pub id: String,
    /// Whose it is: a registered partner.
    pub partner: String,
    /// Its name for readers.
    pub name: Option<String>,
    /// How long its rows are kept, such as `30d`; as long as the whole store's when absent.
    #[serde(default)]
    pub retention: Option<Keep>,
    /// What is said of its lines: redaction, level, rate limit.
    #[serde(default)]
    pub policy: Option<Policy>,
}

/// What of a module shall change; `null` takes it away.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchModule {
    /// Its name for readers.
    #[serde(default, deserialize_with = "super::ids::present")]
    pub name: Option<Option<String>>,
    /// How long its rows are kept.
    #[serde(default, deserialize_with = "super::ids::present")]
    pub retention: Option<Option<Keep>>,
    /// What is said of its lines, as a whole.
    #[serde(default, deserialize_with = "super::ids::present")]
    pub policy: Option<Option<Policy>>,
}

impl Registry {
    /// Makes a module; the same again is fine.
    ///
    /// # Errors
    /// When a member is invalid, another module has the id, or the catalog fails.
    pub async fn create_module(&self, new: NewModule) -> Result<Created<Module>, RegistryError> {
        let id = ids::id("id", &new.id)?;
        new.name.iter().try_for_each(|name| ids::text("name", name))?;
        self.change(|state| {
            let partner = state.partners.get(new.partner.as_str()).ok_or_else(|| {
                RegistryError::invalid(
                    "partner",
                    format!("names no registered partner: make the partner `{}` first", ids::shown(&new.partner)),
                )
            })?;
            if let Some(there) = state.modules.get(&id) {
                let differs = ids::differing(&[
                    ("partner", there.partner != partner.id),
                    ("name", there.name != new.name),
                    ("retention", there.retention != new.retention),
                    ("policy", there.policy != new.policy),
                ]);
                return match differs.as_slice() {
                    [] => Ok((vec![], Created { value: Arc::clone(there), new: false })),
                    _ => Err(RegistryError::exists("module", &id, &differs)),
                };
            }
            if state.modules.len() >= MODULES_MAX {
                return Err(RegistryError::full("modules", MODULES_MAX));
            }
            let module = Arc::new(Module {
                id,
                partner: Arc::clone(&partner.id),
                name: new.name,
                retention: new.retention,
                policy: new.policy,
                created_ns: now_ns(),
            });
            Ok((vec![Change::PutModule(Arc::clone(&module))], Created { value: module, new: true }))
        })
        .await
    }

    /// Changes a module.
    ///
    /// # Errors
    /// When there is none, a member is invalid, or the catalog fails.
    pub async fn patch_module(&self, id: &str, patch: PatchModule) -> Result<Arc<Module>, RegistryError> {
        patch.name.iter().flatten().try_for_each(|name| ids::text("name", name))?;
        self.change(|state| {
            let there = state.modules.get(id).ok_or_else(|| RegistryError::absent("module", id))?;
            let name = patch.name.unwrap_or_else(|| there.name.clone());
            let retention = patch.retention.unwrap_or_else(|| there.retention.clone());
            let policy = patch.policy.unwrap_or_else(|| there.policy.clone());
            let module = Arc::new(Module { name, retention, policy, ..Module::clone(there) });
            Ok((vec![Change::PutModule(Arc::clone(&module))], module))
        })
        .await
    }

    /// Removes a module that has no instances. What it has logged stays until its retention ends.
    ///
    /// # Errors
    /// When there is none, it is in use, or the catalog fails.
    pub async fn remove_module(&self, id: &str) -> Result<(), RegistryError> {
        self.change(|state| {
            let there = state.modules.get(id).ok_or_else(|| RegistryError::absent("module", id))?;
            let instances: Vec<&str> =
                state.instances.values().filter(|instance| instance.module == there.id).map(|instance| &*instance.id).collect();
            if !instances.is_empty() {
                return Err(RegistryError::in_use("module", id, "instances", &instances));
            }
            Ok((vec![Change::RemoveModule(Arc::clone(&there.id))], ()))
        })
        .await
    }

    /// The modules of the scope, by id; of a scope narrowed to instances, those of these instances.
    #[must_use]
    pub fn modules(&self, scope: &Scope) -> Vec<Arc<Module>> {
        let state = self.shared.state.read();
        state.modules.values().filter(|module| state.shows_module(scope, module)).cloned().collect()
    }

    /// A module of the scope.
    ///
    /// # Errors
    /// When there is none in the scope.
    pub fn module(&self, scope: &Scope, id: &str) -> Result<Arc<Module>, RegistryError> {
        let state = self.shared.state.read();
        let module = state.modules.get(id).filter(|module| state.shows_module(scope, module)).cloned();
        module.ok_or_else(|| RegistryError::absent("module", id))
    }
}

impl State {
    fn shows_module(&self, scope: &Scope, module: &Module) -> bool {
        let key = ModuleKey { partner: Arc::clone(&module.partner), module: Arc::clone(&module.id) };
        let reached = |id: &Arc<str>| self.instances.get(id).is_some_and(|instance| instance.module == module.id);
        scope.allows_module(&key) && scope.instances().is_none_or(|set| set.iter().any(reached))
    }
}

pub(super) async fn put(connection: &mut SqliteConnection, module: &Module) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO modules (id, partner, name, retention, policy, created_ns) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, retention = excluded.retention, policy = excluded.policy",
    )
    .bind(&*module.id)
    .bind(&*module.partner)
    .bind(&module.name)
    .bind(module.retention.as_ref().map(Keep::text))
    .bind(module.policy.as_ref().map(policies::text))
    .bind(module.created_ns)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn load(connection: &mut SqliteConnection, state: &mut State) -> Result<(), sqlx::Error> {
    for row in sqlx::query("SELECT * FROM modules").fetch_all(connection).await? {
        let module = Module {
            id: row.try_get::<&str, _>("id")?.into(),
            partner: row.try_get::<&str, _>("partner")?.into(),
            name: row.try_get("name")?,
            retention: keep::read(&row)?,
            policy: policies::read(&row)?,
            created_ns: row.try_get("created_ns")?,
        };
        state.apply(Change::PutModule(Arc::new(module)));
    }
    Ok(())
}
