//! The bytes of one file, by offset, whether it is plain or compressed.
//!
//! Units: offsets are bytes of the decompressed file. Invariants: a plain file is read through its open descriptor, which survives
//! renaming and unlinking; a compressed one is decoded as a stream, at most one window of it in memory.

use crate::spool::Copy;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What the file system says of a file: a hint to recognise it, never its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The device.
    pub(crate) dev: u64,
    /// The inode.
    pub(crate) ino: u64,
    /// The size on disk, bytes.
    pub(crate) size: u64,
    /// The last change of the inode, ns since the epoch.
    pub(crate) changed_ns: i128,
}

/// An open file.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// A plain file.
    Plain(File),
    /// A compressed one.
    Gzip(Box<Gzip>),
    /// What was kept of one that is gone.
    Copy(Copy),
}

/// A gzip stream that is read mostly forwards.
pub(crate) struct Gzip {
    file: Arc<File>,
    decoder: Option<MultiGzDecoder<Cursor>>,
    /// The decoded bytes `[start, start + window.len())`.
    window: Vec<u8>,
    start: u64,
}

impl std::fmt::Debug for Gzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gzip").field("start", &self.start).field("window", &self.window.len()).finish_non_exhaustive()
    }
}

/// Reads a shared descriptor from a position of its own.
struct Cursor {
    file: Arc<File>,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Bytes {
    /// Takes over an open file.
    pub(crate) fn new(file: File, gzip: bool) -> Self {
        if gzip {
            Self::Gzip(Box::new(Gzip { file: Arc::new(file), decoder: None, window: Vec::new(), start: 0 }))
        } else {
            Self::Plain(file)
        }
    }

    /// Whether nothing can be appended.
    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self, Self::Gzip(_) | Self::Copy(_))
    }

    /// Whether it is compressed.
    pub(crate) fn is_gzip(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }

    /// Fills `buffer` from `offset`; fewer bytes mean the end of the file as it is now.
    pub(crate) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => read_full(buffer, |part, done| file.read_at(part, offset + done as u64)),
            Self::Gzip(gzip) => gzip.read_at(offset, buffer),
            Self::Copy(copy) => copy.read_at(offset, buffer),
        }
    }

    /// The file's stamp, and how long ago it was written to (zero when the clock has been set back).
    pub(crate) fn stat(&self) -> io::Result<(Stamp, Duration)> {
        let metadata = match self {
            Self::Plain(file) => file.metadata()?,
            Self::Gzip(gzip) => gzip.file.metadata()?,
            Self::Copy(copy) => copy.file.metadata()?,
        };
        let still = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
        let changed_ns = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
        Ok((Stamp { dev: metadata.dev(), ino: metadata.ino(), size: metadata.size(), changed_ns }, still))
    }

    /// The decompressed size as far as it can be told without reading: of a gzip file, what its last four bytes say.
    pub(crate) fn size(&self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => Ok(file.metadata()?.size()),
            Self::Gzip(gzip) => {
                let length = gzip.file.metadata()?.size();
                let mut trailer = [0; 4];
                gzip.file.read_exact_at(&mut trailer, length.saturating_sub(4))?;
                Ok(u64::from(u32::from_le_bytes(trailer)))
            }
            Self::Copy(copy) => Ok(copy.to),
        }
    }
}

impl Gzip {
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.decoder.is_none() || offset < self.start {
            self.decoder = Some(MultiGzDecoder::new(Cursor { file: Arc::clone(&self.file), at: 0 }));
            self.window.clear();
            self.start = 0;
        }
        let Some(decoder) = self.decoder.as_mut() else { return Ok(0) };
        // What lies before the offset goes; decoding is the only way past bytes that are not in the window.
        let have = self.window.len() as u64;
        let behind = usize::try_from((offset - self.start).min(have)).unwrap_or(self.window.len());
        self.window.drain(..behind);
        self.start += behind as u64;
        while self.start < offset {
            let step = usize::try_from((offset - self.start).min(buffer.len() as u64)).unwrap_or(buffer.len());
            let count = decoder.read(&mut buffer[..step])?;
            if count == 0 {
                return Ok(0);
            }
            self.start += count as u64;
        }
        let known = self.window.len().min(buffer.len());
        buffer[..known].copy_from_slice(&self.window[..known]);
        let fresh = read_full(&mut buffer[known..], |part, _| decoder.read(part))?;
        self.window.extend_from_slice(&buffer[known..known + fresh]);
        Ok(known + fresh)
    }
}

fn read_full(buffer: &mut [u8], mut read: impl FnMut(&mut [u8], usize) -> io::Result<usize>) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match read(&mut buffer[done..], done) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn gzip(parts: &[&[u8]]) -> Bytes {
        let mut file = tempfile::tempfile().unwrap();
        for part in parts {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(part).unwrap();
            file.write_all(&encoder.finish().unwrap()).unwrap();
        }
        Bytes::new(file, true)
    }

    #[test]
    fn a_compressed_file_of_two_members_is_one_file() {
        let mut bytes = gzip(&[b"one\n", b"two\n"]);
        let mut buffer = [0; 16];
        assert_eq!(bytes.read_at(0, &mut buffer).unwrap(), 8);
        assert_eq!(&buffer[..8], b"one\ntwo\n");
    }

    #[test]
    fn a_torn_compressed_file_is_an_error_and_not_an_end() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![b'x'; 10_000]).unwrap();
        let whole = encoder.finish().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&whole[..whole.len() / 2]).unwrap();
        assert!(Bytes::new(file, true).read_at(0, &mut vec![0; 20_000]).is_err());
    }

    proptest! {
        #[test]
        fn any_order_of_reads_gives_the_bytes(data in proptest::collection::vec(any::<u8>(), 0..5_000), reads in proptest::collection::vec((0_u64..6_000, 1_usize..2_000), 1..20)) {
            let mut bytes = gzip(&[&data]);
            prop_assert_eq!(bytes.size().unwrap(), data.len() as u64);
            for (offset, length) in reads {
                let mut buffer = vec![0; length];
                let count = bytes.read_at(offset, &mut buffer).unwrap();
                let from = usize::try_from(offset).unwrap().min(data.len());
                let to = (from + length).min(data.len());
                prop_assert_eq!(&buffer[..count], &data[from..to]);
            }
        }
    }
}
