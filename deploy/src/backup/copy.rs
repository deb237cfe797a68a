//! Copying the files of a snapshot: hashed as they are read, synced as they are written, holes left as holes.

use super::manifest::Entry;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

/// Files are read in pieces of this size, bytes; a piece of zeros is not written.
const PIECE: usize = 256 << 10;

/// Makes the target, or takes one that is empty.
pub(super) fn make_target(to: &Path) -> Result<(), String> {
    match fs::read_dir(to) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(format!("{} is not empty: name a new folder for the backup", to.display())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(|error| format!("cannot make {}: {error}", to.display()))
        }
        Err(error) => Err(format!("cannot use {} for a backup: {error}", to.display())),
    }
}

/// Copies files below a folder, and some others into the target itself.
pub(super) fn all(from: &Path, files: &[String], extra: &[PathBuf], to: &Path) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut folders = BTreeSet::from([to.to_path_buf()]);
    let named = files.iter().map(|path| (from.join(path), path.clone()));
    let extra = extra.iter().filter_map(|path| Some((path.clone(), path.file_name()?.to_str()?.to_owned())));
    for (source, path) in named.chain(extra) {
        if !is_plain(&path) {
            return Err(format!("the server named the file {path:?}, which lies elsewhere"));
        }
        let target = to.join(&path);
        let copied = make_folders(to, &target, &mut folders).and_then(|()| one(&source, &target));
        let (bytes, sha256) = copied.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{} is gone: the server has stopped, or something was erased meanwhile; begin again", source.display())
            }
            _ => format!("cannot copy {} to {}: {error}", source.display(), target.display()),
        })?;
        entries.push(Entry { path, bytes, sha256 });
    }
    for folder in folders {
        sync(&folder).map_err(|error| format!("cannot sync {}: {error}", folder.display()))?;
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Whether a path stays below where it begins.
pub(super) fn is_plain(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Syncs a folder, so that the names in it are on disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The length of a file and the hash of its bytes.
pub(super) fn read(path: &Path, mut each: impl FnMut(&[u8], u64) -> io::Result<()>) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut buffer, mut at) = (Sha256::new(), vec![0; PIECE], 0);
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = buffer.get(..count).unwrap_or_default();
        hash.update(piece);
        each(piece, at)?;
        at += count as u64;
    }
    Ok((at, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn one(from: &Path, to: &Path) -> io::Result<(u64, String)> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let copied = read(from, |piece, at| if piece.iter().all(|byte| *byte == 0) { Ok(()) } else { file.write_all_at(piece, at) })?;
    file.set_len(copied.0)?;
    file.sync_all()?;
    Ok(copied)
}

fn make_folders(to: &Path, target: &Path, made: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let Some(folder) = target.parent() else { return Ok(()) };
    if made.contains(folder) {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    made.extend(folder.ancestors().take_while(|above| above.starts_with(to)).map(Path::to_path_buf));
    Ok(())
}
