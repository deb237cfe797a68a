//! The one place that decides and numbers: marks, seqs and arrivals, under one lock that is held over the hand-over to the log, so
//! that the order of the log is the order of the decisions.

use super::keyed::KeyedPushes;
use super::marks::{Decision, decide};
use super::payload::{self, Head, PartHead, PushHead, ReleaseHead, ReleasedRow};
use super::prepare::Prepared;
use super::push::Pushed;
use super::{Change, FileKey, Holder, KeyedPush, Move, PushId, Ticket, now_ns};
use crate::catalog::{Contents, FileMarks, Listing};
use crate::indexer::Unavailable;
use crate::live::{Chunk, Rows};
use crate::row::{ModuleKey, Origin, Owner};
use crate::store::StoredGap;
use crate::wal::{Payload, Wal};
use bytes::Bytes;
use martlog_formats::wire::{FileId, Part, Substream};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::oneshot;

/// The answer of a ticket, when it is there.
pub(crate) type Answer = oneshot::Receiver<Result<(), Unavailable>>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<FileKey, File>,
    /// Files whose durable marks the catalog's snapshot does not have.
    dirty: HashSet<FileKey>,
    /// The next seq of each module.
    modules: HashMap<ModuleKey, u64>,
    /// Quarantines: rows below have been released.
    released: HashMap<ModuleKey, Mark>,
    /// The newest arrival given.
    arrived_ns: i64,
    durable_lsn: u64,
    /// Every known gap; the catalog has the first `gaps_saved`.
    gaps: Vec<StoredGap>,
    gaps_saved: usize,
    /// What came under a key.
    keyed: KeyedPushes,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mark {
    /// In the log, perhaps not synced: what the next part has to begin at.
    appended: u64,
    /// On disk: the only one that is told.
    durable: u64,
}

#[derive(Debug)]
struct File {
    holder: Arc<Holder>,
    marks: [Mark; 2],
    /// The newest origin of each substream, so that its rows share one.
    origins: [Option<Arc<Origin>>; 2],
    /// Since when its collector says that it is gone and read to its end, ns since the epoch.
    gone_ns: Option<i64>,
}

/// What a part's decision waits for.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Durable when the answer comes (at once without one): `duplicate` when it had been stored before.
    Taken { answer: Option<Answer>, duplicate: bool },
    /// To be told when the marks that decided are durable.
    Conflict { answer: Option<Answer> },
    /// Not now.
    Later(Unavailable),
}

/// A piece of a quarantine on its way to its owner.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) from: ModuleKey,
    /// Where it begins in the quarantine, at or before its first row: the position that makes a release idempotent.
    pub(crate) first: u64,
    pub(crate) upto: u64,
    pub(crate) owner: Arc<Owner>,
    pub(crate) rows: Vec<ReleasedRow>,
    /// The rows, encoded.
    pub(crate) body: Bytes,
}

/// What the catalog is to be told of marks and gaps.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) lsn: u64,
    pub(crate) files: Vec<FileMarks>,
    pub(crate) gaps: Vec<StoredGap>,
    pub(crate) pushes: Vec<Arc<KeyedPush>>,
}

impl Sequencer {
    /// The state that the catalog knows; [`Self::recover`] adds what the log knows.
    pub(crate) fn load(contents: &mut Contents) -> Self {
        let mut state = State::default();
        for file in std::mem::take(&mut contents.marks.files) {
            let key = FileKey { cluster: file.cluster.into(), file: file.file };
            let holder = Arc::new(Holder { node: file.node.into(), stream: file.stream, owner: None });
            let marks = file.marks.map(|mark| Mark { appended: mark, durable: mark });
            state.files.insert(key, File { holder, marks, origins: [None, None], gone_ns: file.gone_ns });
        }
        for module in &contents.modules {
            state.modules.insert(module.key.clone(), module.next_seq.max(module.released_seq));
            if module.released_seq > 0 {
                state.released.insert(module.key.clone(), Mark { appended: module.released_seq, durable: module.released_seq });
            }
        }
        for Listing { meta: split, .. } in &contents.splits {
            state.arrived_ns = state.arrived_ns.max(split.arrived_max_ns);
            let next = state.modules.entry(split.key.clone()).or_default();
            *next = (*next).max(split.seq_to);
        }
        state.gaps = std::mem::take(&mut contents.gaps);
        state.gaps_saved = state.gaps.len();
        state.durable_lsn = contents.marks.lsn;
        Self { state: Mutex::new(state) }
    }

