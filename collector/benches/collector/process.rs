//! This program started again as a collector or a server, and what such a process has used, read from `/proc`: CPU in seconds, memory in bytes.

use crate::Outcome;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// What a process has used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system together, s.
    pub(crate) cpu_s: f64,
    /// The resident set, bytes.
    pub(crate) resident: u64,
    /// The largest that it was, bytes.
    pub(crate) peak: u64,
}

/// A process, which ends with this value.
pub(crate) struct Child {
    process: std::process::Child,
    input: std::cell::RefCell<Option<ChildStdin>>,
    output: std::cell::RefCell<BufReader<ChildStdout>>,
    /// The first line that it said: the server's address.
    pub(crate) said: String,
}

impl Usage {
    /// Of a process by its id, or of `self`.
    #[allow(clippy::cast_precision_loss, reason = "ticks of a benchmark")]
    pub(crate) fn of(process: &str) -> Self {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
        let (stat, status) = (read("stat"), read("status"));
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        let size = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Self {
            cpu_s: (ticks(11) + ticks(12)) as f64 / rustix::param::clock_ticks_per_second() as f64,
            resident: size("VmRSS:"),
            peak: size("VmHWM:"),
        }
    }

    /// As one line, for [`Self::parse`].
    pub(crate) fn line(&self) -> String {
        format!("{} {} {}", self.cpu_s, self.resident, self.peak)
    }

    /// The words of [`Self::line`].
    pub(crate) fn parse(words: &[String]) -> Outcome<Self> {
        let [cpu_s, resident, peak] = words else { return Err("these are no figures of a process".into()) };
        Ok(Self { cpu_s: cpu_s.parse()?, resident: resident.parse()?, peak: peak.parse()? })
    }
}

impl Child {
    /// A null server; it has said its address.
    pub(crate) fn server() -> Outcome<Self> {
        let mut child = Self::start(&["server"])?;
        child.said = child.line()?;
        Ok(child)
    }

    /// A collector; `how` is `once` or `live`.
    pub(crate) fn collector(root: &Path, state: &Path, url: &str, how: &str) -> Outcome<Self> {
        Self::start(&["collector", &root.to_string_lossy(), &state.to_string_lossy(), url, how])
    }

    fn start(role: &[&str]) -> Outcome<Self> {
        let mut process =
            Command::new(std::env::current_exe()?).arg("--role").args(role).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take().ok_or("there is no standard output")?);
        Ok(Self { process, input: input.into(), output: BufReader::new(output).into(), said: String::new() })
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(&self.process.id().to_string())
    }

    /// The next line that it says.
    pub(crate) fn line(&self) -> Outcome<String> {
        let mut line = String::new();
        self.output.borrow_mut().read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    /// Asks a server; one line for one line.
    pub(crate) fn ask(&self, question: &str) -> Outcome<Vec<String>> {
        let mut input = self.input.borrow_mut();
        writeln!(input.as_mut().ok_or("it was told to end")?, "{question}")?;
        Ok(self.line()?.split_ascii_whitespace().map(str::to_owned).collect())
    }

    /// Waits until a server has so many records.
    pub(crate) fn until_records(&self, count: u64) -> Outcome<()> {
        let begun = std::time::Instant::now();
        loop {
            let has: u64 = self.ask("records")?.first().ok_or("the server said nothing")?.parse()?;
            if has >= count {
                return Ok(());
            }
            if begun.elapsed().as_secs() > 120 {
                return Err(format!("the server has {has} of {count} records after 120 s").into());
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Tells it to end; the words of its last line.
    pub(crate) fn end(mut self) -> Outcome<Vec<String>> {
        self.input.borrow_mut().take();
        let last = self.line()?;
        self.process.wait()?;
        Ok(last.split_ascii_whitespace().map(str::to_owned).collect())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
