//! The append protocol, explored state by state: collector, network, WAL, index, crashes. The server's decision is the real
//! [`martlog_indexer::append::decide`]; everything around it is the model.
//!
//! One stream, N one-line parts, messages lost, doubled and reordered, kill -9 and power loss of the server, a collector that restarts or loses its
//! state. No reachable state may break an invariant, and from each of them it must still be possible that every line ends up durable, exactly once and
//! acknowledged. Nine mutants of the protocol, each a plausible mistake, must be found.

use martlog_formats::wire::{Extent, FileId};
use martlog_indexer::append::{Decision, decide};
use std::collections::HashMap;

/// Messages of each kind in flight.
const IN_FLIGHT: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    CheckpointBeforeAck,
    NoDedupe,
    AckBeforeFsync,
    DuplicateAckUndurable,
    AcceptGap,
    IndexUnsynced,
    PayloadSeparate,
    TruncateBeforeDirsync,
    TruncateWithoutSnapshot,
}

/// How much may go wrong.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    lines: u8,
    server_crashes: u8,
    collector_crashes: u8,
    state_losses: u8,
}

/// A short list of small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct List {
    len: u8,
    items: [u8; 7],
}

impl List {
    fn get(&self) -> &[u8] {
        &self.items[..self.len as usize]
    }

    fn with(mut self, item: u8) -> Self {
        self.items[self.len as usize] = item;
        self.len += 1;
        self
    }

    fn from(slice: &[u8]) -> Self {
        let mut items = [0; 7];
        items[..slice.len()].copy_from_slice(slice);
        Self { len: u8::try_from(slice.len()).unwrap(), items }
    }

    fn without(mut self, index: usize) -> Self {
        self.items.copy_within(index + 1.., index);
        self.items[6] = 0;
        self.len -= 1;
        self
    }
}

/// An answer in flight: the mark, and this bit when it refuses.
const REFUSES: u8 = 0x80;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    // The collector: its durable checkpoint, the next line to send, the acknowledged position.
    checkpoint: u8,
    position: u8,
    acked: u8,
    // The network: lines and answers.
    sent: List,
    answers: List,
    // The server's memory: the mark, and the marks whose answers wait for the sync (a bit each).
    mark: u8,
    waiting: u8,
    // The WAL: LSNs and lines; how many are synced; the next LSN.
    lsns: List,
    lines: List,
    synced: u8,
    next_lsn: u8,
    // The index: applied, committed, durable, each with its LSN.
    applied: List,
    applied_lsn: u8,
    committed: List,
    committed_lsn: u8,
    indexed: List,
    indexed_lsn: u8,
    // The snapshot of the mark.
    snapshot: u8,
    snapshot_lsn: u8,
    // What went wrong so far.
    server_crashes: u8,
    collector_crashes: u8,
    state_losses: u8,
    up: bool,
}

struct Model {
    bounds: Bounds,
    mutant: Option<Mutant>,
}

impl State {
    fn first() -> Self {
        Self {
            checkpoint: 0,
            position: 0,
            acked: 0,
            sent: List::default(),
            answers: List::default(),
            mark: 0,
            waiting: 0,
            lsns: List::default(),
            lines: List::default(),
            synced: 0,
            next_lsn: 1,
            applied: List::default(),
            applied_lsn: 0,
            committed: List::default(),
            committed_lsn: 0,
            indexed: List::default(),
            indexed_lsn: 0,
            snapshot: 0,
            snapshot_lsn: 0,
            server_crashes: 0,
            collector_crashes: 0,
            state_losses: 0,
            up: true,
        }
    }

    /// The state as numbers, one to one: a map of them is quick also in a test that is not optimised. Marks, LSNs and counts are below 16, lines
    /// below 8; a list begins with a 1.
    fn key(&self) -> [u64; 4] {
        let list = |list: List, bits: u32| list.get().iter().fold(1_u64, |packed, item| packed << bits | u64::from(*item));
        let answer = |answer: &u8| u64::from((answer & REFUSES) >> 4 | answer & 7);
        let answers = self.answers.get().iter().fold(1, |packed, item| packed << 4 | answer(item));
        let numbers = [
            [self.checkpoint, self.position, self.acked, self.mark],
            [self.applied_lsn, self.committed_lsn, self.indexed_lsn, self.snapshot_lsn],
            [self.snapshot, self.synced, self.next_lsn, u8::from(self.up)],
            [self.server_crashes, self.collector_crashes, self.state_losses, 0],
        ];
        let numbers = numbers.as_flattened().iter().fold(0, |packed, number| packed << 4 | u64::from(*number));
        let wal = list(self.lsns, 4) << 32 | list(self.lines, 3) << 8 | u64::from(self.waiting);
        let index = [self.applied, self.committed, self.indexed].iter().fold(0, |packed, lines| packed << 20 | list(*lines, 3));
        [numbers, wal, index, list(self.sent, 3) << 32 | answers]
    }