    /// Adds what a record of the log did. Marks and gaps up to `marks_lsn` are the catalog's already.
    pub(crate) fn recover(&self, lsn: u64, change: &Change, marks_lsn: u64) {
        let mut state = self.state.lock();
        if lsn > marks_lsn {
            for moved in &change.moves {
                state.file(&moved.key, &moved.holder).mark(moved.substream).appended(moved.to);
            }
        }
        let carried = change.carried.iter().filter_map(|chunk| chunk.rows.last());
        for row in carried.chain(change.last()) {
            state.arrived_ns = state.arrived_ns.max(row.arrived_ns);
            let next = state.modules.entry(row.owner.key.clone()).or_default();
            *next = (*next).max(row.seq + 1);
        }
        if let Some(released) = &change.released {
            state.released.entry(released.from.clone()).or_default().appended(released.upto);
        }
        if lsn > marks_lsn {
            state.durable(lsn, change);
        } else if let Some(released) = &change.released {
            state.released.entry(released.from.clone()).or_default().durable(released.upto);
        }
    }

    /// Decides on parts in their order; those that are taken are in the log's queue when this returns.
    pub(crate) fn admit(&self, parts: Vec<Prepared>, wal: &Wal<Ticket>, refuse: impl Fn(&Prepared) -> Option<Unavailable>) -> Vec<Verdict> {
        let mut state = self.state.lock();
        let admit = |part| match refuse(&part) {
            Some(later) => Verdict::Later(later),
            None => state.admit(part, wal),
        };
        parts.into_iter().map(admit).collect()
    }

    /// Numbers rows of another door and queues them.
    pub(crate) fn push(&self, pushed: Pushed, body: Bytes, wal: &Wal<Ticket>) -> Result<Answer, Unavailable> {
        let Pushed { owner, records, keyed } = pushed;
        let mut state = self.state.lock();
        let (first_seq, arrived_ns) = state.numbers(&owner.key);
        let head = PushHead { owner, first_seq, arrived_ns };
        let whole = match &keyed {
            Some(keyed) => Head::Keyed(head.clone(), keyed.clone()),
            None => Head::Push(head.clone()),
        };
        let payload = payload::encode(&whole, body);
        let change = payload::push_change(&records, &head, Arc::new(payload::push_origin()));
        state.submit(payload, Change { keyed: keyed.map(Arc::new), ..change }, wal)
    }

    /// The durable push of this id, as far as the catalog does not have it.
    pub(crate) fn pushed(&self, id: &PushId) -> Option<Arc<KeyedPush>> {
        self.state.lock().keyed.get(id)
    }

    /// Whether another push under a key of this token can be kept.
    pub(crate) fn has_room_for_key(&self, token: &str) -> bool {
        self.state.lock().keyed.has_room(token)
    }

    /// Whether pushes under a key should be told to the catalog now.
    pub(crate) fn has_many_keys(&self) -> bool {
        self.state.lock().keyed.is_full()
    }

    /// The catalog has so many bytes of pushes by token; nobody may take a snapshot meanwhile.
    pub(crate) fn recount_keys(&self, of_catalog: HashMap<Arc<str>, u64>) {
        self.state.lock().keyed.recount(of_catalog);
    }

