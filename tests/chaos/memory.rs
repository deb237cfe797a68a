//! What a collector remembers of its node's files: its position file, read from outside. Whoever removes files that were not read waits until the collector remembers how
//! large they are; what it could not know, nobody can name. How long that takes is a figure of the report.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a collector may take to remember what it could see, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Before the body of a slot: magic, version, generation, length, CRC.
const HEADER_BYTES: usize = 28;

/// Whether the collector whose state is in this folder remembers everything below a folder or of a file of its node; else what it does not.
fn remembers(state: &Path, doomed: &Path) -> Result<(), String> {
    let known = remembered(state);
    for path in files(doomed) {
        let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let parts: Vec<String> = path.iter().rev().take(3).map(|part| part.to_string_lossy().into_owned()).collect();
        let [name, container, pod] = parts.as_slice() else { return Err(format!("{} is no log file", path.display())) };
        // Sizes are those of the text, also of a file that was compressed since.
        let enough = |file: &Value| name.ends_with(".gz") || file["size"].as_u64().is_some_and(|known| known >= size);
        let is_it = |file: &Value| {
            let of = |name: &str| file["stream"][name].as_str().unwrap_or_default().to_owned();
            format!("{}_{}_{}", of("namespace"), of("pod"), of("pod_uid")) == *pod
                && of("container") == *container
                && file["name"] == **name
        };
        if size > 0 && !known.iter().any(|file| is_it(file) && enough(file)) {
            let said: Vec<_> = known.iter().filter(|file| is_it(file)).map(|file| file["size"].clone()).collect();
            return Err(format!("{} has {size} bytes, remembered are {said:?}", path.display()));
        }
    }
    Ok(())
}

/// Waits for it; how long, or what is not remembered.
pub(crate) fn wait(state: &Path, doomed: &Path, mut rest: impl FnMut()) -> Result<Duration, String> {
    let began = Instant::now();
    loop {
        match remembers(state, doomed) {
            Ok(()) => return Ok(began.elapsed()),
            Err(what) if began.elapsed() > PATIENCE => return Err(what),
            Err(_) => rest(),
        }
    }
}

/// The files of the newer slot that can be read.
fn remembered(state: &Path) -> Vec<Value> {
    let slots = ["positions.0", "positions.1"].into_iter().filter_map(|name| {
        let bytes = std::fs::read(state.join(name)).ok()?;
        let (head, body) = bytes.split_at_checked(HEADER_BYTES)?;
        let generation = u64::from_le_bytes(head.get(8..16)?.try_into().ok()?);
        Some((generation, serde_json::from_slice::<Value>(body).ok()?))
    });
    let newest = slots.max_by_key(|(generation, _)| *generation);
    newest.and_then(|(_, body)| body["files"].as_array().cloned()).unwrap_or_default()
}

fn files(at: &Path) -> Vec<PathBuf> {
    if !at.is_dir() {
        return vec![at.to_path_buf()];
    }
    std::fs::read_dir(at).into_iter().flatten().flatten().flat_map(|entry| files(&entry.path())).collect()
}
