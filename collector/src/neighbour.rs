//! What a process asks of its node before it collects, so that many files and little memory go together. Settings of the whole process: the program calls this,
//! the library never does.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes as many open files as the process may have (each followed file is one), and pages of the usual size only: in huge ones what was freed
/// stays resident, which doubles a collector's memory. How many files may be open now; `None` without a limit.
pub fn prepare_process() -> Option<u64> {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "the kernel keeps its huge pages; the collector takes more memory than it needs");
    }
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, open_files = limit.current, "the limit of open files cannot be raised; beyond it files wait for others to end");
            limit.current
        }
    }
}