    /// Numbers rows of a quarantine for their owner and queues them. `None` when they do not begin where the last release ended.
    pub(crate) fn release(&self, release: Release, wal: &Wal<Ticket>) -> Option<Result<Answer, Unavailable>> {
        let mut state = self.state.lock();
        if state.released.get(&release.from).map_or(0, |mark| mark.appended) != release.first {
            return None;
        }
        let (first_seq, arrived_ns) = state.numbers(&release.owner.key);
        let head = ReleaseHead { from: release.from, upto: release.upto, owner: release.owner, first_seq, arrived_ns };
        let payload = payload::encode(&Head::Release(head.clone()), release.body);
        let change = payload::release_change(release.rows, &head);
        Some(state.submit(payload, change, wal))
    }

    /// Queues the rows that a module has live once more; these are all that are applied. `None` when others are on their way: a record that carries rows
    /// has every unpublished row before it.
    pub(crate) fn carry(
        &self,
        key: &ModuleKey,
        live: Vec<Arc<Chunk>>,
        payload: Payload,
        wal: &Wal<Ticket>,
    ) -> Option<Result<Answer, Unavailable>> {
        let state = self.state.lock();
        let end = live.last()?.seq_to();
        let whole = state.modules.get(key) == Some(&end);
        whole.then(|| submit(Some(payload), Change { carried: live, ..Change::default() }, wal))
    }

    /// Where the next release of a quarantine begins.
    pub(crate) fn released(&self, key: &ModuleKey) -> u64 {
        self.state.lock().released.get(key).map_or(0, |mark| mark.appended)
    }

