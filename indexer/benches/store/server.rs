//! A store in this process: opened, its registry filled, fed.

use super::batches::{self, Batches, CLUSTER, LANES};
use super::generator::{Fleet, GeneratedLine};
use martlog_formats::wire::{PartAnswer, decode_batch};
use martlog_formats::{Profile, Record, parse};
use martlog_indexer::Indexer;
use martlog_indexer::registry::{Kind, NewInstance, NewModule, NewPartner, NewToken, Principal, Scope, Selector};
use martlog_indexer::row::{ModuleKey, Owner};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// What a task may fail with.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Pushes on their way at once: their syncs are shared.
const PUSHES_AT_ONCE: usize = 32;
/// Rows of a push.
const PUSH_ROWS: usize = 500;

/// What was fed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fed {
    pub(crate) batches: u64,
    /// Parts sent again because the store could not take them yet.
    pub(crate) later: u64,
}

/// Registers everybody, as staff would.
pub(crate) async fn register(indexer: &Indexer, fleet: &Fleet) -> Result<(), Failure> {
    let registry = indexer.registry();
    for partner in fleet.partners() {
        registry.create_partner(NewPartner { id: partner.to_string(), name: None }).await?;
    }
    for (module, partner) in fleet.modules() {
        registry
            .create_module(NewModule { id: module.to_string(), partner: partner.to_string(), name: None, retention: None, policy: None })
            .await?;
    }
    for instance in &fleet.instances {
        let selector = Selector { namespace: instance.id.to_string(), labels: BTreeMap::new() };
        let (module, csp) = (instance.module.to_string(), instance.csp.to_string());
        registry
            .create_instance(NewInstance {
                id: instance.id.to_string(),
                module,
                csp,
                environment: None,
                selector,
                retention: None,
                policy: None,
            })
            .await?;
    }
    Ok(())
}

/// The scope of staff: everything.
pub(crate) async fn staff(indexer: &Indexer) -> Result<Scope, Failure> {
    let new = NewToken { kind: Kind::Staff, partner: None, instances: None, cluster: None, expires_at: None, note: None };
    let minted = indexer.registry().mint_token(new).await?;
    match indexer.registry().authenticate(&minted.text) {
        Some(Principal::Reader(scope)) => Ok(scope),
        _ => Err("a new staff token does not read".into()),
    }
}

/// Merges, as if every day, week and month were over: the one place that asks for it. How many merges.
pub(crate) async fn merge_all(indexer: &Indexer) -> Result<u64, Failure> {
    Ok(indexer.merge_all().await?)
}

/// Feeds the files of this name, each lane with one batch on its way.
pub(crate) async fn feed(indexer: &Indexer, folder: &Path, name: &str) -> Result<Fed, Failure> {
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        lanes.spawn(feed_lane(indexer.clone(), Batches::open(&batches::path(folder, name, lane))?));
    }
    let mut fed = Fed::default();
    while let Some(lane) = lanes.join_next().await {
        let lane = lane??;
        fed.batches += lane.batches;
        fed.later += lane.later;
    }
    Ok(fed)
}

async fn feed_lane(indexer: Indexer, batches: Batches) -> Result<Fed, Failure> {
    let mut fed = Fed::default();
    for batch in batches {
        let mut batch = batch?;
        fed.batches += 1;
        while let Some((again, pause)) = send(&indexer, &batch).await? {
            fed.later += again.len() as u64;
            batch = only(&batch, &again)?;
            tokio::time::sleep(pause).await;
        }
    }
    Ok(fed)
}

/// The parts that the store takes later, and when; `None` when all are durable.
async fn send(indexer: &Indexer, batch: &[u8]) -> Result<Option<(Vec<usize>, Duration)>, Failure> {
    let answer = indexer.append(CLUSTER, batch).await?;
    let (mut again, mut pause_ms) = (Vec::new(), 0);
    for (number, part) in answer.parts.iter().enumerate() {
        match part {
            PartAnswer::Durable { .. } => {}
            PartAnswer::Later { after_ms, .. } if !indexer.failed().is_cancelled() => {
                again.push(number);
                pause_ms = pause_ms.max(*after_ms);
            }
            refused => return Err(format!("a sound part was not taken: {refused:?}").into()),
        }
    }
    Ok((!again.is_empty()).then(|| (again, Duration::from_millis(pause_ms))))
}

/// The batch with these parts alone.
fn only(batch: &[u8], numbers: &[usize]) -> Result<Vec<u8>, Failure> {
    let (_, parts) = decode_batch(batch)?;
    let head = batch.len() - parts.iter().map(|part| part.len() + 4).sum::<usize>();
    let mut rest = batch[..head].to_vec();
    for part in numbers.iter().filter_map(|number| parts.get(*number)) {
        rest.extend(u32::try_from(part.len())?.to_le_bytes());
        rest.extend_from_slice(part);
    }
    Ok(rest)
}

/// Feeds lines through the door of pushed lines, where the feeding itself is not measured: owners need not be registered there.
pub(crate) struct Pusher {
    indexer: Indexer,
    profile: Profile,
    waiting: HashMap<Arc<str>, (Arc<Owner>, Vec<Record>)>,
    pushes: JoinSet<Result<(), Failure>>,
}

impl Pusher {
    pub(crate) fn new(indexer: &Indexer) -> Self {
        Self { indexer: indexer.clone(), profile: Profile::default(), waiting: HashMap::new(), pushes: JoinSet::new() }
    }

    pub(crate) async fn take(&mut self, line: &GeneratedLine) -> Result<(), Failure> {
        let owner = || {
            let key = ModuleKey { partner: line.partner.clone(), module: line.module.clone() };
            Arc::new(Owner { key, instance: line.instance.clone(), csp: line.csp.clone(), environment: "".into(), version: "".into() })
        };
        let (owner, records) = self.waiting.entry(line.instance.clone()).or_insert_with(|| (owner(), Vec::new()));
        records.push(parse(line.json.as_bytes(), line.time_ns, &self.profile));
        if records.len() < PUSH_ROWS {
            return Ok(());
        }
        let (owner, records) = (owner.clone(), std::mem::take(records));
        self.push(owner, records).await
    }

    /// Pushes what waits, and returns when everything is durable.
    pub(crate) async fn finish(&mut self) -> Result<(), Failure> {
        for (owner, records) in std::mem::take(&mut self.waiting).into_values() {
            self.push(owner, records).await?;
        }
        while let Some(pushed) = self.pushes.join_next().await {
            pushed??;
        }
        Ok(())
    }

    async fn push(&mut self, owner: Arc<Owner>, records: Vec<Record>) -> Result<(), Failure> {
        if self.pushes.len() >= PUSHES_AT_ONCE
            && let Some(pushed) = self.pushes.join_next().await
        {
            pushed??;
        }
        let indexer = self.indexer.clone();
        self.pushes.spawn(async move {
            while let Err(later) = indexer.push(owner.clone(), records.clone()).await {
                if indexer.failed().is_cancelled() {
                    return Err(later.into());
                }
                tokio::time::sleep(later.after).await;
            }
            Ok(())
        });
        Ok(())
    }
}
