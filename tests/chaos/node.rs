//! What the threads share of a node: its clock, and whether its collector is to be left in peace.
//!
//! A pod is deleted, as kubelets do, when its last lines have been there for a while. What nobody can name is spared: bytes that were written and removed while
//! no collector was there to see them. So whoever removes files *reserves* the node, and whoever kills, stops or starves its collector *disturbs* it; each waits for the
//! other, and both may happen at any time to what is not under way.

use chrono::{DateTime, SecondsFormat, Utc};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module.
pub(crate) struct Node {
    pub(crate) number: usize,
    /// The folder of pods.
    pub(crate) pods: PathBuf,
    /// Read by the library that shifts the collector's clock.
    pub(crate) clock_file: PathBuf,
    /// Print no more.
    pub(crate) over: AtomicBool,
    /// What the node's clock is ahead of the true time, s.
    ahead: AtomicI64,
    peace: Mutex<Peace>,
}

#[derive(Debug, Default)]
struct Peace {
    reserved: u32,
    disturbed: u32,
}

impl Node {
    pub(crate) fn new(number: usize, pods: PathBuf, clock_file: PathBuf) -> Self {
        let node = Self { number, pods, clock_file, over: AtomicBool::new(false), ahead: AtomicI64::new(0), peace: Mutex::default() };
        node.step_clock(0);
        node
    }

    /// Sets the clock of collector and containers so many seconds ahead.
    pub(crate) fn step_clock(&self, ahead: i64) {
        let fresh = self.clock_file.with_extension("new");
        std::fs::write(&fresh, format!("{ahead:+}\n")).expect("the clock's file");
        std::fs::rename(fresh, &self.clock_file).expect("the clock's file");
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// The node's time as runtimes write it.
    pub(crate) fn stamp(&self) -> String {
        let now: DateTime<Utc> = Utc::now() + chrono::Duration::seconds(self.ahead.load(Ordering::Relaxed));
        now.to_rfc3339_opts(SecondsFormat::Nanos, true)
    }

    fn peace(&self) -> MutexGuard<'_, Peace> {
        self.peace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The collector is left in peace from now on, unless it is disturbed.
    pub(crate) fn reserve(&self) -> bool {
        let mut peace = self.peace();
        let free = peace.disturbed == 0;
        peace.reserved += u32::from(free);
        free
    }

    pub(crate) fn release(&self) {
        self.peace().reserved -= 1;
    }

    /// The collector is disturbed from now on, unless somebody needs it.
    pub(crate) fn disturb(&self) -> bool {
        let mut peace = self.peace();
        let free = peace.reserved == 0;
        peace.disturbed += u32::from(free);
        free
    }

    pub(crate) fn calm(&self) {
        self.peace().disturbed -= 1;
    }
}