    /// These records are on disk.
    pub(crate) fn durable<'a>(&self, done: impl Iterator<Item = (u64, &'a Change)>) {
        let mut state = self.state.lock();
        for (lsn, change) in done {
            state.durable(lsn, change);
        }
    }

    /// These are not and will not be, and nothing else is queued: back to what is durable, then `reopen`.
    pub(crate) fn failed<'a>(&self, changes: impl Iterator<Item = &'a Change>, reopen: &dyn Fn()) {
        let mut state = self.state.lock();
        for change in changes {
            state.take_back(change);
        }
        reopen();
    }

    /// The durable marks of extents.
    pub(crate) fn told(&self, cluster: &Arc<str>, files: &[FileId], substream: Substream) -> Vec<u64> {
        let state = self.state.lock();
        let mark = |file: &FileId| {
            let key = FileKey { cluster: cluster.clone(), file: *file };
            state.files.get(&key).map_or(0, |file| file.marks[substream as usize].durable)
        };
        files.iter().map(mark).collect()
    }

    /// The durable marks of files, `[stdout, stderr]`.
    pub(crate) fn positions(&self, cluster: &str, files: &[FileId]) -> Vec<[u64; 2]> {
        let cluster: Arc<str> = cluster.into();
        let state = self.state.lock();
        let marks = |file: &FileId| {
            let key = FileKey { cluster: cluster.clone(), file: *file };
            state.files.get(&key).map_or([0; 2], |file| file.marks.map(|mark| mark.durable))
        };
        files.iter().map(marks).collect()
    }

    /// Whose files' lines were when the last ones came, as far as this process knows.
    pub(crate) fn owners_of(&self, cluster: &Arc<str>, files: &[FileId]) -> Vec<Option<Arc<Owner>>> {
        let state = self.state.lock();
        let owner = |file: &FileId| state.files.get(&FileKey { cluster: cluster.clone(), file: *file })?.holder.owner.clone();
        files.iter().map(owner).collect()
    }

    /// A collector says that these files are gone and read to their ends.
    pub(crate) fn gone(&self, cluster: &Arc<str>, files: &[FileId], now_ns: i64) {
        let mut state = self.state.lock();
        let State { files: known, dirty, .. } = &mut *state;
        for file in files {
            let key = FileKey { cluster: cluster.clone(), file: *file };
            if let Some(file) = known.get_mut(&key).filter(|file| file.gone_ns.is_none()) {
                file.gone_ns = Some(now_ns);
                dirty.insert(key);
            }
        }
    }

    /// These nodes, of cluster and name, are gone for ever with all their files.
    pub(crate) fn gone_with(&self, nodes: &[(Arc<str>, Arc<str>)], now_ns: i64) {
        if nodes.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let State { files, dirty, .. } = &mut *state;
        for (key, file) in files.iter_mut().filter(|(_, file)| file.gone_ns.is_none()) {
            if nodes.iter().any(|(cluster, node)| *cluster == key.cluster && *node == file.holder.node) {
                file.gone_ns = Some(now_ns);
                dirty.insert(key.clone());
            }
        }
    }

    /// The files that are gone since before this time.
    pub(crate) fn expired(&self, before_ns: i64) -> Vec<FileKey> {
        let state = self.state.lock();
        let old =
            |file: &File| file.gone_ns.is_some_and(|gone| gone < before_ns) && file.marks.iter().all(|mark| mark.appended == mark.durable);
        state.files.iter().filter(|(_, file)| old(file)).map(|(key, _)| key.clone()).collect()
    }

    /// Forgets the marks of these files; nobody may take a snapshot meanwhile.
    pub(crate) fn forget_files(&self, files: &[FileKey]) {
        let mut state = self.state.lock();
        for key in files {
            state.files.remove(key);
            state.dirty.remove(key);
        }
    }

    /// Whether a gap was noticed before this time.
    pub(crate) fn has_gaps_before(&self, before_ns: i64) -> bool {
        self.state.lock().gaps.iter().any(|gap| gap.time_ns < before_ns)
    }

    /// Forgets the gaps that were noticed before this time; nobody may take a snapshot meanwhile.
    pub(crate) fn forget_gaps(&self, before_ns: i64) {
        let mut state = self.state.lock();
        let saved = state.gaps_saved;
        let of_saved = state.gaps.iter().take(saved).filter(|gap| gap.time_ns < before_ns).count();
        state.gaps.retain(|gap| gap.time_ns >= before_ns);
        state.gaps_saved -= of_saved;
    }

    /// The gaps of these owners.
    pub(crate) fn gaps(&self, allowed: impl Fn(&Owner) -> bool) -> Vec<StoredGap> {
        self.state.lock().gaps.iter().filter(|gap| allowed(&gap.owner)).cloned().collect()
    }

    /// Forgets modules, their gaps, and the names of files: what the catalog is to be told of these files, whose marks stay. Nobody may take a snapshot meanwhile.
    pub(crate) fn forget(&self, module: impl Fn(&ModuleKey) -> bool, file: impl Fn(&Holder) -> bool) -> Vec<FileMarks> {
        let mut state = self.state.lock();
        let saved = state.gaps_saved;
        let gone_of_saved = state.gaps.iter().take(saved).filter(|gap| module(&gap.owner.key)).count();
        state.gaps.retain(|gap| !module(&gap.owner.key));
        state.gaps_saved -= gone_of_saved;
        state.modules.retain(|key, _| !module(key));
        state.released.retain(|key, _| !module(key));
        let nameless = Arc::new(Holder::nameless());
        let mut files = Vec::new();
        for (key, known) in state.files.iter_mut().filter(|(_, known)| file(&known.holder)) {
            known.holder = nameless.clone();
            known.origins = [None, None];
            let marks = known.marks.map(|mark| mark.durable);
            let stream = nameless.stream.clone();
            let (cluster, node) = (key.cluster.to_string(), String::new());
            files.push(FileMarks { cluster, node, stream, file: key.file, marks, gone_ns: known.gone_ns });
        }
        files
    }

    /// What the catalog does not know of marks and gaps; `None` when it knows all. To be followed by [`Self::saved`] or [`Self::not_saved`].
    pub(crate) fn snapshot(&self, marks_lsn: u64) -> Option<Snapshot> {
        let mut state = self.state.lock();
        if state.durable_lsn <= marks_lsn && state.dirty.is_empty() {
            return None;
        }
        let dirty = std::mem::take(&mut state.dirty);
        let marks = |key: FileKey| {
            let file = state.files.get(&key)?;
            let Holder { node, stream, .. } = &*file.holder;
            let marks = file.marks.map(|mark| mark.durable);
            let (cluster, node) = (key.cluster.to_string(), node.to_string());
            Some(FileMarks { cluster, node, stream: stream.clone(), file: key.file, marks, gone_ns: file.gone_ns })
        };
        let files = dirty.into_iter().filter_map(marks).collect();
        Some(Snapshot { lsn: state.durable_lsn, files, gaps: state.gaps[state.gaps_saved..].to_vec(), pushes: state.keyed.pending() })
    }

    /// The catalog has the snapshot.
    pub(crate) fn saved(&self, snapshot: &Snapshot) {
        let mut state = self.state.lock();
        state.gaps_saved += snapshot.gaps.len();
        state.keyed.saved(&snapshot.pushes);
    }

    /// It has not.
    pub(crate) fn not_saved(&self, snapshot: Snapshot) {
        let keys = snapshot.files.into_iter().map(|file| FileKey { cluster: file.cluster.into(), file: file.file });
        self.state.lock().dirty.extend(keys);
    }
}

