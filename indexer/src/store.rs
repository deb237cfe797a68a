//! The store's shape in memory: for each module its live buffer and its splits, and what a reader sees of them.
//!
//! Invariants:
//! * A row is in exactly one of both at any moment a reader looks: publication swaps chunks for a split under one lock; a release moves rows
//!   from a quarantine to their owner under the same one.
//! * Only durable records are applied, in ascending LSN.

use crate::append::Change;
use crate::instances::Instances;
use crate::live::{Buffer, Chunk, Pack};
use crate::overview::Counted;
use crate::registry::Scope;
use crate::row::{ModuleKey, QUARANTINE};
use crate::shelf::Shelved;
use martlog_formats::wire::GapReason;
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::broadcast;

/// Chunks that a slow tail may be behind before it has to catch up through [`Store::view`].
const TAIL_CHUNKS_MAX: usize = 1024;

/// See the module.
#[derive(Debug)]
pub struct Store {
    epoch: u64,
    state: RwLock<State>,
    /// Taken away when the store closes: that ends the tails.
    tail: Mutex<Option<broadcast::Sender<Arc<Chunk>>>>,
}

#[derive(Debug, Default)]
struct State {
    modules: BTreeMap<ModuleKey, Module>,
    instances: Instances,
    as_of_ns: i64,
    applied_lsn: u64,
    live_bytes: usize,
    /// The most that `live_bytes` ever was.
    live_bytes_peak: usize,
}

#[derive(Debug, Default)]
struct Module {
    live: Buffer,
    splits: Vec<Arc<Shelved>>,
    /// Rows below are in the splits, or were removed.
    published_seq: u64,
    /// Rows below have been released to their owner.
    released_seq: u64,
    /// The oldest release that the catalog does not know of: its WAL record is needed.
    release_lsn: Option<u64>,
}

/// What a reader sees of one module.
#[derive(Debug, Clone)]
pub struct ModuleView {
    /// Whose.
    pub key: ModuleKey,
    /// The live buffer, ascending seq.
    pub live: Vec<Arc<Pack>>,
    /// The splits, ascending first seq. They may overlap in seq and have holes in it (not those of a quarantine); no row is in two.
    pub splits: Vec<Arc<Shelved>>,
    /// Rows below this seq are not shown any more (a quarantine that is being released); 0 otherwise.
    pub visible_from_seq: u64,
}

/// What a reader sees: a snapshot, cheap to make. Whatever becomes of a split meanwhile, it can be opened as long as this lives.
#[derive(Debug, Clone)]
pub struct View {
    /// The modules that the scope allows.
    pub modules: Vec<ModuleView>,
    /// The arrival of the newest applied part, ns: everything in the view arrived by then.
    pub as_of_ns: i64,
}

/// A gap as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredGap {
    /// Whose stream it is.
    pub owner: Arc<crate::row::Owner>,
    /// Where.
    pub origin: Arc<crate::row::Origin>,
    /// First missing byte.
    pub from: u64,
    /// One past the last missing byte.
    pub to: u64,
    /// Why.
    pub reason: GapReason,
    /// When it was noticed, ns.
    pub time_ns: i64,
}

/// A file of a node that is taken for lost: nobody knows what was printed into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostFile {
    /// Whose stream it is.
    pub owner: Arc<crate::row::Owner>,
    /// The cluster.
    pub cluster: Arc<str>,
    /// The node.
    pub node: Arc<str>,
    /// The container's life.
    pub stream: martlog_formats::wire::Stream,
    /// The first byte of which not everything arrived.
    pub from: u64,
    /// Its size when it was last heard of, bytes.
    pub seen: u64,
    /// When everything before had arrived, by the node's clock, ns.
    pub since_ns: i64,
}

/// How far a scope is complete.
#[derive(Debug, Clone, Default)]
pub struct Completeness {
    /// Everything that was printed before this has arrived, ns; `None` when no collector has reported on a stream of the scope.
    pub until_ns: Option<i64>,
    /// How far behind the clock that is, seconds; 0 when nothing waits.
    pub behind_seconds: f64,
    /// The holes.
    pub gaps: Vec<StoredGap>,
    /// What lost nodes had not sent.
    pub lost: Vec<LostFile>,
    /// What was erased on purpose: no loss.
    pub erased: Vec<crate::erase::Erased>,
}

