//! Owners: whose a stream is, and the one `Arc` per owner that all its rows share.

use super::Registry;
use super::instances::{Instance, LABEL_VALUE_BYTES_MAX};
use super::state::State;
use crate::row::{ModuleKey, Owner, QUARANTINE};
use martlog_formats::wire::Stream;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The label by which a pod claims its partner.
pub(super) const VENDOR_LABEL: &str = "vendor_id";
/// The label by which a pod tells its version.
const VERSION_LABEL: &str = "app.kubernetes.io/version";
/// Versions of an instance that are remembered at once; more than a roll-out ever has. Beyond, they are made anew.
const VERSIONS_MAX: usize = 64;
/// The longest pod UID that is a quarantine's name as it is, bytes; a UUID has 36.
const UID_BYTES_MAX: usize = 64;

/// What the registry says of a pod.
#[derive(Debug)]
pub(super) enum Claim<'a> {
    /// It is this instance's.
    Owned(&'a Arc<Instance>),
    /// This instance's selector takes it, and its labels say that it is another partner's.
    Contested(&'a Arc<Instance>),
    /// No selector takes it.
    Unclaimed,
}

/// The owners that were made of an instance, by version.
#[derive(Debug, Default)]
pub(super) struct OwnerCache(Mutex<HashMap<Arc<str>, Arc<Owner>>>);

/// A changed instance has other owners: its cache begins empty.
impl Clone for OwnerCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Registry {
    /// Who owns a stream: the instance whose selector matches namespace and labels; the pod's quarantine where there is none or the claim contradicts it.
    #[must_use]
    pub fn owner_of(&self, stream: &Stream, labels: &[(String, String)]) -> Arc<Owner> {
        let state = self.shared.state.read();
        match state.claim(&stream.namespace, labels) {
            Claim::Owned(instance) => instance.owner(version(labels)),
            Claim::Contested(_) | Claim::Unclaimed => {
                let id = quarantine_id(&stream.pod_uid);
                state.pods.get(&id).map_or_else(|| quarantine_owner(id), |pod| Arc::clone(&pod.owner))
            }
        }
    }

    /// The owner record of a registered instance, for pushed lines.
    #[must_use]
    pub fn instance(&self, id: &str) -> Option<Arc<Owner>> {
        self.shared.state.read().instances.get(id).map(|instance| instance.owner(""))
    }
}

impl State {
    /// Whose a pod of this namespace with these labels is.
    pub(super) fn claim(&self, namespace: &str, labels: &[(String, String)]) -> Claim<'_> {
        // The most specific comes first.
        let Some(instance) = self.selecting(namespace).iter().find(|instance| instance.selector.selects(namespace, labels)) else {
            return Claim::Unclaimed;
        };
        match label(labels, VENDOR_LABEL) {
            Some(vendor) if *vendor != *instance.partner => Claim::Contested(instance),
            _ => Claim::Owned(instance),
        }
    }
}

impl Instance {
    /// The owner of rows that this version of it logs; the same `Arc` for the same version.
    pub(crate) fn owner(&self, version: &str) -> Arc<Owner> {
        let mut owners = self.owners.0.lock();
        if let Some(owner) = owners.get(version) {
            return Arc::clone(owner);
        }
        let version: Arc<str> = version.into();
        let owner = Arc::new(Owner {
            key: ModuleKey { partner: Arc::clone(&self.partner), module: Arc::clone(&self.module) },
            instance: Arc::clone(&self.id),
            csp: Arc::clone(&self.csp),
            environment: self.environment.clone().unwrap_or_default(),
            version: Arc::clone(&version),
        });
        if owners.len() >= VERSIONS_MAX {
            owners.clear();
        }
        owners.insert(version, Arc::clone(&owner));
        owner
    }
}

/// The owner of rows that have none.
pub(super) fn quarantine_owner(id: Arc<str>) -> Arc<Owner> {
    Arc::new(Owner {
        key: ModuleKey { partner: QUARANTINE.into(), module: id },
        instance: Arc::default(),
        csp: Arc::default(),
        environment: Arc::default(),
        version: Arc::default(),
    })
}

/// The name of a pod's quarantine: its UID. The UID comes from outside and the name becomes a folder's, so one that could be anything else than
/// a plain name is replaced by its digest.
pub(super) fn quarantine_id(pod_uid: &str) -> Arc<str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=UID_BYTES_MAX).contains(&pod_uid.len()) && pod_uid.bytes().all(plain) {
        return pod_uid.into();
    }
    format!("uid-{:032x}", xxhash_rust::xxh3::xxh3_128(pod_uid.as_bytes())).into()
}

/// The version that the labels tell; empty when they tell none that a label can have.
pub(super) fn version(labels: &[(String, String)]) -> &str {
    label(labels, VERSION_LABEL).filter(|version| version.len() <= LABEL_VALUE_BYTES_MAX).unwrap_or("")
}

fn label<'a>(labels: &'a [(String, String)], key: &str) -> Option<&'a str> {
    labels.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}
