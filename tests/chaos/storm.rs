//! The faults: which there are, how each begins and ends, and the order in which they come, which follows from the seed.
//!
//! Each kind comes once at first, in a random order, then at random. Faults of different kinds and places overlap. Times are those of the machine, so two runs of
//! one seed have the same faults in the same order, but not at the same lines.

use crate::memory;
use crate::net::{self, Cut};
use crate::world::World;
use crate::writer::{Doomed, Order};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Storms and lulls take turns. A node that could not send for a minute loses lines to its kubelet, and then the run would test little else; in a lull the collectors'
/// pauses, which grow to as long as an outage was, come to their end.
const STORM: Duration = Duration::from_secs(18);
const LULL: Duration = Duration::from_secs(15);
/// How far a node's clock is set, s.
const CLOCKS: [i64; 7] = [-7_200, -600, -30, 0, 20, 900, 7_200];
/// Free bytes of the data folder's disk: nothing at all, and less than the reserve.
const FREE_BYTES: [u64; 2] = [0, 8 << 20];

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    ServerKilled,
    ServerStopped,
    ServerDiskFull,
    CollectorKilled,
    CollectorStopped,
    StateDiskFull,
    LinkDown,
    RequestsLost,
    AnswersLost,
    ClockStepped,
    FileRemoved,
    PodRemoved,
}

use Fault::{
    AnswersLost, ClockStepped, CollectorKilled, CollectorStopped, FileRemoved, LinkDown, PodRemoved, RequestsLost, ServerDiskFull,
    ServerKilled, ServerStopped, StateDiskFull,
};

/// Kinds with what says how often they come.
const KINDS: [(Fault, u32); 12] = [
    (ServerKilled, 3),
    (ServerStopped, 3),
    (ServerDiskFull, 2),
    (CollectorKilled, 6),
    (CollectorStopped, 4),
    (StateDiskFull, 2),
    (LinkDown, 4),
    (RequestsLost, 3),
    (AnswersLost, 4),
    (ClockStepped, 5),
    (FileRemoved, 2),
    (PodRemoved, 1),
];

impl Fault {
    fn name(self) -> &'static str {
        match self {
            ServerKilled => "server killed",
            ServerStopped => "server stopped (SIGSTOP)",
            ServerDiskFull => "server's disk full",
            CollectorKilled => "collector killed",
            CollectorStopped => "collector stopped (SIGSTOP)",
            StateDiskFull => "collector's disk full",
            LinkDown => "link down",
            RequestsLost => "packets to the server lost",
            AnswersLost => "packets to the node lost",
            ClockStepped => "clock stepped",
            FileRemoved => "unread file removed",
            PodRemoved => "unread pod removed",
        }
    }

    /// Whether the collector's own memory of the node's files suffers.
    fn disturbs(self) -> bool {
        matches!(self, CollectorKilled | CollectorStopped | StateDiskFull | FileRemoved | PodRemoved)
    }

    /// What it keeps from being done to the same place meanwhile.
    fn place(self) -> u8 {
        match self {
            ServerKilled | ServerStopped => 0,
            ServerDiskFull => 1,
            CollectorKilled | CollectorStopped | StateDiskFull | FileRemoved | PodRemoved | ClockStepped => 2,
            LinkDown | RequestsLost | AnswersLost => 3,
        }
    }

    fn is_of_server(self) -> bool {
        matches!(self, ServerKilled | ServerStopped | ServerDiskFull)
    }

    fn cut(self) -> Cut {
        match self {
            RequestsLost => Cut::Requests,
            AnswersLost => Cut::Answers,
            _ => Cut::Both,
        }
    }
}

/// One that is under way.
struct Open {
    fault: Fault,
    /// 0 for the server.
    node: usize,
    ends: Instant,
}

/// See the module.
pub(crate) struct Storm<'a> {
    world: &'a mut World,
    rng: StdRng,
    open: Vec<Open>,
    first: VecDeque<Fault>,
    counts: BTreeMap<Fault, u32>,
    memory: Memory,
}

/// What collectors remembered of files that were about to be removed.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The longest that it took.
    pub(crate) slowest: Duration,
    /// What they did not, however long it was waited.
    pub(crate) failures: Vec<String>,
}

impl<'a> Storm<'a> {
    pub(crate) fn new(world: &'a mut World, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut first: Vec<Fault> = KINDS.iter().map(|(fault, _)| *fault).collect();
        first.shuffle(&mut rng);
        Self { world, rng, open: Vec::new(), first: first.into(), counts: BTreeMap::new(), memory: Memory::default() }
    }

