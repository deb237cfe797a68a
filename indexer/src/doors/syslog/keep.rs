//! From messages to durable records, however long that takes.

use super::TokenSource;
use crate::append::Pushed;
use crate::doors::push::owner_of;
use crate::indexer::Unavailable;
use crate::registry::Principal;
use crate::row::Owner;
use crate::stats::Door;
use crate::{Indexer, doors::problem::Problem};
use martlog_formats::parse::Settings;
use martlog_formats::push::{Batch, Told, syslog};
use martlog_formats::{Profile, Record};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The shortest and the longest wait for a store that takes nothing.
const RETRY: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// Room for the names of a header's fields, bytes.
const HEADER_BYTES: usize = 100;

/// What became of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// They are durable.
    Durable,
    /// They are lost: the token may not push them, or the server stops.
    Refused,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Keep {
    indexer: Indexer,
    token: TokenSource,
    instance: Option<String>,
    rate_bytes: Option<u64>,
    stop: CancellationToken,
}

impl Keep {
    pub(super) fn new(
        indexer: Indexer,
        token: TokenSource,
        instance: Option<String>,
        rate_bytes: Option<u64>,
        stop: CancellationToken,
    ) -> Self {
        Self { indexer, token, instance, rate_bytes, stop }
    }

    /// Stores messages; returns when they are durable and the rate allows the next ones.
    pub(super) async fn store(&self, messages: Vec<Vec<u8>>, peer: SocketAddr) -> Kept {
        if messages.is_empty() {
            return Kept::Durable;
        }
        let (count, bytes) = (messages.len() as u64, messages.iter().map(Vec::len).sum::<usize>());
        let stored = match self.owner() {
            Ok(owner) => self.store_of(owner, messages).await,
            Err(problem) => Err(problem.detail),
        };
        match stored {
            Ok(()) => {
                self.indexer.count_door(Door::Syslog, |counters| counters.bytes(bytes));
                self.pace(bytes).await;
                Kept::Durable
            }
            Err(why) => {
                self.lost(count);
                tracing::warn!(%peer, messages = count, why, "syslog messages are lost");
                Kept::Refused
            }
        }
    }

    /// So many messages are lost.
    pub(super) fn lost(&self, count: u64) {
        self.indexer.count_door(Door::Syslog, |counters| counters.lost(count));
    }

    /// Whose messages are, now.
    fn owner(&self) -> Result<Arc<Owner>, Problem> {
        let token = (self.token)();
        match self.indexer.registry().authenticate(&token) {
            Some(Principal::Ingest { instances, .. }) => owner_of(&self.indexer, &instances, self.instance.as_deref()),
            Some(_) => Err(Problem::forbidden("the token of this listener is no ingest token")),
            None => Err(Problem::forbidden("the token of this listener is unknown, revoked or expired")),
        }
    }

    async fn store_of(&self, owner: Arc<Owner>, messages: Vec<Vec<u8>>) -> Result<(), String> {
        let (policy, key) = self.indexer.registry().policy_of(&owner.instance);
        let arrived_ns = crate::append::now_ns();
        let decoding = tokio::task::spawn_blocking(move || {
            let profile =
                Profile::with_redaction(Settings::default(), &policy.redaction, key.as_ref()).map_err(|error| error.to_string())?;
            // A message unfolds to itself and the names in its header, so the bound of a batch is far.
            let bytes = messages.iter().map(|message| message.len() + HEADER_BYTES).sum();
            let mut batch = Batch::new(&profile, policy.level, arrived_ns, bytes);
            for (at, message) in (1..).zip(&messages) {
                batch.item(at, &syslog::item(message, arrived_ns)).map_err(|error| error.to_string())?;
            }
            Ok(batch.finish())
        });
        let (records, told): (Vec<Record>, Told) = decoding.await.map_err(|error| error.to_string()).flatten()?;
        self.push(owner, records).await.map_err(|unavailable| unavailable.reason)?;
        self.indexer.count_door(Door::Syslog, |counters| counters.lines(told.verdicts));
        Ok(())
    }

    /// Pushes until the store takes it, or the server stops.
    async fn push(&self, owner: Arc<Owner>, records: Vec<Record>) -> Result<(), Unavailable> {
        loop {
            // What the store does not take is gone with the call.
            let pushed = Pushed { owner: Arc::clone(&owner), records: records.clone(), keyed: None };
            let Err(unavailable) = crate::append::push(&self.indexer.engine, pushed).await else { return Ok(()) };
            self.indexer.count_door(Door::Syslog, |counters| counters.answered(unavailable.code));
            if unavailable.code == 413 {
                return Err(unavailable);
            }
            let wait = unavailable.after.clamp(RETRY[0], RETRY[1]);
            tokio::select! {
                () = self.stop.cancelled() => return Err(unavailable),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Waits as long as so many bytes take at the rate.
    async fn pace(&self, bytes: usize) {
        let Some(rate) = self.rate_bytes.filter(|rate| *rate > 0) else { return };
        #[allow(clippy::cast_precision_loss, reason = "bytes of a piece over bytes a second")]
        let wait = Duration::from_secs_f64(bytes as f64 / rate as f64);
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
