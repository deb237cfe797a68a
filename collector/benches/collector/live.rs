//! A node that goes on writing: pods that are born, and one that is loud.

use crate::process::Child;
use crate::{Outcome, pods};
use chrono::{SecondsFormat, Utc};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the loud pod writes in a second, bytes.
const LOUD_BYTES: usize = 50_000_000;
/// When its file is rotated, and how many rotations are kept, as the kubelet does.
const ROTATE_BYTES: usize = 10 << 20;
const ROTATIONS: usize = 4;

/// What a collector uses of a core during ten seconds, in which `each_second` is done every second.
pub(crate) fn share_of_core(collector: &Child, each_second: impl Fn(u32) -> Outcome<()>) -> Outcome<f64> {
    let (before, begun) = (collector.usage(), Instant::now());
    for second in 0..10 {
        each_second(second)?;
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok((collector.usage().cpu_s - before.cpu_s) / begun.elapsed().as_secs_f64())
}

/// All current files below a folder of pods.
pub(crate) fn logs(root: &Path) -> Outcome<Vec<PathBuf>> {
    std::fs::read_dir(root)?.map(|pod| Ok(pod?.path().join("app/0.log"))).collect()
}

/// One line more in each file.
pub(crate) fn grow(files: &[PathBuf]) -> Outcome<()> {
    for file in files {
        OpenOptions::new().append(true).open(file)?.write_all(line("a line more").as_bytes())?;
    }
    Ok(())
}

/// A line of now.
fn line(message: &str) -> String {
    let now = Utc::now();
    format!(
        "{} stdout F {{\"timestamp\":\"{}\",\"level\":\"info\",\"message\":\"{message}\"}}\n",
        now.to_rfc3339_opts(SecondsFormat::Nanos, true),
        now.to_rfc3339_opts(SecondsFormat::Micros, true)
    )
}

fn new_pod(root: &Path, namespace: &str, number: usize) -> Outcome<File> {
    let folder = root.join(format!("{namespace}_pod-{number}_5b1c9d0e-8f6a-4c58-9f57-{number:012x}/app"));
    std::fs::create_dir_all(&folder)?;
    Ok(OpenOptions::new().create(true).append(true).open(folder.join("0.log"))?)
}

/// How soon a new pod's first line is acknowledged, beside 1,000 files that lie there.
pub(crate) fn birth(dir: &Path) -> Outcome<()> {
    const BORN: usize = 60;
    println!("### A new pod's first line, printed to acknowledged\n");
    println!("| other files | new pods | p50 ms | p99 ms | worst ms |");
    println!("|---:|---:|---:|---:|---:|");
    for files in [1_000, 10_000] {
        let folder = tempfile::Builder::new().prefix("collector").tempdir_in(dir)?;
        let root = folder.path().join("pods");
        let written = pods(&root, 200_000, files, 0)?;
        let server = Child::server()?;
        let collector = Child::collector(&root, &folder.path().join("state"), &server.said, "live")?;
        server.until_records(written.lines)?;
        for number in 0..BORN {
            new_pod(&root, "probe", number)?.write_all(line("hello").as_bytes())?;
            std::thread::sleep(Duration::from_millis(137));
        }
        server.until_records(written.lines + BORN as u64)?;
        println!("| {files} | {} |", server.ask("delays")?.join(" | "));
        collector.end()?;
    }
    println!();
    Ok(())
}

/// How late the lines of twenty quiet pods are beside one that writes 50 MB/s and is rotated every 10 MiB.
pub(crate) fn noise(dir: &Path, seconds: u64) -> Outcome<()> {
    let folder = tempfile::Builder::new().prefix("collector").tempdir_in(dir)?;
    let root = folder.path().join("pods");
    let sample = folder.path().join("sample");
    pods(&sample, 20_000, 1, 50)?;
    let sample = std::fs::read(logs(&sample)?.remove(0))?;
    let mut loud = new_pod(&root, "loud", 999)?;
    let mut quiet = (0..20).map(|number| new_pod(&root, "probe", number)).collect::<Outcome<Vec<File>>>()?;
    let server = Child::server()?;
    let collector = Child::collector(&root, &folder.path().join("state"), &server.said, "live")?;
    println!("### Twenty quiet pods with ten lines a second each, printed to acknowledged\n");
    println!("| beside | lines | p50 ms | p99 ms | worst ms | collector % of a core | loud lines acknowledged | gaps |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for (name, tick_bytes) in [("nothing", 0), ("a pod that writes 50 MB/s", LOUD_BYTES / 100)] {
        let _ = server.ask("delays")?;
        let (before, records, begun) = (collector.usage(), server.ask("records")?, Instant::now());
        let mut node = Loud { file: &mut loud, sample: &sample, at: 0, written: 0, lines: 0, rotated: Vec::new(), root: &root };
        let mut ticks = 0_u32;
        while begun.elapsed().as_secs() < seconds {
            node.write(tick_bytes)?;
            if ticks.is_multiple_of(10) {
                quiet.iter_mut().try_for_each(|file| file.write_all(line("quiet").as_bytes()))?;
            }
            ticks += 1;
            std::thread::sleep((Duration::from_millis(10) * ticks).saturating_sub(begun.elapsed()));
        }
        let cpu = (collector.usage().cpu_s - before.cpu_s) / begun.elapsed().as_secs_f64();
        let lines = node.lines;
        std::thread::sleep(Duration::from_secs(3));
        let delays = server.ask("delays")?;
        let after = server.ask("records")?;
        let count = |said: &[String], at: usize| said.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        let probes = count(&delays, 0);
        println!(
            "| {name} | {} | {:.0} | {} of {lines} | {} |",
            delays.join(" | "),
            cpu * 100.0,
            count(&after, 0).saturating_sub(count(&records, 0) + probes),
            count(&after, 1).saturating_sub(count(&records, 1)),
        );
    }
    println!();
    collector.end()?;
    Ok(())
}

/// What the loud pod writes in a second while the server is away, bytes: it is rotated, and a rotation vanishes, every ten seconds.
const OUTAGE_BYTES: usize = 1_000_000;

/// Memory while the server is away: one file in a hundred grows every second, and a pod is rotated until its files vanish unread.
pub(crate) fn outage(dir: &Path, files: usize, minutes: u32) -> Outcome<()> {
    let folder = tempfile::Builder::new().prefix("collector").tempdir_in(dir)?;
    let root = folder.path().join("pods");
    let written = pods(&root, 400_000, files, 50)?;
    let sample = std::fs::read(logs(&root)?.remove(0))?;
    let server = Child::server()?;
    let collector = Child::collector(&root, &folder.path().join("state"), &server.said, "live")?;
    server.until_records(written.lines)?;
    let some = logs(&root)?.into_iter().step_by(100).collect::<Vec<_>>();
    let mut loud = new_pod(&root, "loud", 999)?;
    let mut node = Loud { file: &mut loud, sample: &sample, at: 0, written: 0, lines: 0, rotated: Vec::new(), root: &root };
    println!("### {} files, and no server\n", written.files);
    println!("| minutes | resident MiB | peak MiB | % of a core | spool MB |");
    println!("|---:|---:|---:|---:|---:|");
    drop(server);
    for minute in 0..=minutes {
        let before = collector.usage();
        if minute > 0 {
            let begun = Instant::now();
            for second in 1..=60 {
                grow(&some)?;
                node.write(OUTAGE_BYTES)?;
                std::thread::sleep((Duration::from_secs(1) * second).saturating_sub(begun.elapsed()));
            }
        }
        let after = collector.usage();
        let spool: u64 = std::fs::read_dir(folder.path().join("state/spool"))
            .map(|files| files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len())).sum())
            .unwrap_or(0);
        println!(
            "| {minute} | {:.1} | {:.1} | {:.1} | {:.0} |",
            crate::mib(after.resident),
            crate::mib(after.peak),
            (after.cpu_s - before.cpu_s) / 0.6,
            crate::mb(spool)
        );
    }
    println!();
    collector.end()?;
    Ok(())
}

