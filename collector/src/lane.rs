//! A lane: some of the streams, one connection, one batch in flight.
//!
//! A stream belongs to one lane for good, and a lane reads nothing while its batch is unanswered; so the order within a substream is kept without a
//! further thought, and an outage of any length holds one compressed batch per lane. Meanwhile the lane still takes in what scans see, so that files
//! which are about to vanish are held open.

use crate::batch::{Batch, Workbench, Workbenches};
use crate::board::{Board, Standing};
use crate::chain::{self, Growth, Opener, Source};
use crate::checkpoint::Remembered;
use crate::discover::Root;
use crate::follow::{Budget, Follower, Round, Turn};
use crate::identity::{Site, folder_of};
use crate::inbox::Mail;
use crate::labels::Labels;
use crate::limits::{
    BATCH_BYTES, BATCH_BYTES_MIN, BATCH_RECORDS, GROWTH_INTERVAL, LABELS_WAIT, OPEN_BYTES, PART_WEIGHT_BYTES, POLICY_WAIT, ROUND_BYTES,
    TROUBLE_WAIT,
};
use crate::parts::Note;
use crate::policies::{Policies, Said};
use crate::pulse::Pulse;
use crate::quota::RateLimit;
use crate::spool::{Put, Spool};
use crate::survey::{Home, Look};
use martlog_formats::wire::{AppendAnswer, FileId, PositionsAnswer, Stream};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// With `once`, a folder that cannot be read is given up after so many scans.
const SURVEYS_ENOUGH: u32 = 3;

/// What the lanes share and do not change.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The folder of pods.
    pub(crate) root: Root,
    /// Where this is.
    pub(crate) site: Site,
    /// How far all files are.
    pub(crate) board: Board,
    /// What batches are made with.
    pub(crate) benches: Arc<Workbenches>,
    /// Containers that the survey shall look at again although nothing may have changed.
    pub(crate) again: Mutex<BTreeSet<Home>>,
    /// What is kept of files that vanished.
    pub(crate) spool: Spool,
    /// What each stream may print whose policy says nothing.
    pub(crate) rate_limit: Option<RateLimit>,
    /// How lines are read, as it is known now.
    pub(crate) said: watch::Receiver<Said>,
    /// Where it is told how this collector is.
    pub(crate) pulse: Pulse,
    /// Read what is there, and end.
    pub(crate) once: bool,
}

impl Shared {
    /// What a look told had changed before it was acted on: another one is wanted.
    fn look_again(&self, container: &Stream) {
        let home = (folder_of(container).into(), container.container.as_str().into());
        self.again.lock().unwrap_or_else(PoisonError::into_inner).insert(home);
    }
}

/// The streams of one connection.
#[derive(Debug)]
pub(crate) struct Lane {
    shared: Arc<Shared>,
    followers: BTreeMap<Arc<Stream>, Box<Follower>>,
    remembered: Vec<Remembered>,
    labels: Option<Arc<Labels>>,
    policies: Arc<Policies>,
    /// Since when the policies are waited for.
    waits: Option<Instant>,
    epoch: Option<u64>,
    turn: usize,
    /// When it was last looked how far files have grown.
    looked_after: Option<Instant>,
    batch_bytes: usize,
    part_limit: usize,
    surveys: u32,
    /// What is there is known.
    scanned: bool,
}

/// What a round found.
#[derive(Debug)]
pub(crate) struct Filled {
    /// The batch, when there is something to say.
    pub(crate) batch: Option<Batch>,
    /// There is more to read at once.
    pub(crate) more: bool,
    /// All that is there is read and acknowledged.
    pub(crate) drained: bool,
}

impl Lane {
    /// A lane without streams; `remembered` is what the position file says of streams that are its own.
    pub(crate) fn new(shared: Arc<Shared>, remembered: Vec<Remembered>) -> Self {
        Self {
            shared,
            followers: BTreeMap::new(),
            remembered,
            labels: None,
            policies: Arc::default(),
            waits: None,
            epoch: None,
            turn: 0,
            looked_after: None,
            batch_bytes: BATCH_BYTES,
            part_limit: usize::MAX,
            surveys: 0,
            scanned: false,
        }
    }

    /// Whether it ends when all that is there is acknowledged.
    pub(crate) fn is_once(&self) -> bool {
        self.shared.once
    }

