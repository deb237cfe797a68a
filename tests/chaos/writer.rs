//! A node's containers and its kubelet, in one thread: prints lines, rotates, restarts containers, makes and deletes pods, and notes all of it in the ledger.
//!
//! Invariants: whoever writes a file also moves it, so no line falls between a copy and a cut; a record's lines are written at once, pieces of it may lie in two files.

use crate::kubelet::Kubelet;
use crate::ledger::{self, Ledger};
use crate::node::Node;
use crate::pods::{Container, Extent};
use crate::text::{self, Id, Kind};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// The kubelet's 10 MiB, scaled down by the lines that a node prints in a second, so that a container's file lasts for some 15 s to a minute.
const BYTES_A_LINE_A_SECOND: u64 = 2 << 10;
/// Namespaces, and instances: answers name a hundred gaps of an instance.
pub(crate) const NAMESPACES: u32 = 24;
/// Pods of a node at a time.
const PODS: usize = 6;
const TICK: Duration = Duration::from_millis(25);
/// A pod's last lines are there for so long before it is deleted: a collector has looked, and saved what it saw.
pub(crate) const REST: Duration = Duration::from_secs(14);

/// How a container's files are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moves {
    /// By the kubelet, and lines cross from file to file.
    Crossing,
    /// By the kubelet, between lines.
    Kubelet,
    /// Copied, and cut in place.
    Copytruncate,
}

/// What the one who makes faults asks for.
pub(crate) enum Order {
    /// A file that is rotated, with lines that were not there before: to be removed.
    Rotate(Sender<Option<Doomed>>),
    /// A pod that prints no more: to be removed.
    Silence(Sender<Option<Doomed>>),
}

/// What is about to be removed, and how the ledger calls it.
pub(crate) struct Doomed {
    pub(crate) path: PathBuf,
    pub(crate) notes: String,
}

struct Unit {
    stream: u32,
    name: &'static str,
    moves: Moves,
    container: Container,
    ordinals: [u32; 2],
    weight: u32,
    restart_at: Instant,
}

struct Pod {
    folder: PathBuf,
    /// Namespace, name, UID.
    words: [String; 3],
    units: Vec<Unit>,
    /// Of all lives of its containers.
    streams: Vec<u32>,
    dies_at: Instant,
    /// Prints no more since then, and its node is reserved.
    silent: Option<Instant>,
}

/// See the module.
pub(crate) struct Writer {
    node: Arc<Node>,
    ledger: Arc<Ledger>,
    orders: Receiver<Order>,
    rng: StdRng,
    /// Lines a second.
    rate: u32,
    kubelet: Kubelet,
    pods: Vec<Pod>,
    born: u32,
    /// What happened, by name.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

static STREAMS: AtomicU32 = AtomicU32::new(0);

impl Writer {
    pub(crate) fn new(node: Arc<Node>, ledger: Arc<Ledger>, orders: Receiver<Order>, seed: u64, rate: u32) -> Self {
        let kubelet = Kubelet { max_bytes: u64::from(rate) * BYTES_A_LINE_A_SECOND, max_files: 5 };
        let rng = StdRng::seed_from_u64(seed ^ node.number as u64);
        Self { node, ledger, orders, rng, rate, kubelet, pods: Vec::new(), born: 0, counts: BTreeMap::new() }
    }

    /// Prints until the node is told to stop; what happened.
    pub(crate) fn run(mut self) -> BTreeMap<&'static str, u64> {
        let began = Instant::now();
        let mut printed = 0;
        while !self.node.over.load(Ordering::Relaxed) {
            let due = (began.elapsed().as_secs_f64() * f64::from(self.rate)) as u64;
            self.keep_pods();
            while printed < due {
                printed += self.print_somewhere();
            }
            self.obey();
            self.flush_notes();
            std::thread::sleep(TICK);
        }
        self.flush_notes();
        self.ledger.sync();
        self.counts
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn flush_notes(&mut self) {
        let mut text = String::new();
        for unit in self.pods.iter_mut().flat_map(|pod| &mut pod.units) {
            unit.container.notes.drain(..).for_each(|note| writeln!(text, "{note}").unwrap());
        }
        self.ledger.note(&text);
    }

