//! What is remembered of nodes, with times of the test's own.

use super::*;
use crate::row::ModuleKey;
use martlog_formats::wire::Stream;
use proptest::prelude::*;

const HOUR: Duration = Duration::from_secs(3600);

fn owner(module: &str) -> Arc<Owner> {
    let key = ModuleKey { partner: "acme".into(), module: module.into() };
    Arc::new(Owner { key, instance: format!("{module}-434").into(), csp: "434".into(), environment: "".into(), version: "1.2".into() })
}

fn file(file: u128, acknowledged: [u64; 2], gone: bool) -> FileProgress {
    let stream = Stream { namespace: "ns".into(), pod: "pod".into(), pod_uid: "uid".into(), container: "app".into(), restart: 3 };
    FileProgress { stream, file: FileId(file), size: 100, acknowledged, oldest_unacknowledged_ns: None, gone }
}

fn beat(files: Vec<FileProgress>) -> Heartbeat {
    Heartbeat { node: "node-1".into(), time_ns: 7, files }
}

#[test]
fn a_node_is_silent_and_then_lost_also_across_a_restart() {
    let nodes = Nodes::default();
    nodes.put(&"c".into(), beat(vec![file(1, [40, 30], false), file(2, [0, 0], true)]), vec![owner("sms"), owner("sms")], 1_000);
    assert_eq!(nodes.count(HOUR), [1, 0, 0]);
    let saved = nodes.unsaved(false);
    assert_eq!(saved.len(), 1, "the first word is kept at once");
    assert!(nodes.unsaved(true).is_empty(), "nothing new");
    let after = |silence: Duration| Nodes::load(saved.clone(), 1_000 + i64::try_from(silence.as_nanos()).unwrap());
    assert_eq!(after(Duration::ZERO).count(HOUR), [1, 0, 0]);
    assert_eq!(after(SILENT_AFTER + Duration::from_secs(1)).count(HOUR), [0, 1, 0]);
    let lost = after(HOUR + Duration::from_secs(1));
    assert_eq!(lost.count(HOUR), [0, 0, 1]);
    let listed = lost.list(HOUR).remove(0);
    assert_eq!((listed.files, listed.unacknowledged_bytes, listed.state), (1, 70, State::Lost), "what is gone is followed no more");
    // A clock that was set back makes nobody lost.
    assert_eq!(Nodes::load(saved, -1_000).count(HOUR), [1, 0, 0]);
}

#[test]
fn a_heartbeat_a_second_is_kept_once_a_minute_and_again_when_it_could_not_be() {
    let nodes = Nodes::default();
    let put = |heard_ns| nodes.put(&"c".into(), beat(vec![file(1, [0, 0], false)]), vec![owner("sms")], heard_ns);
    put(1);
    let saved = nodes.unsaved(false);
    put(2);
    assert!(nodes.unsaved(false).is_empty());
    nodes.not_saved(&saved);
    assert_eq!(nodes.unsaved(true)[0].heard_ns, 2);
}

#[test]
fn what_leaves_is_forgotten_and_so_is_what_is_old() {
    let nodes = Nodes::default();
    nodes.put(&"c".into(), beat(vec![file(1, [0, 0], false), file(2, [0, 0], false)]), vec![owner("sms"), owner("chat")], 5);
    nodes.unsaved(true);
    nodes.forget(|owner| &*owner.key.module == "sms");
    assert_eq!(nodes.list(HOUR)[0].files, 1);
    let (_, files) = saved::decode(&nodes.unsaved(true)[0].said).unwrap();
    assert_eq!(files[0].owner, owner("chat"), "also where it was kept");
    assert!(nodes.expire(5).is_empty());
    assert_eq!(nodes.expire(6), [("c".into(), "node-1".into())]);
}

proptest! {
    #[test]
    fn what_is_kept_comes_back(files in proptest::collection::vec((any::<u128>(), any::<[u64; 2]>(), 0_usize..3), 0..40), time_ns in any::<i64>()) {
        let owners = [owner("sms"), owner("chat"), owner("voice")];
        let files: Vec<Followed> = files.into_iter().map(|(id, marks, at)| Followed { progress: file(id, marks, false), owner: owners[at].clone() }).collect();
        let said = saved::encode(time_ns, &files);
        prop_assert_eq!(saved::decode(&said).unwrap(), (time_ns, files));
    }

    #[test]
    fn other_bytes_are_an_error(said in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(saved::decode(&said).is_err());
    }
}
