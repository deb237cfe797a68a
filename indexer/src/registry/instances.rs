//! Instances: deployments of a module, each for one CSP, with the selector that says which pods are its.
//!
//! Invariant: no pod can be selected by two instances. So a selector with the same namespace and labels that do not contradict each other is
//! refused, also where one is only narrower than the other: labels can be late, and a pod must not be its neighbour's until they come.

use super::changes::Change;
use super::owners::OwnerCache;
use super::state::State;
use super::{Created, Keep, Registry, RegistryError, Scope, ids, keep, policies};
use crate::catalog::numbers::{damaged, now_ns};
use crate::row::Owner;
use martlog_formats::policy::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Instances at most: some hundred CSPs with some hundred modules each.
const INSTANCES_MAX: usize = 200_000;
/// Labels of a selector at most.
const SELECTOR_LABELS_MAX: usize = 16;
/// The longest key of a Kubernetes label with its prefix, bytes.
pub(super) const LABEL_KEY_BYTES_MAX: usize = 317;
/// The longest value of a Kubernetes label, bytes.
pub(super) const LABEL_VALUE_BYTES_MAX: usize = 63;

/// An instance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Instance {
    /// Its id, unique over all modules.
    pub id: Arc<str>,
    /// What it is a deployment of.
    pub module: Arc<str>,
    /// The module's partner.
    pub partner: Arc<str>,
    /// The telco that it runs for.
    pub csp: Arc<str>,
    /// Such as `production`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Arc<str>>,
    /// Which pods are its.
    pub selector: Selector,
    /// How long its rows are kept; absent where that is as long as its module's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Keep>,
    /// What is said of its lines; absent where nothing is beyond what is said of its module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// When it was made, ns since the epoch; RFC 3339 in answers.
    #[serde(rename = "created_at", serialize_with = "super::ids::rfc3339")]
    #[schemars(with = "String")]
    pub created_ns: i64,
    #[serde(skip)]
    pub(super) owners: OwnerCache,
}

/// Which pods are an instance's: those of the namespace that have all the labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// The Kubernetes namespace.
    pub namespace: String,
    /// Labels with their values.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// An instance to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInstance {
    /// `[a-z0-9][a-z0-9-]{0,62}`.
    pub id: String,
    /// A registered module.
    pub module: String,
    /// The telco.
    pub csp: String,
    /// Such as `production`.
    pub environment: Option<String>,
    /// Which pods are its.
    pub selector: Selector,
    /// How long its rows are kept, such as `30d`; as long as its module's when absent.
    #[serde(default)]
    pub retention: Option<Keep>,
    /// What is said of its lines: redaction, level, rate limit.
    #[serde(default)]
    pub policy: Option<Policy>,
}

/// What of an instance shall change; `null` takes it away.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchInstance {
    /// The telco.
    pub csp: Option<String>,
    /// Such as `production`.
    #[serde(default, deserialize_with = "super::ids::present")]
    pub environment: Option<Option<String>>,
    /// Which pods are its.
    pub selector: Option<Selector>,
    /// How long its rows are kept.
    #[serde(default, deserialize_with = "super::ids::present")]
    pub retention: Option<Option<Keep>>,
    /// What is said of its lines, as a whole.
    #[serde(default, deserialize_with = "super::ids::present")]
    pub policy: Option<Option<Policy>>,
}

impl Selector {
    /// Whether a pod of the namespace with these labels is selected.
    #[must_use]
    pub fn selects(&self, namespace: &str, labels: &[(String, String)]) -> bool {
        let has = |(key, value): (&String, &String)| labels.iter().any(|(k, v)| k == key && v == value);
        self.namespace == namespace && self.labels.iter().all(has)
    }

    /// Whether one pod could be selected by both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let compatible = |(key, value): (&String, &String)| other.labels.get(key).is_none_or(|theirs| theirs == value);
        self.namespace == other.namespace && self.labels.iter().all(compatible)
    }

    fn check(&self) -> Result<(), RegistryError> {
        ids::id("selector.namespace", &self.namespace)?;
        if self.labels.len() > SELECTOR_LABELS_MAX {
            return Err(RegistryError::invalid("selector.labels", format!("has over {SELECTOR_LABELS_MAX} labels")));
        }
        for (key, value) in &self.labels {
            let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
            if key.is_empty() || key.len() > LABEL_KEY_BYTES_MAX || !printable(key) {
                return Err(RegistryError::invalid("selector.labels", "has a key that no Kubernetes label can have"));
            }
            if value.len() > LABEL_VALUE_BYTES_MAX || !printable(value) {
                return Err(RegistryError::invalid(&format!("selector.labels.{key}"), "is no value that a Kubernetes label can have"));
            }
        }
        Ok(())
    }
}