/// What the flush looks at to choose a module.
#[derive(Debug, Clone)]
pub(crate) struct Pressure {
    pub(crate) key: ModuleKey,
    pub(crate) bytes: usize,
    pub(crate) rows: u64,
    pub(crate) since: Option<Instant>,
    pub(crate) oldest_lsn: Option<u64>,
    /// A release is to be written to the catalog.
    pub(crate) unsettled: Option<u64>,
}

/// Sums over all modules.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) modules: u64,
    pub(crate) live_rows: u64,
    pub(crate) splits: u64,
    pub(crate) split_rows: u64,
    pub(crate) split_bytes: u64,
}

impl ModuleView {
    /// The parts of the live buffer, ascending seq.
    pub fn chunks(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        self.live.iter().flat_map(|pack| pack.chunks())
    }
}

impl Store {
    pub(crate) fn new(epoch: u64) -> Self {
        Self { epoch, state: RwLock::default(), tail: Mutex::new(Some(broadcast::Sender::new(TAIL_CHUNKS_MAX))) }
    }

    /// What this scope sees now: the modules it allows, or the quarantines instead when `quarantine` is set (staff alone).
    #[must_use]
    pub fn view(&self, scope: &Scope, quarantine: bool) -> View {
        self.view_of(scope, quarantine, None)
    }

    /// The same, where only rows of these instances are wanted: other modules may be missing.
    pub(crate) fn view_of(&self, scope: &Scope, quarantine: bool, instances: Option<&[&str]>) -> View {
        let state = self.state.read();
        let mut modules = Vec::new();
        if !quarantine || scope.is_staff() {
            let allowed = |key: &ModuleKey| key.is_quarantine() == quarantine && scope.allows_module(key);
            let view = |(key, module): (&ModuleKey, &Module)| allowed(key).then(|| module.view(key));
            match instances {
                None => modules.extend(state.modules.iter().filter_map(view)),
                Some(named) => {
                    let named = state.instances.modules_of(named).into_iter().filter_map(|key| state.modules.get_key_value(key));
                    modules.extend(named.filter_map(view));
                }
            }
        }
        View { modules, as_of_ns: state.as_of_ns }
    }

