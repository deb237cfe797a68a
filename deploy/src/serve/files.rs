//! The small files of the data folder that are not the store's: `address`, `probes-address`, `certificate.der`, `staff.token`.
//!
//! Invariant: a reader sees a whole file or none: each is written beside, synced and renamed.

use crate::outcome::Failure;
use martlog_indexer::registry::Registry;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The server's URL, while it runs.
pub(crate) const ADDRESS: &str = "address";
/// The URL of probes and metrics, while it runs.
pub(crate) const PROBES_ADDRESS: &str = "probes-address";
/// The certificate that the server shows, while it runs with TLS, DER.
pub(crate) const CERTIFICATE: &str = "certificate.der";
/// The first staff token; whoever has taken it may delete the file.
pub(crate) const STAFF_TOKEN: &str = "staff.token";

/// Who may read a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mode {
    /// Everybody on the machine.
    Readable,
    /// The owner alone.
    Private,
}

/// Makes a staff token when there is none that holds, and writes it for the person who set the server up: first the file, then the token,
/// so that a crash between both leaves no token that nobody knows.
pub(crate) async fn staff_token(dir: &Path, registry: &Registry) -> Result<(), Failure> {
    let keep = |token: &str| replace(dir, STAFF_TOKEN, format!("{token}\n").as_bytes(), Mode::Private);
    let made = registry.bootstrap_staff_token_with(keep).await;
    let made = made.map_err(|error| Failure::Server(format!("cannot make the first staff token: {error}")))?;
    if made.is_some() {
        tracing::info!(file = %dir.join(STAFF_TOKEN).display(), "a staff token was made: sign in with it, then keep it safe");
    }
    Ok(())
}

/// Writes a file.
pub(crate) fn write(dir: &Path, name: &str, content: &[u8], mode: Mode) -> Result<(), Failure> {
    replace(dir, name, content, mode).map_err(|error| Failure::Server(format!("cannot write {}: {error}", dir.join(name).display())))
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove(dir: &Path, name: &str) {
    if let Err(error) = fs::remove_file(dir.join(name))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, name, "cannot remove a file of the data folder");
    }
}

fn replace(dir: &Path, name: &str, content: &[u8], mode: Mode) -> io::Result<()> {
    if matches!(mode, Mode::Readable) && fs::read(dir.join(name)).is_ok_and(|there| there == content) {
        // A server that was killed has left it, and on a full disk there may be no room for another one.
        return Ok(());
    }
    let beside = dir.join(format!("{name}.new"));
    // What a crash left behind may have other rights.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let bits = match mode {
        Mode::Readable => 0o644,
        Mode::Private => 0o600,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(bits).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, dir.join(name))?;
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_private_file_is_private_also_over_a_leftover() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("staff.token.new"), "left over, readable").unwrap();
        write(dir.path(), STAFF_TOKEN, b"secret\n", Mode::Private).unwrap();
        let path = dir.path().join(STAFF_TOKEN);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret\n");
        assert!(!dir.path().join("staff.token.new").exists());
    }

    #[test]
    fn a_file_that_says_the_same_stays_and_needs_no_room() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let inode = |content: &[u8]| {
            write(dir.path(), ADDRESS, content, Mode::Readable).unwrap();
            fs::metadata(dir.path().join(ADDRESS)).unwrap().ino()
        };
        let first = inode(b"one\n");
        assert_eq!(inode(b"one\n"), first);
        assert_ne!(inode(b"two\n"), first);
        assert_eq!(fs::read(dir.path().join(ADDRESS)).unwrap(), b"two\n");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let Err(Failure::Server(text)) = write(&dir.path().join("absent"), ADDRESS, b"x", Mode::Readable) else { panic!("written") };
        assert!(text.starts_with("cannot write ") && text.contains("absent/address"), "{text}");
    }
}