impl Registry {
    /// Makes an instance; the same again is fine.
    ///
    /// # Errors
    /// When a member is invalid, another instance has the id or could select the same pods, or the catalog fails.
    pub async fn create_instance(&self, new: NewInstance) -> Result<Created<Instance>, RegistryError> {
        let (id, csp) = (ids::id("id", &new.id)?, ids::name("csp", &new.csp)?);
        let environment = new.environment.map(|text| ids::name("environment", &text)).transpose()?;
        new.selector.check()?;
        self.change(|state| {
            let module = state.modules.get(new.module.as_str()).ok_or_else(|| {
                RegistryError::invalid("module", format!("names no registered module: make the module `{}` first", ids::shown(&new.module)))
            })?;
            let instance = Instance {
                id,
                module: Arc::clone(&module.id),
                partner: Arc::clone(&module.partner),
                csp,
                environment,
                selector: new.selector,
                retention: new.retention,
                policy: new.policy,
                created_ns: now_ns(),
                owners: OwnerCache::default(),
            };
            if let Some(there) = state.instances.get(&instance.id) {
                return instance.same_as(there).map(|()| (vec![], Created { value: Arc::clone(there), new: false }));
            }
            state.check_selector(&instance)?;
            if state.instances.len() >= INSTANCES_MAX {
                return Err(RegistryError::full("instances", INSTANCES_MAX));
            }
            let instance = Arc::new(instance);
            Ok((vec![Change::PutInstance(Arc::clone(&instance))], Created { value: instance, new: true }))
        })
        .await
    }

    /// Changes an instance. What was logged before stays under the CSP and environment that it came with.
    ///
    /// # Errors
    /// When there is none, a member is invalid, another instance could select the same pods, or the catalog fails.
    pub async fn patch_instance(&self, id: &str, patch: PatchInstance) -> Result<Arc<Instance>, RegistryError> {
        let csp = patch.csp.map(|text| ids::name("csp", &text)).transpose()?;
        let environment = patch.environment.map(|text| text.map(|text| ids::name("environment", &text)).transpose()).transpose()?;
        patch.selector.as_ref().map_or(Ok(()), Selector::check)?;
        self.change(|state| {
            let mut instance =
                state.instances.get(id).map(|there| Instance::clone(there)).ok_or_else(|| RegistryError::absent("instance", id))?;
            instance.csp = csp.unwrap_or(instance.csp);
            instance.environment = environment.unwrap_or(instance.environment);
            instance.selector = patch.selector.unwrap_or(instance.selector);
            instance.retention = patch.retention.unwrap_or(instance.retention);
            instance.policy = patch.policy.unwrap_or(instance.policy);
            state.check_selector(&instance)?;
            let instance = Arc::new(instance);
            Ok((vec![Change::PutInstance(Arc::clone(&instance))], instance))
        })
        .await
    }

    /// Removes an instance that no token names. Its pods' further lines go to the quarantine; what it has logged stays until its retention ends.
    ///
    /// # Errors
    /// When there is none, it is in use, or the catalog fails.
    pub async fn remove_instance(&self, id: &str) -> Result<(), RegistryError> {
        self.change(|state| {
            let there = state.instances.get(id).ok_or_else(|| RegistryError::absent("instance", id))?;
            let names = |token: &&Arc<super::Token>| token.instances.as_ref().is_some_and(|set| set.contains(id));
            let tokens: Vec<&str> = state.tokens.values().filter(names).map(|token| &*token.id).collect();
            if !tokens.is_empty() {
                return Err(RegistryError::in_use("instance", id, "tokens", &tokens));
            }
            Ok((vec![Change::RemoveInstance(Arc::clone(&there.id))], ()))
        })
        .await
    }

    /// The instances of the scope, by id.
    #[must_use]
    pub fn instances(&self, scope: &Scope) -> Vec<Arc<Instance>> {
        self.shared.state.read().instances.values().filter(|instance| scope.allows(&instance.owner(""))).cloned().collect()
    }