    /// What its batches are made with.
    pub(crate) fn benches(&self) -> &Arc<Workbenches> {
        &self.shared.benches
    }

    /// Takes in what the survey saw. Reads the first lines of new files.
    pub(crate) fn adopt(&mut self, mail: Mail, now: Instant) {
        if mail.labels.is_some() {
            self.labels = mail.labels;
        }
        let shared = Arc::clone(&self.shared);
        let opener = Opener { root: &shared.root, site: &shared.site, spool: &shared.spool };
        let mut current = true;
        for look in mail.looks.into_values() {
            let seen = self.adopt_look(&look, opener, now);
            if !seen {
                self.shared.look_again(&look.container);
            }
            current &= seen;
        }
        if mail.surveys > 0 {
            if mail.complete && current {
                self.recall(now);
            }
            self.surveys = self.surveys.saturating_add(mail.surveys);
            self.scanned |= current && (mail.complete || self.surveys >= SURVEYS_ENOUGH);
            self.keep(now);
        }
    }

    /// Copies files that vanished a while ago and that the server does not have.
    fn keep(&mut self, now: Instant) {
        let spool = &self.shared.spool;
        for (stream, follower) in &mut self.followers {
            for at in 0..follower.chain.len() {
                if !follower.chain[at].wants_copy(now) {
                    continue;
                }
                let file = follower.chain[at].name.clone();
                match chain::copy_at(&mut follower.chain, at, spool, stream) {
                    Ok(Put::Kept) => {
                        tracing::info!(pod = %stream.pod, file, "a log file vanished before the server had all of it; it is kept in the spool")
                    }
                    Ok(Put::Full) => {
                        tracing::warn!(pod = %stream.pod, file, used = spool.bytes(), "a log file vanished before the server had all of it, and the spool has no room: it is held open, and lost with this process");
                    }
                    Err(error) => {
                        tracing::warn!(pod = %stream.pod, file, %error, "a log file that vanished cannot be kept in the spool; it is held open, and tried again")
                    }
                }
            }
        }
    }

    /// One container's files; false when they have changed since the look.
    fn adopt_look(&mut self, look: &Look, opener: Opener<'_>, now: Instant) -> bool {
        let mut current = true;
        let mut present = BTreeSet::new();
        let mut rest = look.entries.as_slice();
        while let Some(first) = rest.first() {
            let count = rest.iter().take_while(|entry| entry.stream == first.stream).count();
            let (entries, tail) = rest.split_at(count);
            rest = tail;
            // A later life of the container exists: this one has ended.
            let finished = !rest.is_empty();
            let stream = Arc::new(first.stream.clone());
            let follower = self
                .followers
                .entry(Arc::clone(&stream))
                .or_insert_with(|| Box::new(Follower::new(Arc::clone(&stream), self.policies.usual(), now)));
            current &= follower.adopt(entries, look.complete, finished, opener, now);
            // Also of what cannot be sent now: should it be gone when the collector is back, its hole has a name and a size.
            self.shared.board.note(standings(follower));
            present.insert(stream.restart);
        }
        let container = &look.container;
        let lives = Stream { restart: 0, ..(**container).clone() }..=Stream { restart: u32::MAX, ..(**container).clone() };
        let mut all = Vec::new();
        for (stream, follower) in self.followers.range_mut::<Stream, _>(lives) {
            if look.complete && !present.contains(&stream.restart) {
                follower.adopt(&[], true, true, opener, now);
            }
            all.push(Arc::clone(stream));
        }
        self.retire(&all);
        current
    }

    /// Notes how far files have grown, also those that cannot be read now: should one vanish while no collector is there, its hole has its true size.
    pub(crate) fn look_after(&mut self, now: Instant) {
        if self.looked_after.is_some_and(|at| now.saturating_duration_since(at) < GROWTH_INTERVAL) {
            return;
        }
        self.looked_after = Some(now);
        for follower in self.followers.values_mut() {
            match follower.grow(now) {
                Growth::None => {}
                Growth::Some => self.shared.board.note(standings(follower)),
                Growth::Negative => self.shared.look_again(&follower.stream),
            }
        }
    }

    /// Hears of a restore from whoever heard of it: a node at rest appends nothing.
    pub(crate) fn heed(&mut self) {
        let heard = self.shared.board.epoch();
        if heard != 0 && self.epoch.is_some() {
            self.hear_epoch(heard);
        }
    }

