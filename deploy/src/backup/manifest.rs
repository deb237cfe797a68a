//! The manifest of a backup: `backup.json`, written last. What it names is there, whole; a backup that was copied back is known by its catalog, not by this.

use super::copy::{is_plain, read, sync};
use martlog_indexer::MANIFEST;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The version of the manifest's form.
const VERSION: u32 = 1;
/// Faults that are told; more add nothing.
const FAULTS_MAX: usize = 20;

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The version of this form.
    martlog_backup: u32,
    /// The version of the program.
    version: String,
    /// When, RFC 3339.
    pub(super) made_at: String,
    /// The epoch of the store; one that is restored from this has another.
    epoch: u64,
    /// The newest record of the write-ahead log in it.
    lsn: u64,
    /// Every file, ascending by path.
    pub(super) files: Vec<Entry>,
}

/// A file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Below the backup's folder, with `/`.
    pub(super) path: String,
    /// Its length.
    pub(super) bytes: u64,
    /// The hash of its bytes, hexadecimal.
    pub(super) sha256: String,
}

impl Manifest {
    pub(super) fn new(epoch: u64, lsn: u64, files: Vec<Entry>) -> Self {
        let made_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        Self { martlog_backup: VERSION, version: env!("CARGO_PKG_VERSION").to_owned(), made_at, epoch, lsn, files }
    }

    /// Writes it beside, syncs and renames: it is whole or not there.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let beside = dir.join(format!("{MANIFEST}.new"));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&beside, dir.join(MANIFEST))?;
        sync(dir)
    }
}

/// The manifest of a whole backup, or what is wrong with it.
pub(super) fn verify(dir: &Path) -> Result<Manifest, Vec<String>> {
    let path = dir.join(MANIFEST);
    let text = fs::read(&path).map_err(|error| {
        vec![format!("{} is no whole backup: its manifest cannot be read ({error}), and that is written last", dir.display())]
    })?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| vec![format!("{} is damaged: {error}", path.display())])?;
    if manifest.martlog_backup != VERSION {
        return Err(vec![format!(
            "{} has form {}, and this version reads form {VERSION}: use a newer one",
            path.display(),
            manifest.martlog_backup
        )]);
    }
    let mut faults: Vec<String> = manifest.files.iter().filter_map(|entry| fault(dir, entry)).collect();
    faults.extend(strangers(dir, &manifest));
    let more = faults.len().saturating_sub(FAULTS_MAX);
    faults.truncate(FAULTS_MAX);
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    if faults.is_empty() { Ok(manifest) } else { Err(faults) }
}

fn fault(dir: &Path, entry: &Entry) -> Option<String> {
    if !is_plain(&entry.path) {
        return Some(format!("the manifest names {:?}, which lies elsewhere", entry.path));
    }
    let path = dir.join(&entry.path);
    match read(&path, |_, _| Ok(())) {
        Err(error) => Some(format!("{} cannot be read: {error}", path.display())),
        Ok((bytes, _)) if bytes != entry.bytes => Some(format!("{} has {bytes} bytes, not {}", path.display(), entry.bytes)),
        Ok((_, sha256)) if sha256 != entry.sha256 => Some(format!("{} has other bytes than when it was copied", path.display())),
        Ok(_) => None,
    }
}

/// Files that the manifest does not name: copied back they would be in the way.
fn strangers(dir: &Path, manifest: &Manifest) -> Vec<String> {
    let known: BTreeSet<_> = manifest.files.iter().map(|entry| dir.join(&entry.path)).chain([dir.join(MANIFEST)]).collect();
    let (mut strangers, mut folders) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !known.contains(&path) {
                strangers.push(format!("{} is not in the manifest", path.display()));
            }
        }
    }
    strangers
}