impl State {
    fn admit(&mut self, prepared: Prepared, wal: &Wal<Ticket>) -> Verdict {
        let substream = prepared.part.substream;
        let marks: Vec<Mark> = prepared.part.extents.iter().map(|extent| self.mark(&prepared.cluster, extent.file, substream)).collect();
        let appended: Vec<u64> = marks.iter().map(|mark| mark.appended).collect();
        let decision = decide(&prepared.part.extents, &prepared.places, &appended);
        if let Decision::Append { skip } = decision {
            return match self.append(prepared, skip, &marks, wal) {
                Ok(answer) => Verdict::Taken { answer: Some(answer), duplicate: false },
                Err(later) => Verdict::Later(later),
            };
        }
        // What is told must be durable. Often it is already.
        let wanted = |(extent, mark): (&martlog_formats::wire::Extent, &Mark)| match decision {
            Decision::Duplicate => mark.durable >= extent.to,
            _ => mark.durable == mark.appended,
        };
        let known = prepared.part.extents.iter().zip(&marks).all(wanted);
        let answer = match known {
            true => None,
            false => match submit(None, Change::default(), wal) {
                Ok(answer) => Some(answer),
                Err(later) => return Verdict::Later(later),
            },
        };
        match decision {
            Decision::Duplicate => Verdict::Taken { answer, duplicate: true },
            _ => Verdict::Conflict { answer },
        }
    }

    fn append(&mut self, prepared: Prepared, skip: usize, marks: &[Mark], wal: &Wal<Ticket>) -> Result<Answer, Unavailable> {
        let Prepared { part, mut rows, bytes, owner, cluster, node, .. } = prepared;
        let (first_seq, arrived_ns) = self.numbers(&owner.key);
        let gap_from = match (&part.gap, part.extents.first()) {
            (Some(_), Some(extent)) => extent.from.max(marks.first().map_or(0, |mark| mark.appended)),
            _ => 0,
        };
        let skip = u32::try_from(skip).unwrap_or(u32::MAX);
        self.share_origin(&part, &cluster, &mut rows);
        let head = PartHead { cluster, node, owner, skip, gap_from, first_seq, arrived_ns };
        let payload = payload::encode(&Head::Part(head.clone()), bytes);
        let change = payload::part_change(&part, rows, &head);
        self.submit(payload, change, wal)
    }

