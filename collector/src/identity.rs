//! Who printed a file, and which file it is, from nothing but its path and its first line.
//!
//! Invariants: the path's words give the stream; the stream and the first line (with its time in ns) give the file's id, so that
//! `0.log`, `0.log.20261122-101500` and `0.log.20261122-101500.gz` are one file with one space of offsets, whatever state is lost here.
//! A file whose first line is not yet complete (and shorter than [`HEAD_BYTES`]) has no id yet: it has no record yet either.

use martlog_formats::wire::{FileId, Stream};
use std::cmp::Reverse;
use xxhash_rust::xxh3::Xxh3;

/// How much of the first line counts, bytes.
pub(crate) const HEAD_BYTES: usize = 1024;

/// Where the collector runs: the part of an identity that is not in the path.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// The cluster that the token is bound to.
    pub(crate) cluster: String,
    /// The node.
    pub(crate) node: String,
}

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogName {
    /// The container's restart count.
    pub(crate) restart: u32,
    /// Which of the container's files it is.
    pub(crate) rotation: Rotation,
    /// Whether it is compressed.
    pub(crate) gzip: bool,
}

/// Which of a container's files it is; ordered from the oldest to the current one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rotation {
    /// `0.log.3`: a copy by number, where the highest is the oldest.
    Numbered(Reverse<u32>),
    /// `0.log.20261122-101500`: the kubelet's, by the time of the rotation.
    Stamped(String),
    /// `0.log`.
    Current,
}

impl Site {
    /// The id of a file of this stream that begins with `bytes`; `None` while its first line is incomplete.
    pub(crate) fn file_id(&self, stream: &Stream, bytes: &[u8]) -> Option<FileId> {
        let head = head(bytes)?;
        let mut hash = Xxh3::new();
        for field in [&self.cluster, &self.node, &stream.namespace, &stream.pod, &stream.pod_uid, &stream.container] {
            // Lengths keep ("ab", "c") and ("a", "bc") apart.
            hash.update(&(field.len() as u64).to_le_bytes());
            hash.update(field.as_bytes());
        }
        hash.update(&stream.restart.to_le_bytes());
        hash.update(head);
        Some(FileId(hash.digest128()))
    }
}

/// The first line with its newline, or the first [`HEAD_BYTES`] of it; `None` while there is less than both.
fn head(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = &bytes[..bytes.len().min(HEAD_BYTES)];
    match memchr::memchr(b'\n', bytes) {
        Some(at) => Some(&bytes[..=at]),
        None => (bytes.len() == HEAD_BYTES).then_some(bytes),
    }
}

/// Namespace, pod name and pod UID of a pod's folder, `<namespace>_<pod>_<uid>`; none of the three can hold a `_`.
pub(crate) fn pod_folder(name: &str) -> Option<(&str, &str, &str)> {
    let mut words = name.split('_');
    let found = (words.next()?, words.next()?, words.next()?);
    let whole = words.next().is_none() && !found.0.is_empty() && !found.1.is_empty() && !found.2.is_empty();
    whole.then_some(found)
}

/// The name of the pod's folder of a stream.
pub(crate) fn folder_of(stream: &Stream) -> String {
    format!("{}_{}_{}", stream.namespace, stream.pod, stream.pod_uid)
}

/// What a file's name says; `None` for a file that is no log, such as the kubelet's `….tmp` while it compresses.
pub(crate) fn log_name(name: &str) -> Option<LogName> {
    let (restart, rest) = name.split_once(".log")?;
    if restart.is_empty() || !restart.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let restart = restart.parse().ok()?;
    if rest.is_empty() {
        return Some(LogName { restart, rotation: Rotation::Current, gzip: false });
    }
    let suffix = rest.strip_prefix('.')?;
    let (suffix, gzip) = suffix.strip_suffix(".gz").map_or((suffix, false), |plain| (plain, true));
    let rotation = if is_stamp(suffix) {
        Rotation::Stamped(suffix.to_owned())
    } else if !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_digit()) {
        Rotation::Numbered(Reverse(suffix.parse().ok()?))
    } else {
        return None;
    };
    Some(LogName { restart, rotation, gzip })
}

/// `20261122-101500`.
fn is_stamp(suffix: &str) -> bool {
    suffix.len() == 15 && suffix.bytes().enumerate().all(|(at, byte)| if at == 8 { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::stream;
    use proptest::prelude::*;

    #[test]
    fn names_say_which_file_it_is() {
        assert_eq!(log_name("3.log"), Some(LogName { restart: 3, rotation: Rotation::Current, gzip: false }));
        let stamped = Rotation::Stamped("20261122-101500".to_owned());
        assert_eq!(log_name("0.log.20261122-101500"), Some(LogName { restart: 0, rotation: stamped.clone(), gzip: false }));
        assert_eq!(log_name("0.log.20261122-101500.gz"), Some(LogName { restart: 0, rotation: stamped, gzip: true }));
        assert_eq!(log_name("0.log.2"), Some(LogName { restart: 0, rotation: Rotation::Numbered(Reverse(2)), gzip: false }));
        for other in [
            "",
            ".log",
            "x.log",
            "0.log.",
            "0.log.gz",
            "0.log.20261122-101500.gz.tmp",
            "0.log.20261122-101500.tmp",
            "0.logs",
            "0.txt",
            "-1.log",
            "99999999999.log",
        ] {
            assert_eq!(log_name(other), None, "{other}");
        }
    }

    #[test]
    fn files_are_ordered_from_the_oldest() {
        let mut names: Vec<_> = ["0.log", "0.log.20261122-101500", "0.log.1", "0.log.20261121-235959.gz", "0.log.2"]
            .into_iter()
            .map(|name| (log_name(name).unwrap().rotation, name))
            .collect();
        names.sort();
        let order: Vec<_> = names.into_iter().map(|(_, name)| name).collect();
        assert_eq!(order, ["0.log.2", "0.log.1", "0.log.20261121-235959.gz", "0.log.20261122-101500", "0.log"]);
    }

    #[test]
    fn folders_have_three_words() {
        assert_eq!(pod_folder("ns_pod-1_uid"), Some(("ns", "pod-1", "uid")));
        for other in ["ns_pod", "a_b_c_d", "__", "a__c", ""] {
            assert_eq!(pod_folder(other), None, "{other}");
        }
    }

    #[test]
    fn an_incomplete_first_line_has_no_id() {
        let site = Site { cluster: "c".to_owned(), node: "n".to_owned() };
        assert_eq!(site.file_id(&stream(0), b""), None);
        assert_eq!(site.file_id(&stream(0), b"2026-11-22T11:14:13Z stdout F begun"), None);
        let id = site.file_id(&stream(0), b"line\n");
        assert!(id.is_some());
        assert_eq!(id, site.file_id(&stream(0), b"line\nmore\n"));
        assert_ne!(id, site.file_id(&stream(1), b"line\n"));
        assert_ne!(id, site.file_id(&stream(0), b"Line\n"));
    }

    proptest! {
        #[test]
        fn a_file_keeps_its_id_as_it_grows(bytes in proptest::collection::vec(any::<u8>(), 0..3000), cut in 0_usize..3000) {
            let site = Site { cluster: "c".to_owned(), node: "n".to_owned() };
            let early = site.file_id(&stream(0), &bytes[..cut.min(bytes.len())]);
            if early.is_some() {
                prop_assert_eq!(early, site.file_id(&stream(0), &bytes));
            }
        }

        #[test]
        fn any_name_is_read_without_a_panic(name in "\\PC{0,40}") {
            let _ = (log_name(&name), pod_folder(&name));
        }
    }
}
