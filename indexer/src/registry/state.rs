//! The state: the committed registry in memory, with the look-ups that requests need.

use super::changes::Change;
use super::instances::Instance;
use super::modules::Module;
use super::partners::Partner;
use super::quarantine::Pod;
use super::secret::Digest;
use super::sessions::Session;
use super::tokens::Token;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// See the module. Maps are by id.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) partners: BTreeMap<Arc<str>, Arc<Partner>>,
    pub(super) modules: BTreeMap<Arc<str>, Arc<Module>>,
    pub(super) instances: BTreeMap<Arc<str>, Arc<Instance>>,
    pub(super) tokens: BTreeMap<Arc<str>, Arc<Token>>,
    pub(super) pods: BTreeMap<Arc<str>, Arc<Pod>>,
    pub(super) sessions: HashMap<Digest, Arc<Session>>,
    /// The tokens again, by what is kept of their text.
    pub(super) by_digest: HashMap<Digest, Arc<Token>>,
    /// The instances again, by the namespace of their selector; the most specific first.
    by_namespace: HashMap<Arc<str>, Vec<Arc<Instance>>>,
    /// The ids of the instances again, by partner.
    by_partner: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl State {
    /// Applies a committed change.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::PutPartner(partner) => drop(self.partners.insert(Arc::clone(&partner.id), partner)),
            Change::RemovePartner(id) => drop(self.partners.remove(&id)),
            Change::PutModule(module) => drop(self.modules.insert(Arc::clone(&module.id), module)),
            Change::RemoveModule(id) => drop(self.modules.remove(&id)),
            Change::PutInstance(instance) => self.put_instance(instance),
            Change::RemoveInstance(id) => self.remove_instance(&id),
            Change::PutToken(token) => {
                self.by_digest.insert(token.digest, Arc::clone(&token));
                self.tokens.insert(Arc::clone(&token.id), token);
            }
            Change::RemoveToken(id) => self.remove_token(&id),
            Change::PutSession(session) => drop(self.sessions.insert(session.digest, session)),
            Change::RemoveSession(digest) => drop(self.sessions.remove(&digest)),
            Change::PutPod(pod) => drop(self.pods.insert(Arc::clone(&pod.id), pod)),
            Change::RemovePod(id) => drop(self.pods.remove(&id)),
        }
    }

    /// The instances whose selector names the namespace, the most specific first.
    pub(super) fn selecting(&self, namespace: &str) -> &[Arc<Instance>] {
        self.by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// The ids of a partner's instances, ascending.
    pub(super) fn instances_of(&self, partner: &str) -> impl Iterator<Item = &Arc<str>> {
        self.by_partner.get(partner).into_iter().flatten()
    }

    fn put_instance(&mut self, instance: Arc<Instance>) {
        self.remove_instance(&Arc::clone(&instance.id));
        let rivals = self.by_namespace.entry(instance.selector.namespace.as_str().into()).or_default();
        let at = rivals.partition_point(|rival| rival.selector.labels.len() >= instance.selector.labels.len());
        rivals.insert(at, Arc::clone(&instance));
        self.by_partner.entry(Arc::clone(&instance.partner)).or_default().insert(Arc::clone(&instance.id));
        self.instances.insert(Arc::clone(&instance.id), instance);
    }

    fn remove_instance(&mut self, id: &str) {
        let Some(instance) = self.instances.remove(id) else { return };
        let namespace = instance.selector.namespace.as_str();
        if let Some(rivals) = self.by_namespace.get_mut(namespace) {
            rivals.retain(|rival| rival.id != instance.id);
            if rivals.is_empty() {
                self.by_namespace.remove(namespace);
            }
        }
        if let Some(ids) = self.by_partner.get_mut(&instance.partner) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_partner.remove(&instance.partner);
            }
        }
    }

    /// A session dies with its token.
    fn remove_token(&mut self, id: &str) {
        let Some(token) = self.tokens.remove(id) else { return };
        self.by_digest.remove(&token.digest);
        self.sessions.retain(|_, session| session.token != token.id);
    }
}