    /// Every chunk from now on, as it is applied (in the order of arrival); a slow reader lags and catches up through [`Self::view`].
    /// The channel ends when the store closes.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Chunk>> {
        // Without a sender, the receiver of a channel that has ended.
        self.tail.lock().as_ref().map_or_else(|| broadcast::channel(1).1, broadcast::Sender::subscribe)
    }

    /// The store's epoch: part of every row's id.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Bytes in live buffers, estimated.
    #[must_use]
    pub fn live_bytes(&self) -> usize {
        self.state.read().live_bytes
    }

    /// The most bytes that live buffers ever had together, estimated, since the store opened.
    pub(crate) fn live_bytes_peak(&self) -> usize {
        self.state.read().live_bytes_peak
    }

    /// Bytes in one module's live buffer.
    pub(crate) fn live_bytes_of(&self, key: &ModuleKey) -> usize {
        self.state.read().modules.get(key).map_or(0, |module| module.live.bytes())
    }

    pub(crate) fn totals(&self) -> Totals {
        let state = self.state.read();
        let mut totals = Totals::default();
        for module in state.modules.values() {
            totals.modules += 1;
            totals.live_rows += module.live.rows();
            totals.splits += module.splits.len() as u64;
            totals.split_rows += module.splits.iter().map(|split| split.meta.rows).sum::<u64>();
            totals.split_bytes += module.splits.iter().map(|split| split.meta.bytes).sum::<u64>();
        }
        totals
    }

    /// Ends the tails.
    pub(crate) fn end_tails(&self) {
        self.tail.lock().take();
    }

    /// Applies durable records, in ascending LSN, all at once for readers; then the tails get their rows.
    pub(crate) fn apply(&self, changes: Vec<(u64, Change)>) {
        let mut fresh = Vec::new();
        {
            let mut state = self.state.write();
            for (lsn, change) in changes {
                state.apply(lsn, change, &mut fresh);
            }
        }
        if let Some(tail) = &*self.tail.lock() {
            for chunk in fresh {
                // An error only says that nobody listens.
                let _ = tail.send(chunk);
            }
        }
    }

    /// Everything up to this LSN has been replayed.
    pub(crate) fn replayed(&self, lsn: u64) {
        let mut state = self.state.write();
        state.applied_lsn = state.applied_lsn.max(lsn);
    }

    /// What the catalog says of a module, when the store opens.
    pub(crate) fn load(&self, key: ModuleKey, published_seq: u64, released_seq: u64) {
        let mut state = self.state.write();
        let module = state.modules.entry(key).or_default();
        module.published_seq = module.published_seq.max(published_seq);
        module.released_seq = module.released_seq.max(released_seq);
    }

    /// A published split, when the store opens.
    pub(crate) fn load_split(&self, split: Shelved) {
        let mut state = self.state.write();
        state.as_of_ns = state.as_of_ns.max(split.meta.arrived_max_ns);
        state.instances.see_split(&split);
        let module = state.modules.entry(split.meta.key.clone()).or_default();
        module.published_seq = module.published_seq.max(split.meta.seq_to);
        module.replace(vec![split], &[]);
    }

    /// Swaps the rows below `end`, which these splits now have, for the splits.
    pub(crate) fn publish(&self, key: &ModuleKey, splits: Vec<Shelved>, end: u64) {
        let mut guard = self.state.write();
        let state = &mut *guard;
        let module = state.modules.entry(key.clone()).or_default();
        state.live_bytes -= module.live.drop_below(end);
        module.published_seq = module.published_seq.max(end);
        module.replace(splits, &[]);
    }

    /// Swaps splits of a module for others that have the same rows, or fewer; gives those that are published no longer.
    pub(crate) fn replace(&self, key: &ModuleKey, added: Vec<Shelved>, removed: &[String]) -> Vec<Arc<Shelved>> {
        self.state.write().modules.entry(key.clone()).or_default().replace(added, removed)
    }

    /// The catalog knows that rows below `released_seq` are released, and has let go of the splits wholly below, which this gives.
    pub(crate) fn settle(&self, key: &ModuleKey, released_seq: u64) -> Vec<Arc<Shelved>> {
        let mut state = self.state.write();
        let Some(module) = state.modules.get_mut(key) else { return Vec::new() };
        module.published_seq = module.published_seq.max(released_seq);
        if module.released_seq <= released_seq {
            module.release_lsn = None;
        }
        module.take(|split| split.meta.seq_to <= released_seq)
    }

    /// Every published split.
    pub(crate) fn splits(&self) -> Vec<Arc<Shelved>> {
        self.state.read().modules.values().flat_map(|module| module.splits.iter().cloned()).collect()
    }

    /// Splits of a module are published no longer; what its next seq is stays.
    pub(crate) fn forget_splits(&self, key: &ModuleKey, gone: impl Fn(&Shelved) -> bool) {
        if let Some(module) = self.state.write().modules.get_mut(key) {
            module.take(gone);
        }
    }

    /// Forgets modules as if they had never been; how many rows they had, and their splits.
    pub(crate) fn forget(&self, gone: impl Fn(&ModuleKey) -> bool) -> (u64, Vec<Arc<Shelved>>) {
        let mut guard = self.state.write();
        let state = &mut *guard;
        let (mut rows, mut splits, live_bytes) = (0, Vec::new(), &mut state.live_bytes);
        state.instances.forget(&gone);
        state.modules.retain(|key, module| {
            let gone = gone(key);
            if gone {
                rows += module.live.rows() + module.splits.iter().map(|split| split.meta.rows).sum::<u64>();
                *live_bytes -= module.live.bytes();
                splits.append(&mut module.splits);
            }
            !gone
        });
        (rows, splits)
    }

    /// A module as the write path sees it.
    pub(crate) fn module(&self, key: &ModuleKey) -> Option<ModuleView> {
        self.state.read().modules.get(key).map(|module| module.view(key))
    }

    /// One past the largest seq that needs no replay: published, or released for good.
    pub(crate) fn settled_seq(&self, key: &ModuleKey) -> u64 {
        self.state.read().modules.get(key).map_or(0, Module::settled_seq)
    }

    /// Whether rows are missing before a module's oldest live one: during a replay, which began behind the records that they came with, until the record comes that carries
    /// them. Such rows are not to be published: what comes would be taken for published too.
    pub(crate) fn has_hole(&self, key: &ModuleKey) -> bool {
        let state = self.state.read();
        state.modules.get(key).is_some_and(|module| module.live.seq_from().is_some_and(|seq| seq > module.settled_seq()))
    }

    /// Every module with several splits.
    pub(crate) fn with_splits(&self) -> Vec<(ModuleKey, Vec<Arc<Shelved>>)> {
        let state = self.state.read();
        let several = state.modules.iter().filter(|(_, module)| module.splits.len() > 1);
        several.map(|(key, module)| (key.clone(), module.splits.clone())).collect()
    }

    /// What the scope's overview counts, as of one moment; no quarantine.
    pub(crate) fn counted(&self, scope: &Scope) -> Vec<Counted> {
        let state = self.state.read();
        let allowed = state.modules.iter().filter(|(key, _)| !key.is_quarantine() && scope.allows_module(key));
        allowed.map(|(key, module)| Counted { key: key.clone(), live: module.live.packs(), splits: module.splits.clone() }).collect()
    }

    /// The oldest release of a quarantine that the catalog does not know of.
    pub(crate) fn unsettled(&self, key: &ModuleKey) -> Option<u64> {
        self.state.read().modules.get(key).and_then(|module| module.release_lsn)
    }

    /// What each module holds back.
    pub(crate) fn pressure(&self) -> Vec<Pressure> {
        let state = self.state.read();
        let of = |(key, module): (&ModuleKey, &Module)| Pressure {
            key: key.clone(),
            bytes: module.live.bytes(),
            rows: module.live.rows(),
            since: module.live.since(),
            oldest_lsn: module.live.oldest_lsn(),
            unsettled: module.release_lsn,
        };
        state.modules.iter().filter(|(_, module)| module.live.rows() > 0 || module.release_lsn.is_some()).map(of).collect()
    }

    /// The WAL records from this LSN on are needed for rows (or releases) that the catalog does not have.
    pub(crate) fn needed_from_lsn(&self) -> u64 {
        let state = self.state.read();
        let needed = |module: &Module| [module.live.oldest_lsn(), module.release_lsn].into_iter().flatten().min();
        state.modules.values().filter_map(needed).min().unwrap_or(state.applied_lsn + 1)
    }
}