    /// The instances of the scope whose owner is `like` this, so many at most, and whether these are all of the scope.
    pub(crate) fn instances_like(&self, scope: &Scope, most: usize, like: impl Fn(&Owner) -> bool) -> (Vec<Arc<Instance>>, bool) {
        let state = self.shared.state.read();
        let own = scope.partner().map(|partner| state.instances_of(partner).filter_map(|id| state.instances.get(id)));
        let everybodys = scope.is_staff().then(|| state.instances.values());
        let mut all = true;
        let mut found = Vec::new();
        for instance in own.into_iter().flatten().chain(everybodys.into_iter().flatten()) {
            let owner = instance.owner("");
            if !scope.allows(&owner) {
                continue;
            }
            if !like(&owner) {
                all = false;
            } else if found.len() < most {
                found.push(Arc::clone(instance));
            } else {
                return (found, false);
            }
        }
        (found, all)
    }

    /// An instance of the scope.
    ///
    /// # Errors
    /// When there is none in the scope.
    pub fn instance_in(&self, scope: &Scope, id: &str) -> Result<Arc<Instance>, RegistryError> {
        let instance = self.shared.state.read().instances.get(id).filter(|instance| scope.allows(&instance.owner(""))).cloned();
        instance.ok_or_else(|| RegistryError::absent("instance", id))
    }
}

impl Instance {
    /// Whether making this is what made the other one.
    fn same_as(&self, there: &Self) -> Result<(), RegistryError> {
        let differs = ids::differing(&[
            ("module", self.module != there.module),
            ("csp", self.csp != there.csp),
            ("environment", self.environment != there.environment),
            ("selector", self.selector != there.selector),
            ("retention", self.retention != there.retention),
            ("policy", self.policy != there.policy),
        ]);
        if differs.is_empty() { Ok(()) } else { Err(RegistryError::exists("instance", &self.id, &differs)) }
    }
}

impl State {
    /// Refuses a selector that shares a pod with another instance's.
    fn check_selector(&self, instance: &Instance) -> Result<(), RegistryError> {
        let rivals = self.selecting(&instance.selector.namespace);
        match rivals.iter().find(|rival| rival.id != instance.id && rival.selector.overlaps(&instance.selector)) {
            None => Ok(()),
            Some(rival) => Err(RegistryError::conflict(
                "selector_overlaps",
                format!(
                    "the selector could take pods of the instance `{}` (namespace `{}`, labels {}): give both a label with different values",
                    rival.id,
                    rival.selector.namespace,
                    labels_text(&rival.selector.labels),
                ),
            )),
        }
    }
}

pub(super) async fn put(connection: &mut SqliteConnection, instance: &Instance) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO instances (id, module, csp, environment, namespace, labels, retention, policy, created_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET csp = excluded.csp, environment = excluded.environment, namespace = excluded.namespace, labels = excluded.labels, \
         retention = excluded.retention, policy = excluded.policy",
    )
    .bind(&*instance.id)
    .bind(&*instance.module)
    .bind(&*instance.csp)
    .bind(instance.environment.as_deref())
    .bind(&instance.selector.namespace)
    .bind(labels_text(&instance.selector.labels))
    .bind(instance.retention.as_ref().map(Keep::text))
    .bind(instance.policy.as_ref().map(policies::text))
    .bind(instance.created_ns)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn load(connection: &mut SqliteConnection, state: &mut State) -> Result<(), sqlx::Error> {
    let statement = "SELECT instances.*, modules.partner FROM instances JOIN modules ON modules.id = instances.module";
    for row in sqlx::query(statement).fetch_all(connection).await? {
        let instance = Instance {
            id: row.try_get::<&str, _>("id")?.into(),
            module: row.try_get::<&str, _>("module")?.into(),
            partner: row.try_get::<&str, _>("partner")?.into(),
            csp: row.try_get::<&str, _>("csp")?.into(),
            environment: row.try_get::<Option<&str>, _>("environment")?.map(Arc::from),
            selector: Selector { namespace: row.try_get("namespace")?, labels: labels_from(row.try_get("labels")?)? },
            retention: keep::read(&row)?,
            policy: policies::read(&row)?,
            created_ns: row.try_get("created_ns")?,
            owners: OwnerCache::default(),
        };
        state.apply(Change::PutInstance(Arc::new(instance)));
    }
    Ok(())
}

/// Labels as a JSON object of strings.
pub(super) fn labels_text(labels: &BTreeMap<String, String>) -> String {
    serde_json::Value::from_iter(labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))).to_string()
}

/// Labels from such an object.
pub(super) fn labels_from(text: &str) -> Result<BTreeMap<String, String>, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| damaged("labels", error))
}
