//! A partner leaves: its modules, instances, tokens and sessions, its splits and live rows, its gaps and counts, and the names in the marks of its files.
//!
//! The marks themselves stay, as numbers without names: they are what tells a collector that still has the files that everything was read. Pods that claim to be the
//! partner's (`vendor_id`) and wait in the quarantine go with it. What its pods print afterwards has no owner and goes to the quarantine: undeploy them first.

use super::{EraseError, Erasure, Kind, scrub};
use crate::Indexer;
use crate::append::Holder;
use crate::registry::Scope;
use crate::row::{ModuleKey, QUARANTINE};
use crate::shelf::Shelved;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;

/// What is to go.
#[derive(Debug, Serialize, Deserialize)]
struct Leaving {
    partner: Arc<str>,
    /// The quarantines of pods that claim to be its.
    quarantines: Vec<Arc<str>>,
    /// Where its instances were: whose a file is, is not known after a restart.
    namespaces: Vec<String>,
    /// The ids of its modules and instances, and its names: what records of questions may have in their texts.
    #[serde(default)]
    names: Vec<String>,
}

impl Leaving {
    fn has(&self, key: &ModuleKey) -> bool {
        key.partner == self.partner || (&*key.partner == QUARANTINE && self.quarantines.contains(&key.module))
    }

    /// Whether a file is one of its containers'. In a namespace that it shares with others a file that nothing has come from since the start may be theirs; it loses its name in
    /// the marks, which the next line gives back.
    fn holds(&self, holder: &Holder) -> bool {
        match &holder.owner {
            Some(owner) => self.has(&owner.key),
            None => {
                self.namespaces.contains(&holder.stream.namespace) || self.quarantines.iter().any(|pod| **pod == *holder.stream.pod_uid)
            }
        }
    }
}

impl Indexer {
    /// Begins to remove a partner with everything of it. When this returns its tokens are revoked and nothing more of its is taken; the bytes go in the background. Returns the id
    /// under which that is reported.
    ///
    /// # Errors
    /// When there is none, or it cannot be kept; then nothing is removed.
    pub async fn begin_partner_erasure(&self, scope: &Scope, id: &str, reference: Option<String>) -> Result<String, EraseError> {
        let registry = self.registry();
        let partner = registry.partner(scope, id)?;
        let (quarantines, namespaces) = registry.traces_of(&partner.id);
        let names = registry.names_of(&partner.id);
        let leaving = Leaving { partner: Arc::clone(&partner.id), quarantines, namespaces, names };
        let request = serde_json::to_string(&leaving).map_err(io::Error::other)?;
        let erasure = Erasure::new(Kind::Partner, request, reference, scope);
        self.engine.catalog.begin_erasure(&erasure).await?;
        self.engine.erasures.leaving.lock().insert(Arc::clone(&partner.id));
        // Should it fail, the erasure has begun all the same and does it again.
        let removed = registry.remove_partner_whole(&leaving.partner, &leaving.quarantines).await;
        let id = erasure.id.clone();
        self.start(erasure);
        removed?;
        Ok(id)
    }

    pub(super) async fn erase_partner(&self, request: &str) -> Result<u64, EraseError> {
        let leaving: Leaving = serde_json::from_str(request).map_err(io::Error::other)?;
        let engine = &self.engine;
        engine.erasures.leaving.lock().insert(Arc::clone(&leaving.partner));
        engine.registry.remove_partner_whole(&leaving.partner, &leaving.quarantines).await?;
        let own = [leaving.partner.to_string()];
        let named: Vec<String> = leaving.names.iter().chain(&leaving.namespaces).chain(&own).cloned().collect();
        engine.audit.forget_partner(&leaving.partner, &named).await?;
        // Behind it, everything that was taken before the partner began to leave is applied.
        let begun = scrub::begin(engine).await?;
        let rows = {
            let _rewritten = engine.publisher.hold_rewriting().await;
            let _published = engine.publisher.hold().await;
            let _marks = engine.checkpointing.lock().await;
            engine.nodes.forget(|owner| leaving.has(&owner.key));
            engine.save_nodes(true).await;
            let files = engine.sequencer.forget(|key| leaving.has(key), |holder| leaving.holds(holder));
            engine.catalog.purge(&leaving.partner, &leaving.quarantines, &files).await?;
            let (rows, splits) = self.store.forget(|key| leaving.has(key));
            let (folder, partner, pods) = (Arc::clone(&engine.folder), Arc::clone(&leaving.partner), leaving.quarantines.clone());
            let removed = tokio::task::spawn_blocking(move || {
                splits.iter().for_each(Shelved::keep_for_readers);
                let quarantines = pods.into_iter().map(|module| folder.remove_module(&ModuleKey { partner: QUARANTINE.into(), module }));
                quarantines.collect::<io::Result<()>>()?;
                folder.remove_partner(&partner)
            });
            removed.await.map_err(io::Error::other)??;
            rows
        };
        self.forget_partner_in_excerpts(&leaving.partner, &leaving.quarantines, &named).await?;
        scrub::drop_snapshot(engine).await?;
        scrub::finish(engine, &begun).await?;
        engine.erasures.leaving.lock().remove(&leaving.partner);
        Ok(rows)
    }
}