    /// Makes, restarts and deletes pods whose time has come.
    fn keep_pods(&mut self) {
        while self.pods.len() < PODS {
            let pod = self.new_pod();
            self.pods.push(pod);
            self.count("pods created");
        }
        let now = Instant::now();
        for at in 0..self.pods.len() {
            if self.pods[at].silent.is_none() && self.pods[at].dies_at <= now && self.node.reserve() {
                self.pods[at].silent = Some(now);
            }
            for unit in 0..self.pods[at].units.len() {
                if self.pods[at].silent.is_none() && self.pods[at].units[unit].restart_at <= now {
                    self.restart(at, unit);
                }
            }
        }
        while let Some(at) = self.pods.iter().position(|pod| pod.silent.is_some_and(|since| since + REST <= now)) {
            self.flush_notes();
            let pod = self.pods.remove(at);
            self.ledger.note(&pod.obituary("pod"));
            std::fs::remove_dir_all(&pod.folder).expect("a deleted pod");
            self.node.release();
            self.count("pods deleted");
        }
    }

    fn new_pod(&mut self) -> Pod {
        self.born += 1;
        let namespace = format!("ns-{}", (self.born * 2 + u32::try_from(self.node.number).unwrap()) % NAMESPACES);
        let name = format!("app-{}-{}", self.node.number, self.born);
        let uid = format!("00000000-0000-4000-8000-{:04}{:08}", self.node.number, self.born);
        let folder = self.node.pods.join(format!("{namespace}_{name}_{uid}"));
        let life = Duration::from_secs(self.rng.random_range(60..240));
        let mut pod = Pod {
            folder,
            words: [namespace, name, uid],
            units: Vec::new(),
            streams: Vec::new(),
            dies_at: Instant::now() + life,
            silent: None,
        };
        // A line that crosses into a file that is removed on purpose would be torn: half of the pods rotate between lines.
        let moves = if self.born.is_multiple_of(2) { Moves::Crossing } else { Moves::Kubelet };
        let weight = if self.born.is_multiple_of(3) { 6 } else { 2 };
        let app = self.unit(&mut pod, "app", 0, moves, weight);
        pod.units.push(app);
        if self.born.is_multiple_of(2) {
            let side = self.unit(&mut pod, "side", 0, Moves::Copytruncate, 2);
            pod.units.push(side);
        }
        pod
    }

    /// A container's life.
    fn unit(&mut self, pod: &mut Pod, name: &'static str, restart: u32, moves: Moves, weight: u32) -> Unit {
        let stream = STREAMS.fetch_add(1, Ordering::Relaxed);
        pod.streams.push(stream);
        self.ledger.note(&format!("stream {stream} node-{} {} {name} {restart}\n", self.node.number, pod.words.join(" ")));
        let restart_at = Instant::now() + Duration::from_secs(self.rng.random_range(20..120));
        Unit {
            stream,
            name,
            moves,
            container: Container::create(stream, pod.folder.join(name), restart),
            ordinals: [0; 2],
            weight,
            restart_at,
        }
    }

    /// The container ends, half of the times in the middle of a line, and begins again.
    fn restart(&mut self, pod: usize, unit: usize) {
        if self.rng.random_bool(0.5) {
            let id = self.pods[pod].units[unit].next(0);
            let length = self.rng.random_range(20..400);
            let line = cri(&self.node.stamp(), 0, 'P', &text::message(Kind::Text, id, length));
            let extent = self.pods[pod].units[unit].container.write(line.as_bytes());
            self.note(pod, unit, id, Kind::Text, length, &[extent]);
            self.count("lines without an end");
        }
        self.flush_notes();
        let mut pod_of = self.pods.swap_remove(pod);
        let Unit { name, moves, weight, ref container, .. } = pod_of.units[unit];
        let restart = container.restart + 1;
        pod_of.units[unit] = self.unit(&mut pod_of, name, restart, moves, weight);
        self.pods.push(pod_of);
        let last = self.pods.len() - 1;
        self.pods.swap(pod, last);
        self.count("containers restarted");
    }