    /// Makes faults until then, and ends what is under way; how many there were of each, and what collectors remembered.
    pub(crate) fn rage(mut self, until: Instant) -> (Vec<(&'static str, u32)>, Memory) {
        let mut lull_at = Instant::now() + STORM;
        while Instant::now() < until {
            if Instant::now() >= lull_at {
                self.calm_down();
                println!("{:>6.1} s  a lull", self.world.age());
                self.rest(LULL.min(until.saturating_duration_since(Instant::now())));
                lull_at = Instant::now() + STORM;
                continue;
            }
            let pause = Duration::from_millis(self.rng.random_range(300..2_500));
            self.rest(pause);
            let fault = self.first.pop_front().unwrap_or_else(|| self.any());
            let node = if fault.is_of_server() { 0 } else { self.rng.random_range(1..=self.world.nodes.len()) };
            if self.begin(fault, node) {
                *self.counts.entry(fault).or_default() += 1;
            } else if !self.counts.contains_key(&fault) {
                // Not possible just now: it has to come once.
                self.first.push_back(fault);
            }
        }
        self.calm_down();
        let counts = KINDS.iter().map(|(fault, _)| (fault.name(), self.counts.get(fault).copied().unwrap_or(0))).collect();
        (counts, self.memory)
    }

    /// Waits for the end of what is under way.
    fn calm_down(&mut self) {
        while let Some(latest) = self.open.iter().map(|open| open.ends).max() {
            self.rest(latest.saturating_duration_since(Instant::now()) + Duration::from_millis(10));
        }
    }

    fn any(&mut self) -> Fault {
        let total: u32 = KINDS.iter().map(|(_, weight)| weight).sum();
        let mut dice = self.rng.random_range(0..total);
        for (fault, weight) in KINDS {
            if dice < weight {
                return fault;
            }
            dice -= weight;
        }
        unreachable!("the weights add up")
    }

    /// Waits, and ends what has to end meanwhile; what ended by itself is started again.
    fn rest(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            while let Some(at) = self.open.iter().position(|open| open.ends <= Instant::now()) {
                let Open { fault, node, .. } = self.open.swap_remove(at);
                self.end(fault, node);
            }
            self.world.supervise();
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Begins a fault; false when another one is in its way.
    fn begin(&mut self, fault: Fault, node: usize) -> bool {
        if self.open.iter().any(|open| open.node == node && open.fault.place() == fault.place()) {
            return false;
        }
        let cuts = |open: &Open| open.node == node && open.fault.place() == LinkDown.place();
        if matches!(fault, FileRemoved | PodRemoved) && self.open.iter().any(cuts) {
            return false;
        }
        if fault.disturbs() && !self.world.nodes[node - 1].shared.disturb() {
            return false;
        }
        println!("{:>6.1} s  {}{}", self.world.age(), fault.name(), if node == 0 { String::new() } else { format!(", node-{node}") });
        let lasts = match fault {
            ServerKilled => {
                self.world.server.kill();
                0..3_000
            }
            CollectorKilled => {
                self.world.nodes[node - 1].collector.kill();
                0..3_000
            }
            ServerStopped => {
                self.world.server.signal(Signal::STOP);
                500..4_000
            }
            CollectorStopped => {
                self.world.nodes[node - 1].collector.signal(Signal::STOP);
                500..4_000
            }
            ServerDiskFull => {
                let free = FREE_BYTES[self.rng.random_range(0..FREE_BYTES.len())];
                self.world.data.fill_to(free);
                1_000..4_000
            }
            StateDiskFull => {
                self.world.nodes[node - 1].state.fill_to(0);
                2_500..4_000
            }
            LinkDown | RequestsLost | AnswersLost => {
                net::cut(node, fault.cut());
                1_000..6_000
            }
            ClockStepped => {
                let ahead = CLOCKS[self.rng.random_range(0..CLOCKS.len())];
                self.world.nodes[node - 1].shared.step_clock(ahead);
                return true;
            }
            FileRemoved => return self.remove(node, Order::Rotate),
            PodRemoved => return self.remove(node, Order::Silence),
        };
        let lasts = Duration::from_millis(self.rng.random_range(lasts));
        self.open.push(Open { fault, node, ends: Instant::now() + lasts });
        true
    }

    fn end(&mut self, fault: Fault, node: usize) {
        match fault {
            ServerKilled => self.world.server.start(),
            CollectorKilled => self.world.nodes[node - 1].collector.start(),
            ServerStopped => self.world.server.signal(Signal::CONT),
            CollectorStopped => self.world.nodes[node - 1].collector.signal(Signal::CONT),
            ServerDiskFull => self.world.data.lighten(),
            StateDiskFull => self.world.nodes[node - 1].state.lighten(),
            LinkDown | RequestsLost | AnswersLost => net::mend(node, fault.cut()),
            ClockStepped | FileRemoved | PodRemoved => {}
        }
        if fault.disturbs() {
            self.world.nodes[node - 1].shared.calm();
        }
    }

    /// Loss that nothing can avoid: lines that cannot be sent are in files that the collector remembers; it is killed, and they are removed before it is back.
    fn remove(&mut self, node: usize, order: impl FnOnce(mpsc::Sender<Option<Doomed>>) -> Order) -> bool {
        net::cut(node, Cut::Both);
        self.rest(Duration::from_secs(2));
        let (sender, answer) = mpsc::channel();
        let asked = self.world.nodes[node - 1].orders.send(order(sender));
        let doomed = asked.ok().and_then(|()| answer.recv_timeout(Duration::from_secs(10)).ok().flatten());
        let state = self.world.nodes[node - 1].state_dir.clone();
        let known = doomed.as_ref().map(|doomed| memory::wait(&state, &doomed.path, || self.rest(Duration::from_millis(100))));
        match (&doomed, known) {
            (Some(doomed), Some(Ok(took))) => {
                self.memory.slowest = self.memory.slowest.max(took);
                self.lose(node, doomed);
            }
            (_, Some(Err(what))) => self.memory.failures.push(what),
            _ => {}
        }
        net::mend(node, Cut::Both);
        self.world.nodes[node - 1].shared.calm();
        doomed.is_some()
    }

    /// The collector is killed, and what is doomed is gone before it is back.
    fn lose(&mut self, node: usize, doomed: &Doomed) {
        self.world.nodes[node - 1].collector.kill();
        self.world.ledger.note(&doomed.notes);
        let removed = if doomed.path.is_dir() { std::fs::remove_dir_all(&doomed.path) } else { std::fs::remove_file(&doomed.path) };
        removed.expect("what is to go was there");
        self.world.nodes[node - 1].collector.start();
        self.rest(Duration::from_secs(1));
    }
}
