//! A small file system of its own, and a ballast that fills it: real `ENOSPC`, real free space. Mounting needs root.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmpfs over a folder; unmounted when it is dropped.
pub(crate) struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    pub(crate) fn mount(at: &Path, mib: u64) -> Self {
        let size = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).status();
        assert!(mounted.is_ok_and(|status| status.success()), "a tmpfs for the small disk: this test needs root");
        Self { at: at.to_path_buf() }
    }

    /// Bytes that are free.
    pub(crate) fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.at).expect("the disk tells");
        stat.f_bavail * stat.f_frsize
    }

    /// Grows the ballast until at most this much is free.
    pub(crate) fn fill_to(&self, free: u64) {
        let mut file = File::options().create(true).append(true).open(self.ballast()).expect("the ballast");
        while self.free() > free {
            let piece = usize::try_from((self.free() - free).clamp(4_096, 1 << 20)).expect("small");
            file.write_all(&vec![7; piece]).expect("the ballast grows");
        }
    }

    /// Takes the ballast away.
    pub(crate) fn lighten(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast");
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that a failed test leaves behind may still be on it.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
