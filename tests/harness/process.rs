//! A process of the binary under test: its output is kept, and it dies with the test.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

pub(crate) struct Process {
    name: &'static str,
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `martlog ARGS` with a home of its own, so that no configuration of the machine is read.
    pub(crate) fn start(name: &'static str, args: &[&str], home: &Path) -> Self {
        Self::start_under(&[], name, args, home)
    }

    /// The same, started by another program with these arguments ahead.
    pub(crate) fn start_under(wrapper: &[&str], name: &'static str, args: &[&str], home: &Path) -> Self {
        let mut command = wrapper.iter().copied().chain([env!("CARGO_BIN_EXE_martlog")]).chain(args.iter().copied());
        let mut child = Command::new(command.next().expect("a program"))
            .args(command)
            .env_remove("RUST_LOG")
            .env("HOME", home)
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let (sender, lines) = mpsc::unbounded_channel();
        let stdout = keep(child.stdout.take().expect("stdout"), Some(sender));
        let stderr = keep(child.stderr.take().expect("stderr"), None);
        Self { name, child, lines, stdout, stderr }
    }

    /// Its number, while it runs.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("a running process")
    }

    /// The first line on stdout.
    pub(crate) async fn first_line(&mut self) -> String {
        self.next_line().await.unwrap_or_else(|| panic!("{} printed nothing; stderr:\n{}", self.name, self.stderr()))
    }

    /// The next line on stdout; `None` at its end.
    pub(crate) async fn next_line(&mut self) -> Option<String> {
        tokio::time::timeout(super::PATIENCE, self.lines.recv()).await.unwrap_or_else(|_| panic!("{} printed no line in time", self.name))
    }

    /// Waits for its end; the exit code, `None` after a signal.
    pub(crate) async fn wait(&mut self) -> Option<i32> {
        let status = tokio::time::timeout(super::PATIENCE * 5, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("{} did not end; stderr:\n{}", self.name, self.stderr()));
        // The readers of its output end with it; give them a turn.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        status.expect("a status").code()
    }

    /// kill -9.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("kill");
    }

    /// The most memory that it ever held, bytes.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// A signal such as SIGINT.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
        rustix::process::kill_process(pid, signal).expect("the signal is sent");
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().expect("stdout").clone()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().expect("stderr").clone()
    }
}

/// Reads a pipe to its end; lines go to the sender, too.
fn keep(pipe: impl AsyncRead + Unpin + Send + 'static, sender: Option<mpsc::UnboundedSender<String>>) -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let into = kept.clone();
    tokio::spawn(async move {
        let mut lines = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(mut text) = into.lock() {
                text.push_str(&line);
                text.push('\n');
            }
            if let Some(sender) = &sender {
                let _ = sender.send(line);
            }
        }
    });
    kept
}

/// Runs `martlog ARGS` to its end: exit code, stdout, stderr.
pub(crate) async fn run(args: &[&str], home: &Path) -> (Option<i32>, String, String) {
    let mut process = Process::start("martlog", args, home);
    let code = process.wait().await;
    (code, process.stdout(), process.stderr())
}
