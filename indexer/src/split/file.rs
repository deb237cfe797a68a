//! The file of a split: sections one behind the other, then a footer that says where they are.
//!
//! ```text
//! file    = "MLSPLIT\n" | section … | postcard(Footer) | tail
//! tail    = u32 LE footer length | u32 LE CRC-32 of the footer | u32 LE version | "MLSPLIT\n"
//! ```
//!
//! Opening reads the tail and the footer and checks the footer's CRC. A section's CRC is checked when the section is read; `blocks` and
//! `filters` have one per piece instead, in the directory. A file is written under a temporary name, synced, renamed, and its folder is synced.
//!
//! The file is mapped, so that cold data costs no memory of the process.
#![allow(unsafe_code)] // `Mmap::map`: sound as long as nobody changes the file; splits are written once and then only unlinked. `madvise`: see there.

use super::codec::damaged;
use super::{FORMAT, SplitMeta};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tantivy::directory::OwnedBytes;

const MAGIC: &[u8; 8] = b"MLSPLIT\n";
const TAIL_BYTES: usize = 4 + 4 + 4 + MAGIC.len();

/// Where a section lies.
#[derive(Debug, Serialize, Deserialize)]
struct Section {
    name: String,
    from: u64,
    len: u64,
    crc: u32,
}

/// What the file says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Footer {
    /// As the catalog has it, without `bytes`, which is not known yet.
    meta: SplitMeta,
    sections: Vec<Section>,
}

/// An open file.
pub(super) struct Sections {
    bytes: OwnedBytes,
    footer: Footer,
}

impl std::fmt::Debug for Sections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sections").field("bytes", &self.bytes.len()).finish()
    }
}

impl Sections {
    /// Opens a file that is expected to hold this split.
    pub(super) fn open(path: &Path, meta: &SplitMeta) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the file is written once and never changed; after it is unlinked the mapping keeps its bytes.
        let bytes = OwnedBytes::new(unsafe { memmap2::Mmap::map(&file)? });
        let body = bytes.len().checked_sub(TAIL_BYTES).ok_or_else(|| damaged("it is too short"))?;
        let (tail, head) = (&bytes[body..], &bytes[..MAGIC.len().min(bytes.len())]);
        let field = |at: usize| tail.get(at..at + 4).and_then(|field| field.try_into().ok()).map_or(0, u32::from_le_bytes);
        if tail.get(12..) != Some(MAGIC) || head != MAGIC {
            return Err(damaged("it is no split, or its end is missing"));
        }
        if field(8) != FORMAT {
            let advice = if field(8) > FORMAT { "use a newer version" } else { "no released version wrote such; ship its lines again" };
            let text = format!("the split has form {}, and this version reads form {FORMAT}: {advice}", field(8));
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        let from = body.checked_sub(field(0) as usize).ok_or_else(|| damaged("the footer's length"))?;
        let footer = &bytes[from..body];
        if crc32fast::hash(footer) != field(4) {
            return Err(damaged("the footer's checksum"));
        }
        let footer: Footer = postcard::from_bytes(footer).map_err(|_| damaged("the footer"))?;
        if (SplitMeta { bytes: meta.bytes, ..footer.meta.clone() }) != *meta || meta.bytes != bytes.len() as u64 {
            return Err(damaged("it is not the split that the catalog means"));
        }
        Ok(Self { bytes, footer })
    }

    /// Lets go of the pages that are in memory. Who reads them meanwhile gets them again from the system's cache, or from the disk.
    pub(super) fn let_go_of_pages(&self) {
        let bytes: &[u8] = &self.bytes;
        // SAFETY: it is one mapping of a file, from its first byte, shared and never written: its pages read the same when they are faulted in anew.
        let advised = unsafe { rustix::mm::madvise(bytes.as_ptr().cast_mut().cast(), bytes.len(), rustix::mm::Advice::LinuxDontNeed) };
        if let Err(error) = advised {
            tracing::debug!(%error, "could not let go of mapped pages");
        }
    }

    /// A section whose content is not checked yet.
    pub(super) fn unchecked(&self, name: &str) -> io::Result<OwnedBytes> {
        self.slice(self.find(name)?)
    }

    /// A section whose checksum is right.
    pub(super) fn checked(&self, name: &str) -> io::Result<OwnedBytes> {
        let section = self.find(name)?;
        let bytes = self.slice(section)?;
        if crc32fast::hash(&bytes) == section.crc { Ok(bytes) } else { Err(damaged(name)) }
    }

    /// The names and lengths of the sections.
    pub(super) fn list(&self) -> impl Iterator<Item = (&str, u64)> {
        self.footer.sections.iter().map(|section| (section.name.as_str(), section.len))
    }

    fn find(&self, name: &str) -> io::Result<&Section> {
        self.footer.sections.iter().find(|section| section.name == name).ok_or_else(|| damaged(name))
    }

    fn slice(&self, section: &Section) -> io::Result<OwnedBytes> {
        let range = usize::try_from(section.from).ok().zip(section.from.checked_add(section.len).and_then(|to| usize::try_from(to).ok()));
        match range {
            Some((from, to)) if from <= to && to <= self.bytes.len() => Ok(self.bytes.slice(from..to)),
            _ => Err(damaged(&section.name)),
        }
    }
}

/// A file being written; unless it is finished, nothing of it stays.
pub(super) struct Writer {
    file: BufWriter<File>,
    temporary: PathBuf,
    at: u64,
    sections: Vec<Section>,
    open: Option<(Section, crc32fast::Hasher)>,
    finished: bool,
}

impl Writer {
    /// Begins a file that is to be at `path`.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let temporary = path.with_extension("tmp");
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let file = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        let mut writer = Self { file, temporary, at: 0, sections: Vec::new(), open: None, finished: false };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    /// Begins a section; the one before ends.
    pub(super) fn begin(&mut self, name: &str) {
        self.end();
        self.open = Some((Section { name: name.to_owned(), from: self.at, len: 0, crc: 0 }, crc32fast::Hasher::new()));
    }

    /// Appends to the section.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((_, crc)) = &mut self.open {
            crc.update(bytes);
        }
        self.at += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn end(&mut self) {
        if let Some((section, crc)) = self.open.take() {
            self.sections.push(Section { len: self.at - section.from, crc: crc.finalize(), ..section });
        }
    }

    /// Writes the footer and makes the file durable at `path`; returns its length in bytes.
    pub(super) fn finish(mut self, meta: &SplitMeta, path: &Path) -> io::Result<u64> {
        self.end();
        let footer = Footer { meta: meta.clone(), sections: std::mem::take(&mut self.sections) };
        let footer = postcard::to_stdvec(&footer).map_err(io::Error::other)?;
        let length = u32::try_from(footer.len()).map_err(io::Error::other)?;
        self.write(&footer)?;
        self.write(&length.to_le_bytes())?;
        self.write(&crc32fast::hash(&footer).to_le_bytes())?;
        self.write(&FORMAT.to_le_bytes())?;
        self.write(MAGIC)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.temporary, path)?;
        self.finished = true;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(self.at)
    }
}

/// Makes a folder and those above it, each durable in the one above.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(above) = folder.parent() else { return Ok(()) };
    make_folder(above)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(above)?.sync_all(),
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            // The error that ended the build is the one to report; a leftover is overwritten by the next try.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}