    /// Queues a change and, only when it was taken, moves what it moves.
    fn submit(&mut self, payload: Payload, change: Change, wal: &Wal<Ticket>) -> Result<Answer, Unavailable> {
        let moves = change.moves.clone();
        let rows = change.last().map(|row| (row.owner.key.clone(), row.seq + 1, row.arrived_ns));
        let released = change.released.clone();
        let answer = submit(Some(payload), change, wal)?;
        for Move { key, substream, to, holder } in moves {
            self.file(&key, &holder).mark(substream).appended(to);
        }
        if let Some((key, next_seq, arrived_ns)) = rows {
            self.modules.insert(key, next_seq);
            self.arrived_ns = arrived_ns;
        }
        if let Some(released) = released {
            self.released.entry(released.from).or_default().appended(released.upto);
        }
        Ok(answer)
    }

    fn durable(&mut self, lsn: u64, change: &Change) {
        self.durable_lsn = self.durable_lsn.max(lsn);
        for moved in &change.moves {
            self.file(&moved.key, &moved.holder).mark(moved.substream).durable(moved.to);
            self.dirty.insert(moved.key.clone());
        }
        self.gaps.extend(change.gap.clone());
        if let Some(keyed) = &change.keyed {
            self.keyed.durable(keyed.clone());
        }
        if let Some(released) = &change.released {
            self.released.entry(released.from.clone()).or_default().durable(released.upto);
        }
    }

    fn take_back(&mut self, change: &Change) {
        for moved in &change.moves {
            if let Some(file) = self.files.get_mut(&moved.key) {
                file.mark(moved.substream).take_back();
            }
        }
        if let Some(row) = change.first()
            && let Some(next) = self.modules.get_mut(&row.owner.key)
        {
            *next = (*next).min(row.seq);
        }
        if let Some(released) = &change.released {
            self.released.entry(released.from.clone()).or_default().take_back();
        }
    }

    /// The next seq of a module and the next arrival; neither is used up before a submission was taken.
    fn numbers(&self, key: &ModuleKey) -> (u64, i64) {
        (self.modules.get(key).copied().unwrap_or(0), now_ns().max(self.arrived_ns + 1))
    }

    fn mark(&self, cluster: &Arc<str>, file: FileId, substream: Substream) -> Mark {
        let key = FileKey { cluster: cluster.clone(), file };
        self.files.get(&key).map_or_else(Mark::default, |file| file.marks[substream as usize])
    }

    fn file(&mut self, key: &FileKey, holder: &Arc<Holder>) -> &mut File {
        let new = || File { holder: holder.clone(), marks: [Mark::default(); 2], origins: [None, None], gone_ns: None };
        let file = self.files.entry(key.clone()).or_insert_with(new);
        // Whatever was said of it: it speaks.
        file.gone_ns = None;
        if file.holder.owner != holder.owner {
            file.holder = holder.clone();
        }
        file
    }

    /// Has a part's rows share their origin with the rows before them when it is the same.
    fn share_origin(&mut self, part: &Part<()>, cluster: &Arc<str>, rows: &mut Rows) {
        let key = FileKey { cluster: cluster.clone(), file: rows.origin().file };
        match self.files.get_mut(&key).map(|file| &mut file.origins[part.substream as usize]) {
            Some(Some(known)) if known == rows.origin() => rows.set_origin(known.clone()),
            Some(slot) => *slot = Some(rows.origin().clone()),
            None => {}
        }
    }
}

impl File {
    fn mark(&mut self, substream: Substream) -> &mut Mark {
        &mut self.marks[substream as usize]
    }
}

impl Mark {
    fn appended(&mut self, to: u64) {
        self.appended = self.appended.max(to);
    }

    fn durable(&mut self, to: u64) {
        self.durable = self.durable.max(to);
    }

    fn take_back(&mut self) {
        self.appended = self.durable;
    }
}

fn submit(payload: Option<Payload>, change: Change, wal: &Wal<Ticket>) -> Result<Answer, Unavailable> {
    let (ticket, answer) = Ticket::new(change);
    wal.submit(payload, ticket).map(|()| answer).map_err(Unavailable::from)
}
