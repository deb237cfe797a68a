//! The kubelet's log rotation, ported step by step from `pkg/kubelet/logs/container_log_manager.go` (kubernetes 1.3x): `rotateLog` with
//! `cleanupUnusedLogs`, `removeExcessLogs`, `compressLog` and `rotateLatestLog`. Its policy is 10 MiB and five files; tests scale the size down.
//!
//! A stamp is a second of the kubelet's clock there; here each rotation is a second later than the one before, whenever it happens.

use super::pods::Container;
use flate2::{Compression, write::GzEncoder};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The policy: `containerLogMaxSize` and `containerLogMaxFiles`.
pub(crate) struct Kubelet {
    pub(crate) max_bytes: u64,
    pub(crate) max_files: usize,
}

impl Kubelet {
    /// One look at a container's log; true when it was rotated. `between` happens while the runtime still writes into the renamed file.
    pub(crate) fn look(&self, container: &mut Container, between: impl FnOnce(&mut Container)) -> bool {
        if fs::metadata(container.current()).unwrap().len() < self.max_bytes {
            return false;
        }
        let logs = remove_unused(rotated(container));
        let logs = self.remove_excess(logs);
        for log in logs.iter().filter(|log| !is(log, ".gz")) {
            compress(log);
        }
        container.rename();
        between(container);
        // `ReopenContainerLog`.
        container.reopen();
        true
    }

    /// The current file and the one that is about to be rotated are not counted.
    fn remove_excess(&self, mut logs: Vec<PathBuf>) -> Vec<PathBuf> {
        logs.sort();
        let kept = self.max_files.saturating_sub(2);
        for log in logs.drain(..logs.len().saturating_sub(kept)) {
            fs::remove_file(log).unwrap();
        }
        logs
    }
}

/// `0.log.*`.
fn rotated(container: &Container) -> Vec<PathBuf> {
    let prefix = format!("{}.log.", container.restart);
    let entries = fs::read_dir(&container.folder).unwrap().map(|entry| entry.unwrap());
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).map(|entry| entry.path()).collect()
}

/// What a kubelet that was killed left behind: unfinished compressions, and plain files whose compression is finished.
fn remove_unused(logs: Vec<PathBuf>) -> Vec<PathBuf> {
    let (used, unused): (Vec<_>, Vec<_>) = logs
        .iter()
        .cloned()
        .partition(|log| is(log, ".gz") || (!is(log, ".tmp") && !logs.contains(&PathBuf::from(format!("{}.gz", log.display())))));
    unused.into_iter().for_each(|log| fs::remove_file(log).unwrap());
    used
}

fn compress(log: &Path) {
    let temporary = PathBuf::from(format!("{}.tmp", log.display()));
    let mut encoder = GzEncoder::new(File::create(&temporary).unwrap(), Compression::default());
    encoder.write_all(&fs::read(log).unwrap()).unwrap();
    encoder.finish().unwrap();
    fs::rename(temporary, format!("{}.gz", log.display())).unwrap();
    fs::remove_file(log).unwrap();
}

fn is(log: &Path, suffix: &str) -> bool {
    log.to_string_lossy().ends_with(suffix)
}
