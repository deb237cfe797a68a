//! Where an export goes: standard output, or a file that has its name only when it is whole.

use crate::outcome::Failure;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// See the module.
pub(super) struct Sink {
    to: To,
    hash: Sha256,
    bytes: u64,
}

enum To {
    Stdout(BufWriter<io::Stdout>),
    File(Part),
}

/// A file beside the one that was named; dropped, it goes.
struct Part {
    file: Option<BufWriter<File>>,
    part: PathBuf,
    path: PathBuf,
}

impl Sink {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let to = match path {
            None => To::Stdout(BufWriter::new(io::stdout())),
            Some(path) => To::File(Part::open(path)?),
        };
        Ok(Self { to, hash: Sha256::new(), bytes: 0 })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        match &mut self.to {
            To::Stdout(out) => Ok(out.write_all(bytes)?),
            To::File(part) => part.write(bytes),
        }
    }

    pub(super) fn written_bytes(&self) -> u64 {
        self.bytes
    }

    /// How many bytes were written, and their SHA-256.
    pub(super) fn written(&self) -> (u64, String) {
        (self.bytes, self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// It is whole: the file gets its name, and the manifest stands beside it or goes to standard error.
    pub(super) fn finish(self, manifest: &Value) -> Result<(), Failure> {
        match self.to {
            To::Stdout(mut out) => {
                out.flush()?;
                // Whoever reads the rows need not read this.
                let _ = writeln!(io::stderr().lock(), "{manifest}");
                Ok(())
            }
            To::File(part) => part.finish(manifest),
        }
    }
}

impl Part {
    fn open(path: &Path) -> Result<Self, Failure> {
        let cannot =
            |error: io::Error| Failure::Usage(format!("cannot write {}: {error}; name another file with --output", path.display()));
        if path.is_dir() {
            return Err(cannot(io::ErrorKind::IsADirectory.into()));
        }
        let part = beside(path, &format!(".{}.part", std::process::id()));
        let file = File::options().write(true).create_new(true).open(&part).map_err(cannot)?;
        Ok(Self { file: Some(BufWriter::new(file)), part, path: path.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|error| self.failed(&error))
    }

    fn finish(mut self, manifest: &Value) -> Result<(), Failure> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let manifest_path = beside(&self.path, ".manifest.json");
        let finished = (|| {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            // A manifest never stands beside another file than its own.
            match std::fs::remove_file(&manifest_path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            std::fs::rename(&self.part, &self.path)?;
            std::fs::write(&manifest_path, format!("{manifest:#}\n"))
        })();
        finished.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::Server(format!("cannot write {}: {error}", self.path.display()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // There is none when it got its name.
        let _ = std::fs::remove_file(&self.part);
    }
}

/// A file beside another one, by what its name ends in.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut sink = Sink::open(Some(&path)).unwrap();
        sink.write(b"x\r\n").unwrap();
        assert!(!path.exists() && names(folder.path()).len() == 1);
        drop(sink);
        assert_eq!(names(folder.path()), Vec::<String>::new(), "what is broken off goes");
        let mut sink = Sink::open(Some(&path)).unwrap();
        sink.write(b"x\r\n").unwrap();
        assert_eq!(sink.written(), (3, "b35e09fa2ced9ebcad9d16336fb961146fe34bfbebc562679da85f8a314c9dca".to_owned()));
        sink.finish(&json!({"rows": 0})).unwrap();
        assert_eq!(names(folder.path()), ["a.csv", "a.csv.manifest.json"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"x\r\n");
        assert!(matches!(Sink::open(Some(folder.path())), Err(Failure::Usage(_))));
    }
}