    /// Files that the position file or the spool names and that the first scan did not find: what is unacknowledged of them is read from a copy, or is a hole.
    fn recall(&mut self, now: Instant) {
        let spool = &self.shared.spool;
        let mut remembered: Vec<_> = std::mem::take(&mut self.remembered).into_iter().map(|old| (spool.get(old.file), old)).collect();
        // What is put first last is the oldest.
        remembered.sort_by_key(|(kept, _)| std::cmp::Reverse(kept.as_ref().map_or(0, |kept| kept.place)));
        for (kept, old) in remembered {
            let stream = Arc::new(old.stream);
            let follower = self
                .followers
                .entry(Arc::clone(&stream))
                .or_insert_with(|| Box::new(Follower::new(Arc::clone(&stream), self.policies.usual(), now)));
            if follower.chain.iter().any(|source| source.id == old.file) {
                spool.remove(old.file);
                continue;
            }
            let source = kept.map_or_else(|| Source::remembered(old.file, old.name, old.size), |kept| Source::kept(&kept, old.size));
            follower.chain.insert(0, source);
            follower.finished |= follower.chain.iter().all(|source| source.gone);
            self.shared.board.note(standings(follower));
        }
    }

    /// Closes what is acknowledged to the end, lets go of files that are gone, and tells the board.
    fn retire(&mut self, streams: &[Arc<Stream>]) {
        for stream in streams {
            let Some(follower) = self.followers.get_mut(stream) else { continue };
            chain::close_settled(&mut follower.chain);
            follower.chain.iter_mut().for_each(|source| source.let_go_of_copy(&self.shared.spool));
            let over = |source: &Source| source.gone && source.done && source.settled();
            if follower.is_settled() && follower.chain.iter().any(over) {
                self.shared.board.note(standings(follower));
                follower.chain.retain(|source| !over(source));
            }
            if follower.chain.is_empty() && follower.finished {
                self.followers.remove(stream);
            }
        }
    }

    /// The files whose marks the server has to be asked for.
    pub(crate) fn unasked(&self) -> Vec<FileId> {
        let sources = self.followers.values().flat_map(|follower| &follower.chain);
        sources.filter(|source| source.marks.is_none()).map(|source| source.id).collect()
    }

    /// Takes in the server's marks of these files.
    pub(crate) fn learn(&mut self, files: &[FileId], answer: &PositionsAnswer) {
        self.hear_epoch(answer.epoch);
        let marks: BTreeMap<_, _> = files.iter().zip(&answer.marks).collect();
        let mut all = Vec::new();
        for (stream, follower) in &mut self.followers {
            let mut learned = false;
            for source in follower.chain.iter_mut().filter(|source| source.marks.is_none()) {
                if let Some(marks) = marks.get(&source.id) {
                    source.marks = Some(**marks);
                    source.rewind();
                    learned = true;
                }
            }
            if learned {
                self.shared.board.note(standings(follower));
                all.push(Arc::clone(stream));
            }
        }
        self.retire(&all);
    }

    /// Another epoch: the store was restored, and its marks may be lower than what was acknowledged. They are asked for anew.
    fn hear_epoch(&mut self, epoch: u64) {
        let known = self.epoch.replace(epoch);
        self.shared.board.set_epoch(epoch);
        if known.is_some_and(|known| known != epoch) {
            tracing::warn!(epoch, "the store was restored; going back to its positions");
            for follower in self.followers.values_mut() {
                follower.rewind();
                follower.chain.iter_mut().for_each(|source| source.marks = None);
            }
        }
    }