    fn wal(&self) -> impl Iterator<Item = (u8, u8)> {
        self.lsns.get().iter().copied().zip(self.lines.get().iter().copied())
    }

    fn synced_wal(&self) -> impl Iterator<Item = (u8, u8)> {
        self.wal().take(self.synced as usize)
    }

    fn durable_mark(&self) -> u8 {
        self.synced_wal().filter(|(lsn, _)| *lsn > self.snapshot_lsn).map(|(_, line)| line + 1).fold(self.snapshot, u8::max)
    }

    fn append(mut self, line: u8) -> Self {
        self.lsns = self.lsns.with(self.next_lsn);
        self.lines = self.lines.with(line);
        self.next_lsn += 1;
        self
    }

    fn waits(mut self, mark: u8) -> Self {
        self.waiting |= 1 << mark;
        self
    }
}

impl Model {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn next(&self, state: &State, out: &mut Vec<State>) {
        self.collector(state, out);
        for (index, line) in state.sent.get().iter().enumerate() {
            let rest = State { sent: state.sent.without(index), ..*state };
            out.push(rest);
            if state.sent.get().len() < IN_FLIGHT {
                out.push(State { sent: state.sent.with(*line), ..*state });
            }
            if state.up {
                self.receive(state, rest, *line, out);
            }
        }
        if state.up {
            self.server(state, out);
            self.crash(state, out);
        } else {
            let highest = state.lsns.get().iter().copied().chain([state.snapshot_lsn, state.committed_lsn]).max().unwrap_or(0);
            out.push(State { up: true, mark: state.durable_mark(), next_lsn: highest + 1, ..*state });
        }
    }

    fn collector(&self, state: &State, out: &mut Vec<State>) {
        let bounds = self.bounds;
        if state.position < bounds.lines && state.sent.get().len() < IN_FLIGHT {
            out.push(State { sent: state.sent.with(state.position), position: state.position + 1, ..*state });
        }
        if state.position > state.acked {
            out.push(State { position: state.acked, ..*state });
        }
        let saved = if self.is(Mutant::CheckpointBeforeAck) { state.position } else { state.acked };
        if state.checkpoint < saved {
            out.push(State { checkpoint: saved, ..*state });
        }
        if state.collector_crashes < bounds.collector_crashes {
            let collector_crashes = state.collector_crashes + 1;
            out.push(State { position: state.checkpoint, acked: state.checkpoint, collector_crashes, ..*state });
        }
        if state.state_losses < bounds.state_losses {
            out.push(State { checkpoint: 0, position: 0, acked: 0, state_losses: state.state_losses + 1, ..*state });
        }
        for (index, answer) in state.answers.get().iter().enumerate() {
            let rest = State { answers: state.answers.without(index), ..*state };
            out.push(rest);
            let mark = answer & !REFUSES;
            out.push(match answer & REFUSES {
                0 => State { acked: state.acked.max(mark), position: state.position.max(mark), ..rest },
                _ => State { acked: state.acked.min(mark), position: state.position.min(mark), ..rest },
            });
        }
    }