    /// One of the lines that are due, or a few that belong together.
    fn print_somewhere(&mut self) -> u64 {
        let speaking: Vec<(usize, usize, u32)> = self
            .pods
            .iter()
            .enumerate()
            .filter(|(_, pod)| pod.silent.is_none())
            .flat_map(|(at, pod)| pod.units.iter().enumerate().map(move |(unit, known)| (at, unit, known.weight)))
            .collect();
        let total: u32 = speaking.iter().map(|(.., weight)| weight).sum();
        if total == 0 {
            return 1;
        }
        let mut dice = self.rng.random_range(0..total);
        let (pod, unit, _) = speaking
            .into_iter()
            .find(|(.., weight)| {
                let hit = dice < *weight;
                dice = dice.saturating_sub(*weight);
                hit
            })
            .expect("a container");
        let count = self.print(pod, unit);
        if self.pods[pod].units[unit].container.size() >= self.kubelet.max_bytes {
            self.rotate(pod, unit);
        }
        count
    }

    fn print(&mut self, pod: usize, unit: usize) -> u64 {
        let substream = usize::from(self.rng.random_bool(0.25));
        match self.rng.random_range(0..100) {
            0..75 => self.whole(pod, unit, substream, Kind::Json),
            75..85 => self.whole(pod, unit, substream, Kind::Text),
            85..92 => self.whole(pod, unit, substream, Kind::Trace),
            _ => return self.pieces(pod, unit, substream),
        }
        1
    }

    fn whole(&mut self, pod: usize, unit: usize, substream: usize, kind: Kind) {
        let id = self.pods[pod].units[unit].next(substream);
        let length = self.rng.random_range(20..260);
        let stamp = self.node.stamp();
        let bytes: String = text::printed(kind, id, length, &stamp).iter().map(|line| cri(&stamp, substream, 'F', line)).collect();
        let extent = self.pods[pod].units[unit].container.write(bytes.as_bytes());
        self.note(pod, unit, id, kind, length, &[extent]);
    }

    /// A long line in pieces, and what the other substream prints between them.
    fn pieces(&mut self, pod: usize, unit: usize, substream: usize) -> u64 {
        let kind = if self.rng.random_bool(0.5) { Kind::Json } else { Kind::Text };
        let (id, length) = (self.pods[pod].units[unit].next(substream), self.rng.random_range(500..6_000));
        let stamp = self.node.stamp();
        let line = text::printed(kind, id, length, &stamp).remove(0);
        let count = self.rng.random_range(2..5_usize);
        let mut printed = 1;
        let mut whole: Option<Extent> = None;
        for (at, piece) in cut(&line, count).into_iter().enumerate() {
            let tag = if at + 1 == count { 'F' } else { 'P' };
            let extent = self.pods[pod].units[unit].container.write(cri(&stamp, substream, tag, piece).as_bytes());
            whole = Some(whole.map_or(extent, |whole| Extent { to: extent.to, ..whole }));
            if tag == 'P' && self.rng.random_bool(0.5) {
                self.whole(pod, unit, 1 - substream, Kind::Json);
                printed += 1;
            }
        }
        self.note(pod, unit, id, kind, length, &[whole.expect("pieces")]);
        self.count("lines in pieces");
        printed
    }

    fn rotate(&mut self, pod: usize, unit: usize) {
        match self.pods[pod].units[unit].moves {
            Moves::Copytruncate => {
                self.pods[pod].units[unit].container.copytruncate();
                return self.count("copies and cuts");
            }
            Moves::Kubelet => drop(self.kubelet.look(&mut self.pods[pod].units[unit].container, |_| ())),
            Moves::Crossing => self.rotate_under_a_line(pod, unit),
        }
        let packed = self.pods[pod].units[unit].container.swept();
        self.count("rotations");
        *self.counts.entry("files compressed").or_default() += packed as u64;
    }