    /// Reads a round: a quantum of each stream in turn, until the batch is full or there is nothing more.
    pub(crate) fn fill(&mut self, now: Instant, bench: &mut Workbench) -> Filled {
        let shared = Arc::clone(&self.shared);
        self.look_after(now);
        if !self.has_policies(now) {
            return Filled { batch: None, more: false, drained: false };
        }
        let mut round = Round {
            opener: Opener { root: &shared.root, site: &shared.site, spool: &shared.spool },
            now,
            once: shared.once,
            rate_limit: shared.rate_limit,
            budget: Budget { read_bytes: ROUND_BYTES, batch_bytes: self.batch_bytes, records: BATCH_RECORDS },
            buffer: &mut bench.read,
        };
        let labels = self.labels.as_deref();
        let labelled = |follower: &Follower| {
            let known = labels.is_none_or(|labels| labels.contains_key(&follower.stream.pod_uid));
            known || shared.once || now.saturating_duration_since(follower.born) >= LABELS_WAIT
        };
        let ready = |follower: &&mut Follower| follower.is_ready(now, shared.once) && labelled(follower);
        let mut ready: Vec<&mut Follower> = self.followers.values_mut().map(Box::as_mut).filter(ready).collect();
        for follower in &mut ready {
            let stream = &follower.stream;
            let labels = labels.and_then(|labels| labels.get(&stream.pod_uid)).map(Vec::as_slice);
            follower.policy = self.policies.of(&stream.namespace, labels);
        }
        if !ready.is_empty() {
            let start = self.turn % ready.len();
            ready.rotate_left(start);
        }
        let (visited, mut more) = read_in_turn(&mut ready, &mut round);
        self.turn = self.turn.wrapping_add(visited.max(1));
        let mut parts = Vec::new();
        for follower in ready.iter_mut().take(visited) {
            follower.tick(&mut round);
            let claims = labels.and_then(|labels| labels.get(&follower.stream.pod_uid)).map_or(&[][..], Vec::as_slice);
            let taken = follower.take_parts(claims, now, shared.once);
            if !taken.is_empty() || follower.chain.iter().any(|source| !source.settled()) {
                shared.board.note(standings(follower));
            }
            if follower.wants_look() {
                shared.look_again(&follower.stream);
            }
            more |= follower.has_unsent();
            parts.extend(taken);
        }
        if parts.len() > self.part_limit {
            parts.truncate(self.part_limit);
            // What was cut off is read again.
            ready.iter_mut().take(visited).for_each(|follower| follower.rewind());
        }
        let ending: Vec<_> =
            ready.iter().take(visited).filter(|follower| follower.finished).map(|follower| Arc::clone(&follower.stream)).collect();
        self.retire(&ending);
        self.bound_open(now);
        let batch = if parts.is_empty() { None } else { self.pack(&parts, bench) };
        let drained = self.scanned && batch.is_none() && !more && self.followers.values().all(|follower| is_drained(follower, now));
        Filled { batch, more, drained }
    }

    /// Takes in the policies as they are now; false while they are worth waiting for. A server that never tells any is not waited for for long.
    fn has_policies(&mut self, now: Instant) -> bool {
        let Said { policies, known } = self.shared.said.borrow().clone();
        self.policies = policies;
        known || now.saturating_duration_since(*self.waits.get_or_insert(now)) >= POLICY_WAIT
    }

    /// Bounds what is held of records that have not ended: the greatest go first, back to where they begin in their files.
    fn bound_open(&mut self, now: Instant) {
        let mut open: Vec<_> =
            self.followers.values_mut().map(|follower| (follower.open_bytes(), follower)).filter(|(bytes, _)| *bytes > 0).collect();
        let mut held: usize = open.iter().map(|(bytes, _)| bytes).sum();
        open.sort_unstable_by_key(|(bytes, _)| *bytes);
        while held > OPEN_BYTES
            && let Some((bytes, follower)) = open.pop()
        {
            held -= bytes;
            follower.rewind();
            follower.hold_until = follower.hold_until.max(Some(now + TROUBLE_WAIT));
        }
    }

    fn pack(&mut self, parts: &[martlog_formats::wire::Part], bench: &mut Workbench) -> Option<Batch> {
        match bench.pack(&self.shared.site, parts) {
            Ok(batch) => Some(batch),
            Err(error) => {
                tracing::error!(%error, "a batch cannot be compressed; it is read again");
                self.followers.values_mut().for_each(|follower| follower.rewind());
                None
            }
        }
    }