impl State {
    fn apply(&mut self, lsn: u64, change: Change, fresh: &mut Vec<Arc<Chunk>>) {
        self.applied_lsn = self.applied_lsn.max(lsn);
        if let Some(released) = change.released {
            let module = self.modules.entry(released.from).or_default();
            // In a replay the catalog may know of it already.
            if released.upto > module.released_seq {
                module.released_seq = released.upto;
                module.release_lsn.get_or_insert(lsn);
            }
            self.live_bytes -= module.live.drop_below(released.upto);
        }
        if let Some(carried) = change.carried.first() {
            let arrived_ns = change.carried.iter().map(|chunk| chunk.arrived_ns()).max();
            self.as_of_ns = self.as_of_ns.max(arrived_ns.unwrap_or_default());
            let module = self.modules.entry(carried.rows.owner().key.clone()).or_default();
            change.carried.iter().for_each(|chunk| self.instances.see(chunk));
            self.live_bytes += module.live.carry(&change.carried, module.settled_seq(), lsn);
        }
        for chunk in change.rows.into_iter().filter(|rows| !rows.is_empty()).map(|rows| Arc::new(Chunk::new(rows, lsn))) {
            self.as_of_ns = self.as_of_ns.max(chunk.arrived_ns());
            self.live_bytes += chunk.bytes;
            self.live_bytes_peak = self.live_bytes_peak.max(self.live_bytes);
            self.instances.see(&chunk);
            self.modules.entry(chunk.rows.owner().key.clone()).or_default().live.push(chunk.clone());
            fresh.push(chunk);
        }
    }
}

impl Module {
    /// Takes out the splits that are published no longer.
    fn take(&mut self, gone: impl Fn(&Shelved) -> bool) -> Vec<Arc<Shelved>> {
        self.splits.extract_if(.., |split| gone(split)).collect()
    }

    /// Rows below this seq need no replay: published, or released for good.
    fn settled_seq(&self) -> u64 {
        self.published_seq.max(self.released_seq)
    }

    fn view(&self, key: &ModuleKey) -> ModuleView {
        ModuleView { key: key.clone(), live: self.live.packs(), splits: self.splits.clone(), visible_from_seq: self.released_seq }
    }

    fn replace(&mut self, added: Vec<Shelved>, removed: &[String]) -> Vec<Arc<Shelved>> {
        let gone = self.take(|split| removed.contains(&split.meta.id));
        self.splits.extend(added.into_iter().map(Arc::new));
        self.splits.sort_by_key(|split| split.meta.seq_from);
        gone
    }
}

/// The key of a pod's quarantine.
pub(crate) fn quarantine_of(pod_uid: &str) -> ModuleKey {
    ModuleKey { partner: QUARANTINE.into(), module: pod_uid.into() }
}
