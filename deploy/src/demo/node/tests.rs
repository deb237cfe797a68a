//! What lies on the disk, byte by byte.

use super::*;
use crate::demo::calendar::Calendar;
use crate::demo::cri::PIECE_BYTES_MAX;
use crate::demo::time::{MINUTE, SECOND};
use crate::demo::traffic::Traffic;
use std::collections::BTreeMap;
use std::io::Read;

const CALENDAR: Calendar = Calendar { start_ns: 1_795_342_370 * SECOND };

/// Every file below the folder with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn played(seed: u64, minutes: i64, limits: Limits) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(seed);
    let mut node = Node::new(folder.path(), &world, limits).unwrap();
    let from = CALENDAR.history_ns();
    Traffic::new(&world, CALENDAR, seed, 10.0, from).until(from + minutes * MINUTE, |event| node.play(&event).unwrap());
    node.flush().unwrap();
    folder
}

/// The text of a file of any age.
fn text(name: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    if name.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
    } else {
        text.extend_from_slice(bytes);
    }
    text
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let limits = Limits { file_bytes_max: 8 << 10, files_max: 5 };
    let (one, two, other) = (played(11, 20, limits), played(11, 20, limits), played(12, 1, limits));
    let (one, two) = (tree(one.path()), tree(two.path()));
    assert!(one.keys().any(|name| name.extension().is_some_and(|extension| extension == "gz")));
    assert!(one == two, "the trees differ");
    assert!(tree(other.path()).keys().all(|name| !one.contains_key(name)), "pods of another seed have other UIDs");
}

#[test]
fn every_line_is_of_the_runtime_s_format_and_pieces_end() {
    let folder = played(21, 20, Limits::default());
    let mut pieces = 0;
    for (name, bytes) in tree(folder.path()) {
        let text = text(&name, &bytes);
        assert!(text.is_empty() || text.ends_with(b"\n"), "{name:?}");
        let (mut open, mut last) = (false, chrono::DateTime::UNIX_EPOCH);
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut parts = line.splitn(4, |byte| *byte == b' ').map(|part| String::from_utf8_lossy(part).into_owned());
            let time: chrono::DateTime<chrono::Utc> = parts.next().unwrap().parse().unwrap();
            assert!(time > last, "{name:?}: times rise");
            last = time;
            let (stream, tag, text) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            assert!(stream == "stdout" || stream == "stderr");
            assert!(tag == "F" || tag == "P");
            assert!(text.len() <= PIECE_BYTES_MAX);
            open = tag == "P";
            pieces += usize::from(open);
        }
        assert!(!open || name.ends_with("0.log"), "{name:?} ends within a line");
    }
    assert!(pieces > 0, "some line is longer than the runtime's pieces");
}

fn one_pod(folder: &Path, limits: Limits) -> Node {
    Node { containers: vec![Container::start(folder.join("ns_pod_uid/app"), limits).unwrap()] }
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names = names(&folder.join("ns_pod_uid/app")).unwrap();
    names.sort_unstable();
    names
}

fn line(number: i64) -> Event {
    Event { at_ns: number * MINUTE, pod: 0, act: Act::Out(format!("line {number} {}", "x".repeat(40))) }
}

#[test]
fn rotation_keeps_the_newest_files_and_compresses_all_but_the_last_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = one_pod(folder.path(), Limits { file_bytes_max: 150, files_max: 5 });
    for number in 0..20 {
        node.play(&line(number)).unwrap();
    }
    node.flush().unwrap();
    assert_eq!(
        listing(folder.path()),
        [
            "0.log",
            "0.log.19700101-001000.gz",
            "0.log.19700101-001200.gz",
            "0.log.19700101-001400.gz",
            "0.log.19700101-001600.gz",
            "0.log.19700101-001800"
        ]
        .into_iter()
        .filter(|name| !name.ends_with("001000.gz"))
        .collect::<Vec<_>>()
    );
    let mut lines = Vec::new();
    let mut files: Vec<_> = tree(folder.path()).into_iter().collect();
    files.sort_by_key(|(name, _)| (name.ends_with("0.log"), name.clone()));
    for (name, bytes) in files {
        lines.extend(String::from_utf8(text(&name, &bytes)).unwrap().lines().map(str::to_owned));
    }
    let numbers: Vec<i64> = lines.iter().map(|line| line.split(' ').nth(4).unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (10..20).collect::<Vec<_>>(), "what is kept is whole and in order");
}

#[test]
fn a_restart_begins_a_new_file_and_only_the_last_life_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = one_pod(folder.path(), Limits::default());
    for number in 0..3 {
        node.play(&line(number)).unwrap();
        node.play(&Event { act: Act::Restart, ..line(number) }).unwrap();
    }
    node.flush().unwrap();
    drop(node);
    assert_eq!(listing(folder.path()), ["2.log", "3.log"]);
    let _again = one_pod(folder.path(), Limits::default());
    assert_eq!(listing(folder.path()), ["3.log", "4.log"]);
}