    /// Takes in the answers to a batch.
    pub(crate) fn settle(&mut self, batch: &Batch, answer: &AppendAnswer, now: Instant) {
        let mut back = BTreeSet::new();
        for (note, answer) in batch.notes.iter().zip(&answer.parts) {
            let Some(follower) = self.followers.get_mut(&note.stream) else { continue };
            let gain = follower.settle(note, answer, now);
            self.shared.board.count(gain);
            if gain.rewind {
                back.insert(&note.stream);
            }
        }
        for stream in back {
            self.with(stream, Follower::rewind);
        }
        // Back to the full size by and by: what was too large before would be so again.
        self.batch_bytes = (self.batch_bytes + self.batch_bytes / 8).min(BATCH_BYTES);
        self.part_limit = self.part_limit.saturating_mul(2);
        self.hear_epoch(answer.epoch);
        self.publish(batch);
    }

    /// The server wants less at once: half the bytes, then half the parts, then half the records of the part that is left; a record that is
    /// still too much is named as a gap, so that it does not hold up the others for ever.
    pub(crate) fn shrink(&mut self, batch: &Batch, why: &str, now: Instant) {
        tracing::warn!(parts = batch.notes.len(), records = batch.records(), bytes = batch.raw_bytes, "a smaller batch is tried: {why}");
        match batch.notes.as_slice() {
            _ if self.batch_bytes > BATCH_BYTES_MIN => self.batch_bytes = (self.batch_bytes / 2).max(BATCH_BYTES_MIN),
            [only] => {
                let stream = only.stream.clone();
                self.with(&stream, |follower| {
                    follower.refuse(only, why);
                    if only.records <= 1 {
                        // Should the server take nothing at all, it is not asked again at once.
                        follower.hold_until = Some(now + TROUBLE_WAIT);
                    }
                });
            }
            notes => self.part_limit = (notes.len() / 2).max(1),
        }
        for note in &batch.notes {
            self.with(&note.stream, Follower::rewind);
        }
    }

    fn with(&mut self, stream: &Stream, change: impl FnOnce(&mut Follower)) {
        if let Some(follower) = self.followers.get_mut(stream) {
            change(follower);
        }
    }

    fn publish(&mut self, batch: &Batch) {
        let streams: BTreeSet<&Stream> = batch.notes.iter().map(|note: &Note| &note.stream).collect();
        let mut all = Vec::with_capacity(streams.len());
        for stream in streams {
            if let Some(follower) = self.followers.get_mut(stream) {
                self.shared.board.note(standings(follower));
                all.push(Arc::clone(&follower.stream));
            }
        }
        self.retire(&all);
    }
}

/// Gives each stream a quantum in turn; how many were visited, and whether there is more.
fn read_in_turn(ready: &mut [&mut Follower], round: &mut Round<'_>) -> (usize, bool) {
    let mut queue: VecDeque<usize> = (0..ready.len()).collect();
    let mut visited = 0;
    let mut more = false;
    while let Some(at) = queue.pop_front() {
        if round.budget.is_spent() {
            return (visited, true);
        }
        if at >= visited {
            visited = at + 1;
            round.budget.batch_bytes = round.budget.batch_bytes.saturating_sub(PART_WEIGHT_BYTES.min(round.budget.batch_bytes / 2));
        }
        match ready[at].read(round) {
            Turn::More => queue.push_back(at),
            Turn::Answer => more = true,
            Turn::Idle => {}
        }
    }
    (visited, more || round.budget.is_spent())
}

fn is_drained(follower: &Follower, now: Instant) -> bool {
    let held = follower.hold_until.is_some_and(|until| now < until);
    let asked = follower.chain.iter().all(|source| source.marks.is_some());
    !held && asked && follower.is_settled()
}

/// How far a stream's files are.
fn standings(follower: &mut Follower) -> Vec<Standing> {
    let open: Option<i64> = follower.assemblers.iter().filter_map(|assembler| assembler.open_at()).map(|(_, time_ns)| time_ns).min();
    let stream = &follower.stream;
    let sources = follower.chain.iter_mut();
    sources
        .map(|source| {
            let settled = source.settled() && source.offset >= source.known_size();
            let oldest = if settled || source.marks.is_none() {
                None
            } else {
                source.next_time().or(open).or((source.time_ns != 0).then_some(source.time_ns))
            };
            Standing {
                stream: Arc::clone(stream),
                file: source.id,
                name: source.name.clone(),
                size: source.known_size(),
                acknowledged: source.marks.unwrap_or_default(),
                asked: source.marks.is_some(),
                oldest_unacknowledged_ns: oldest,
                gone: source.gone && source.done && settled,
                settled: settled && source.done,
            }
        })
        .collect()
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;