    /// A line in three pieces: into the file before, during and after its renaming.
    fn rotate_under_a_line(&mut self, pod: usize, unit: usize) {
        let (id, length) = (self.pods[pod].units[unit].next(0), self.rng.random_range(200..2_000));
        let stamp = self.node.stamp();
        let line = text::printed(Kind::Json, id, length, &stamp).remove(0);
        let pieces = cut(&line, 3);
        let container = &mut self.pods[pod].units[unit].container;
        let before = container.write(cri(&stamp, 0, 'P', pieces[0]).as_bytes());
        let mut during = before;
        self.kubelet.look(container, |container| during = container.write(cri(&stamp, 0, 'P', pieces[1]).as_bytes()));
        let after = container.write(cri(&stamp, 0, 'F', pieces[2]).as_bytes());
        self.note(pod, unit, id, Kind::Json, length, &[Extent { to: during.to, ..before }, after]);
        self.count("lines across files");
    }

    fn note(&mut self, pod: usize, unit: usize, id: Id, kind: Kind, length: usize, pieces: &[Extent]) {
        // What the pieces lie in is noted before them.
        let container = &mut self.pods[pod].units[unit].container;
        let mut text: String = container.notes.drain(..).map(|note| note + "\n").collect();
        text.push_str(&ledger::line(id, kind, length, pieces));
        self.ledger.note(&text);
        *self.counts.entry("lines").or_default() += 1;
    }

    /// Does what is asked for.
    fn obey(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Rotate(answer) => drop(answer.send(self.doom_file())),
                Order::Silence(answer) => drop(answer.send(self.doom_pod())),
            }
        }
    }

    /// Fills the rest of a container's file, has it rotated, and lets go of it.
    fn doom_file(&mut self) -> Option<Doomed> {
        let pod = self.pods.iter().position(|pod| pod.silent.is_none() && pod.units[0].moves == Moves::Kubelet)?;
        while self.pods[pod].units[0].container.size() < self.kubelet.max_bytes {
            self.print(pod, 0);
        }
        self.rotate(pod, 0);
        self.flush_notes();
        let container = &mut self.pods[pod].units[0].container;
        let (number, path) = container.youngest_rotated()?;
        container.forget(number);
        Some(Doomed { path, notes: format!("gone {number} purpose\n") })
    }

    /// A pod that prints no more and is no longer this writer's.
    fn doom_pod(&mut self) -> Option<Doomed> {
        let at = self.pods.iter().position(|pod| pod.silent.is_none())?;
        for unit in 0..self.pods[at].units.len() {
            for _ in 0..50 {
                self.print(at, unit);
            }
        }
        self.flush_notes();
        let pod = self.pods.remove(at);
        Some(Doomed { notes: pod.obituary("purpose"), path: pod.folder })
    }
}

impl Pod {
    /// That all its files are gone.
    fn obituary(&self, why: &str) -> String {
        self.streams.iter().map(|stream| format!("buried {stream} {why}\n")).collect()
    }
}

impl Unit {
    fn next(&mut self, substream: usize) -> Id {
        let ordinal = self.ordinals[substream];
        self.ordinals[substream] += 1;
        Id { stream: self.stream, substream, ordinal }
    }
}

/// A CRI line.
fn cri(stamp: &str, substream: usize, tag: char, text: &str) -> String {
    format!("{stamp} {} {tag} {text}\n", if substream == 0 { "stdout" } else { "stderr" })
}

/// Cuts an ASCII text into so many pieces.
fn cut(text: &str, count: usize) -> Vec<&str> {
    let step = text.len() / count;
    (0..count).map(|at| &text[at * step..if at + 1 == count { text.len() } else { (at + 1) * step }]).collect()
}
