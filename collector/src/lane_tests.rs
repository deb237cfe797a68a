//! A lane over real files: what is remembered while nothing can be read, the order of copies, and when it has read everything.

use super::*;
use crate::test_support::stream;
use std::io::Write as _;
use std::time::Duration;

fn shared(dir: &std::path::Path, once: bool) -> Arc<Shared> {
    Arc::new(Shared {
        root: Root::open(dir).unwrap(),
        site: Site { cluster: "c".into(), node: "n".into() },
        board: Board::default(),
        benches: Arc::default(),
        again: Mutex::default(),
        spool: Spool::open(dir, 1 << 20).unwrap(),
        rate_limit: None,
        said: watch::channel(Said { known: true, ..Said::default() }).1,
        pulse: Pulse::default(),
        once,
    })
}

/// Copies are read in the order of the files, whichever of them vanished first, and whatever the clocks said.
#[test]
fn copies_come_back_in_the_order_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ns_pod_uid/app");
    std::fs::create_dir_all(&folder).unwrap();
    let names = ["0.log.20261122-100001", "0.log.20261122-100002", "0.log"];
    for (name, hour) in names.into_iter().zip([14, 12, 13]) {
        std::fs::write(folder.join(name), format!("2026-11-30T{hour}:00:00Z stdout F {{\"message\":\"{name}\"}}\n")).unwrap();
    }
    let now = Instant::now();
    let look = |shared: &Shared| Mail {
        looks: BTreeMap::from([(
            Arc::new(stream(0)),
            Look { container: Arc::new(stream(0)), entries: shared.root.scan().unwrap().entries, complete: true },
        )]),
        surveys: 1,
        complete: true,
        ..Mail::default()
    };
    let before = shared(dir.path(), false);
    let mut lane = Lane::new(Arc::clone(&before), Vec::new());
    lane.adopt(look(&before), now);
    for (passed, gone) in [(3, 1), (6, 2), (9, 0)] {
        std::fs::remove_file(folder.join(names[gone])).unwrap();
        lane.adopt(look(&before), now);
        lane.adopt(look(&before), now + Duration::from_secs(passed));
    }
    let again = shared(dir.path(), false);
    let kept = again.spool.all();
    assert_eq!(kept.len(), 3);
    let remembered =
        kept.into_iter().map(|kept| Remembered { stream: kept.stream, file: kept.file, name: kept.name, size: kept.to, marks: [0; 2] });
    let mut lane = Lane::new(Arc::clone(&again), remembered.collect());
    lane.adopt(look(&again), now);
    let chain: Vec<_> = lane.followers.values().flat_map(|follower| &follower.chain).map(|source| source.name.as_str()).collect();
    assert_eq!(chain, names);
}

/// A container's file, and a lane that reads nothing.
struct Waiting {
    shared: Arc<Shared>,
    lane: Lane,
    folder: std::path::PathBuf,
    now: Instant,
    _dir: tempfile::TempDir,
}

impl Waiting {
    fn on(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ns_pod_uid/app");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("0.log"), text).unwrap();
        let shared = shared(dir.path(), false);
        let lane = Lane::new(Arc::clone(&shared), Vec::new());
        let mut waiting = Self { shared, lane, folder, now: Instant::now(), _dir: dir };
        waiting.scan();
        waiting
    }

    fn scan(&mut self) {
        let look = Look { container: Arc::new(stream(0)), entries: self.shared.root.scan().unwrap().entries, complete: true };
        let looks = BTreeMap::from([(Arc::new(stream(0)), look)]);
        self.lane.adopt(Mail { looks, surveys: 1, complete: true, ..Mail::default() }, self.now);
    }

    /// What is remembered after so long: the names and sizes of files.
    fn remembered_after(&mut self, time: Duration) -> Vec<(String, u64)> {
        self.now += time;
        self.lane.look_after(self.now);
        if !std::mem::take(&mut *self.shared.again.lock().unwrap()).is_empty() {
            self.scan();
        }
        let mut all = self.shared.board.show(|_, files, _| files.map(|file| (file.name.clone(), file.size)).collect::<Vec<_>>());
        all.sort();
        all
    }
}

/// `HH:MM` in a line as runtimes write it.
fn line(time: &str) -> String {
    format!("2026-11-30T{time}:00Z stdout F hello\n")
}

/// A folder whose files grow is looked at seldom, and who waits for an answer reads nothing: what is remembered of a file waits for neither.
#[test]
fn how_far_files_grow_is_noted_while_nothing_can_be_read() {
    let line = line("14:00");
    let of = |lines: usize| vec![("0.log".to_owned(), (lines * line.len()) as u64)];
    let mut waiting = Waiting::on(&line);
    assert_eq!(waiting.remembered_after(Duration::ZERO), of(1));
    let mut file = std::fs::File::options().append(true).open(waiting.folder.join("0.log")).unwrap();
    file.write_all(line.repeat(2).as_bytes()).unwrap();
    assert_eq!(waiting.remembered_after(GROWTH_INTERVAL / 2), of(1), "not all the time");
    assert_eq!(waiting.remembered_after(GROWTH_INTERVAL), of(3));
    std::fs::remove_file(waiting.folder.join("0.log")).unwrap();
    assert_eq!(waiting.remembered_after(GROWTH_INTERVAL), of(3));
}

/// The file that is at the name now is another one, also when it is larger than what was there, and what was there is found beside it.
#[test]
fn a_cut_is_seen_while_nothing_can_be_read() {
    for lines in [1, 5] {
        let (old, new) = (line("14:00").repeat(3), line("15:00").repeat(lines));
        let mut waiting = Waiting::on(&old);
        let path = waiting.folder.join("0.log");
        std::fs::copy(&path, waiting.folder.join("0.log.1")).unwrap();
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_len(0).unwrap();
        file.write_all(new.as_bytes()).unwrap();
        if lines > 3 {
            // Seen by a hint of the kernel: there is another name.
            waiting.scan();
        }
        let both = [("0.log".to_owned(), new.len() as u64), ("0.log.1".to_owned(), old.len() as u64)];
        assert_eq!(waiting.remembered_after(GROWTH_INTERVAL), both, "{lines}");
        let order: Vec<_> =
            waiting.lane.followers.values().flat_map(|follower| &follower.chain).map(|source| source.name.as_str()).collect();
        assert_eq!(order, ["0.log.1", "0.log"], "the older one is read first");
    }
}

#[test]
fn with_once_a_folder_that_cannot_be_read_is_waited_for_only_so_long() {
    let dir = tempfile::tempdir().unwrap();
    let mut lane = Lane::new(shared(dir.path(), true), Vec::new());
    let bench = &mut Workbench::default();
    assert!(!lane.fill(Instant::now(), bench).drained, "nothing is known yet");
    let unreadable = Mail { surveys: 1, complete: false, ..Mail::default() };
    let drained: Vec<bool> = (0..SURVEYS_ENOUGH)
        .map(|_| {
            lane.adopt(unreadable.clone(), Instant::now());
            lane.fill(Instant::now(), bench).drained
        })
        .collect();
    assert_eq!(drained, [false, false, true]);
}