/// The loud pod: lines of a sample over and over, each with a time of its own.
struct Loud<'a> {
    file: &'a mut File,
    sample: &'a [u8],
    at: usize,
    written: usize,
    lines: u64,
    rotated: Vec<PathBuf>,
    root: &'a Path,
}

impl Loud<'_> {
    fn write(&mut self, bytes: usize) -> Outcome<()> {
        let mut wanted = bytes;
        while wanted > 0 {
            let rest = self.sample.get(self.at..).unwrap_or_default();
            let end = rest.iter().take(wanted.max(8 << 10)).rposition(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            let block = rest.get(..end).unwrap_or_default();
            // A file is known by its first line, so each begins with one of its own.
            if self.written == 0 {
                self.file.write_all(line("the first line of a loud file").as_bytes())?;
                self.lines += 1;
            }
            self.file.write_all(block)?;
            self.lines += block.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.written += block.len();
            self.at = if self.at + end >= self.sample.len() { 0 } else { self.at + end };
            wanted = wanted.saturating_sub(block.len().max(1));
        }
        if self.written >= ROTATE_BYTES { self.rotate() } else { Ok(()) }
    }

    fn rotate(&mut self) -> Outcome<()> {
        let folder = std::fs::read_dir(self.root)?
            .filter_map(Result::ok)
            .find(|pod| pod.file_name().to_string_lossy().starts_with("loud_"))
            .ok_or("the loud pod is gone")?
            .path()
            .join("app");
        // A stamp is a second, and this one rotates five times in one: its stamps run ahead.
        let name = format!("0.log.{}", Utc::now().format("%Y%m%d-%H%M%S"));
        let mut to = folder.join(&name);
        let mut second = 1;
        while to.exists() {
            to = folder.join(format!("0.log.{}", (Utc::now() + chrono::Duration::seconds(second)).format("%Y%m%d-%H%M%S")));
            second += 1;
        }
        std::fs::rename(folder.join("0.log"), &to)?;
        *self.file = OpenOptions::new().create(true).append(true).open(folder.join("0.log"))?;
        self.rotated.push(to);
        if self.rotated.len() > ROTATIONS {
            std::fs::remove_file(self.rotated.remove(0))?;
        }
        self.written = 0;
        Ok(())
    }
}