    /// A part of one line reaches the server.
    fn receive(&self, state: &State, rest: State, line: u8, out: &mut Vec<State>) {
        let (from, to) = (u64::from(line), u64::from(line) + 1);
        let extent = Extent { file: FileId(1), name: String::new(), from, to };
        let decision = decide(&[extent], &[(from, to)], &[u64::from(state.mark)]);
        let room = state.answers.get().len() < IN_FLIGHT;
        let answered = |state: State, answer: u8| State { answers: state.answers.with(answer), ..state };
        match decision {
            _ if self.is(Mutant::NoDedupe) => {
                out.push(State { mark: state.mark.max(line + 1), ..rest.append(line) }.waits(line + 1));
            }
            Decision::Append { .. } => {
                let taken = State { mark: line + 1, ..rest.append(line) };
                if !self.is(Mutant::AckBeforeFsync) {
                    out.push(taken.waits(line + 1));
                } else if room {
                    out.push(answered(taken, line + 1));
                }
            }
            Decision::Duplicate if line < state.durable_mark() || self.is(Mutant::DuplicateAckUndurable) => {
                if room {
                    out.push(answered(rest, line + 1));
                }
            }
            Decision::Duplicate => out.push(rest.waits(line + 1)),
            Decision::Conflict if self.is(Mutant::AcceptGap) => out.push(State { mark: line + 1, ..rest.append(line) }.waits(line + 1)),
            Decision::Conflict => {
                if room {
                    out.push(answered(rest, REFUSES | state.mark));
                }
            }
        }
    }

    fn server(&self, state: &State, out: &mut Vec<State>) {
        let wal = state.lsns.get().len();
        if usize::from(state.synced) < wal || state.waiting != 0 {
            let told: Vec<u8> = (0..8).filter(|mark| state.waiting & (1 << mark) != 0).collect();
            if state.answers.get().len() + told.len() <= IN_FLIGHT + 1 {
                let answers = told.iter().fold(state.answers, |answers, mark| answers.with(*mark));
                out.push(State { synced: state.lsns.len, waiting: 0, answers, ..*state });
            }
        }
        let readable = if self.is(Mutant::IndexUnsynced) { wal } else { state.synced as usize };
        if let Some((lsn, line)) = state.wal().take(readable).find(|(lsn, _)| *lsn == state.applied_lsn + 1) {
            out.push(State { applied: state.applied.with(line), applied_lsn: lsn, ..*state });
        }
        if state.applied_lsn > state.committed_lsn {
            if self.is(Mutant::PayloadSeparate) {
                out.push(State { committed: state.applied, ..*state });
            }
            out.push(State { committed: state.applied, committed_lsn: state.applied_lsn, ..*state });
        }
        if state.indexed_lsn < state.committed_lsn {
            out.push(State { indexed: state.committed, indexed_lsn: state.committed_lsn, ..*state });
        }
        if let Some((lsn, _)) = state.synced_wal().last().filter(|(lsn, _)| *lsn > state.snapshot_lsn) {
            out.push(State { snapshot: state.durable_mark(), snapshot_lsn: lsn, ..*state });
        }
        let published = if self.is(Mutant::TruncateBeforeDirsync) { state.committed_lsn } else { state.indexed_lsn };
        let safe = if self.is(Mutant::TruncateWithoutSnapshot) { published } else { published.min(state.snapshot_lsn) };
        let freed = state.synced_wal().filter(|(lsn, _)| *lsn <= safe).count();
        if freed > 0 {
            let (lsns, lines) = (List::from(&state.lsns.get()[freed..]), List::from(&state.lines.get()[freed..]));
            out.push(State { lsns, lines, synced: state.synced - u8::try_from(freed).unwrap(), ..*state });
        }
    }

    fn crash(&self, state: &State, out: &mut Vec<State>) {
        if state.server_crashes == self.bounds.server_crashes {
            return;
        }
        let down = State { up: false, waiting: 0, mark: 0, server_crashes: state.server_crashes + 1, ..*state };
        // Power loss: any suffix of what is not synced is gone, and the index is what was synced of it.
        for kept in state.synced..=state.lsns.len {
            out.push(State {
                lsns: List::from(&state.lsns.get()[..kept as usize]),
                lines: List::from(&state.lines.get()[..kept as usize]),
                synced: kept,
                applied: state.indexed,
                applied_lsn: state.indexed_lsn,
                committed: state.indexed,
                committed_lsn: state.indexed_lsn,
                ..down
            });
        }
        // kill -9: the page cache survives.
        out.push(State { synced: state.lsns.len, applied: state.committed, applied_lsn: state.committed_lsn, ..down });
    }

