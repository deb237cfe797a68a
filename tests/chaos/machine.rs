//! A process under test that is killed, stopped and started again; its log lies in a file of the evidence.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// See the module.
pub(crate) struct Machine {
    name: String,
    /// How it is started.
    make: Box<dyn Fn() -> Command>,
    log: PathBuf,
    child: Option<Child>,
    /// It is meant to run.
    wanted: bool,
    /// Times that it ended by itself, and how it did the last time.
    pub(crate) own_ends: u32,
}

impl Machine {
    pub(crate) fn new(name: &str, log: PathBuf, make: impl Fn() -> Command + 'static) -> Self {
        Self { name: name.to_owned(), make: Box::new(make), log, child: None, wanted: false, own_ends: 0 }
    }

    pub(crate) fn start(&mut self) {
        let log = || OpenOptions::new().create(true).append(true).open(&self.log).expect("the log of a process");
        let mut command = (self.make)();
        command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(log()).stderr(log());
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", self.name)));
        self.wanted = true;
    }

    /// kill -9; it stays down until it is started.
    pub(crate) fn kill(&mut self) {
        self.wanted = false;
        if let Some(mut child) = self.child.take() {
            child.kill().expect("kill");
            child.wait().expect("its end");
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself just now.
            let _ = kill_process(pid, signal);
        }
    }

    /// Stops it in order; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.wanted = false;
        self.signal(Signal::TERM);
        self.child.take().and_then(|mut child| child.wait().expect("its end").code())
    }

    /// Starts it again when it has ended by itself, as an init system does; whether it had.
    pub(crate) fn supervise(&mut self) -> bool {
        let ended = self.wanted && self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|status| status.is_some()));
        if ended {
            self.own_ends += 1;
            self.start();
        }
        ended
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}