    /// What a state breaks.
    fn broken(&self, state: &State) -> Option<String> {
        let increases = |lines: &[u8]| lines.windows(2).all(|pair| pair[0] < pair[1]);
        if !increases(state.committed.get()) {
            return Some("a line is doubled or out of order in the index".into());
        }
        let survives = |line: u8| state.indexed.get().contains(&line) || state.synced_wal().any(|(_, synced)| synced == line);
        if let Some(line) = (0..state.acked.max(state.checkpoint)).find(|line| !survives(*line)) {
            return Some(format!("line {line} is acknowledged or checkpointed and would not survive a power cut"));
        }
        if state.up {
            let behind = state.wal().filter(|(lsn, _)| *lsn > state.committed_lsn).map(|(_, line)| line);
            let mut log: Vec<u8> = state.committed.get().iter().copied().chain(behind).collect();
            log.sort_unstable();
            if log.iter().enumerate().any(|(index, line)| index != usize::from(*line)) {
                return Some(format!("the accepted log has a hole or a double: {log:?}"));
            }
        }
        None
    }

    fn done(&self, state: &State) -> bool {
        let all: Vec<u8> = (0..self.bounds.lines).collect();
        state.up && state.acked == self.bounds.lines && state.indexed.get() == all
    }

    /// Visits every reachable state; how many there are, or what the first bad one breaks.
    fn explore(&self) -> Result<usize, String> {
        let mut index = HashMap::from([(State::first().key(), 0_u32)]);
        let mut states = vec![State::first()];
        let mut edges: Vec<(u32, u32)> = Vec::new();
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(state) = states.get(at).copied() {
            if let Some(broken) = self.broken(&state) {
                return Err(broken);
            }
            out.clear();
            self.next(&state, &mut out);
            for next in &out {
                let fresh = u32::try_from(states.len()).unwrap();
                let to = *index.entry(next.key()).or_insert_with(|| {
                    states.push(*next);
                    fresh
                });
                edges.push((to, u32::try_from(at).unwrap()));
            }
            at += 1;
        }
        self.all_can_end_well(&states, edges).map(|()| states.len())
    }

    /// Whether a good end can be reached from everywhere: backwards from the good ends.
    fn all_can_end_well(&self, states: &[State], mut edges: Vec<(u32, u32)>) -> Result<(), String> {
        edges.sort_unstable();
        let mut reaches: Vec<bool> = states.iter().map(|state| self.done(state)).collect();
        let mut queue: Vec<u32> = (0..).zip(&reaches).filter(|(_, good)| **good).map(|(index, _)| index).collect();
        while let Some(to) = queue.pop() {
            let start = edges.partition_point(|edge| edge.0 < to);
            for (_, from) in edges[start..].iter().take_while(|edge| edge.0 == to) {
                if !std::mem::replace(&mut reaches[*from as usize], true) {
                    queue.push(*from);
                }
            }
        }
        match reaches.iter().filter(|good| !**good).count() {
            0 => Ok(()),
            stuck => Err(format!("{stuck} states cannot end well")),
        }
    }
}

const FULL: Bounds = Bounds { lines: 2, server_crashes: 2, collector_crashes: 2, state_losses: 1 };

#[test]
fn the_protocol_holds_in_every_reachable_state() {
    // Slices of the whole space that are quick: with two lines the faults of one side at a time, with one line all together.
    let slices = [
        (Bounds { server_crashes: 1, collector_crashes: 0, state_losses: 0, ..FULL }, 10_000),
        (Bounds { server_crashes: 0, collector_crashes: 1, state_losses: 1, ..FULL }, 10_000),
        (Bounds { lines: 1, ..FULL }, 1_000),
    ];
    for (bounds, at_least) in slices {
        let states = Model { bounds, mutant: None }.explore().unwrap();
        println!("{states} states in {bounds:?}");
        assert!(states > at_least, "{states} states in {bounds:?}");
    }
}

#[test]
fn the_protocol_holds_in_the_whole_space() {
    let states = Model { bounds: FULL, mutant: None }.explore().unwrap();
    println!("{states} states");
    assert!(states > 1_500_000, "{states}");
}

#[test]
fn each_mutant_is_found() {
    let mutants = [
        Mutant::CheckpointBeforeAck,
        Mutant::NoDedupe,
        Mutant::AckBeforeFsync,
        Mutant::DuplicateAckUndurable,
        Mutant::AcceptGap,
        Mutant::IndexUnsynced,
        Mutant::PayloadSeparate,
        Mutant::TruncateBeforeDirsync,
        Mutant::TruncateWithoutSnapshot,
    ];
    for mutant in mutants {
        let found = Model { bounds: FULL, mutant: Some(mutant) }.explore();
        assert!(found.is_err(), "{mutant:?} was not found in {found:?} states");
    }
}
