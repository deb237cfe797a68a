//! Policies from the server: they hold for what is read after them, also from the state folder; what is below the level is counted.

use crate::support::World;
use crate::support::pods::{Stderr, Stdout};
use martlog_formats::policy::PolicySet;
use martlog_formats::wire::GapReason;
use martlog_formats::{RedactionKind, Verdict};

/// The policy of the one instance of the namespace of all pods of these tests.
fn said(policy: &str, labels: &str) -> PolicySet {
    let key = "07".repeat(32);
    let group =
        format!(r#"{{"partner":"acme","key":"{key}","policy":{policy},"instances":[{{"id":"a","namespace":"ns","labels":{labels}}}]}}"#);
    serde_json::from_str(&format!(r#"{{"version":1,"groups":[{group}]}}"#)).unwrap()
}

fn say(world: &World, policy: &str) {
    let set = said(policy, "{}");
    world.server.with(|inner| inner.policy = Ok(set));
}

/// Waits until the collector has asked twice: the answer to the first is taken in by then.
async fn until_taken(world: &World) {
    let asked = world.server.with(|inner| inner.asked.0);
    world.until("a question for policies", |inner| inner.asked.0 >= asked + 2).await;
}

fn messages(world: &World, uid: &str) -> Vec<String> {
    world.server.with(|inner| inner.log.messages(uid, 0, Stdout))
}

const MASK: &str = r#"{"redaction":{"phone":"mask"}}"#;
const HASH: &str = r#"{"redaction":{"phone":"hash"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_changes_holds_for_the_lines_after_it_and_not_for_those_before() {
    let mut world = World::new().await;
    let mut container = world.pods.container("u1", 0);
    let running = world.start();
    world.pods.print(&mut container, Stdout, "to 380501234567");
    world.until_records(1).await;
    say(&world, MASK);
    until_taken(&world).await;
    world.pods.print(&mut container, Stdout, "to 380501234567");
    world.until_records(2).await;
    say(&world, HASH);
    until_taken(&world).await;
    for _ in 0..2 {
        world.pods.print(&mut container, Stdout, "to 380501234567");
    }
    world.until_records(4).await;
    say(&world, "{}");
    until_taken(&world).await;
    world.pods.print(&mut container, Stdout, "to 380501234567");
    world.until_records(5).await;
    running.stop().await;
    let found = messages(&world, "u1");
    assert_eq!((found[0].as_str(), found[1].as_str(), found[4].as_str()), ("to 380501234567", "to 38050***4567", "to 380501234567"));
    assert!(found[2].starts_with("to [hash:phone:") && found[2] == found[3], "{found:?}");
    world.server.with(|inner| {
        let redactions: Vec<_> = inner.log.rows.iter().map(|row| row.record.record.redactions.clone()).collect();
        let one = vec![(RedactionKind::Phone, 1)];
        assert_eq!(redactions, [vec![], one.clone(), one.clone(), one, vec![]]);
        assert!(inner.log.rows.iter().all(|row| row.record.record.verdict == Verdict::Raw));
        assert!(inner.asked.1 > 0, "it asks with the tag that it knows");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_below_the_level_is_counted_and_no_gap() {
    let mut world = World::new().await;
    say(&world, r#"{"level":"warn"}"#);
    let mut container = world.pods.container("u1", 0);
    let line = |level: &str, number: u32| format!(r#"{{"level":"{level}","message":"{number}"}}"#);
    for number in 0..300 {
        let level = ["debug", "info", "error"][number as usize % 3];
        world.pods.piece(&mut container, Stdout, "F", line(level, number).as_bytes());
        world.pods.piece(&mut container, Stderr, "F", line("trace", number).as_bytes());
    }
    world.pods.piece(&mut container, Stdout, "F", b"without a level");
    let report = world.collect_once().await;
    assert_eq!((report.records, report.below_level, report.gaps), (101, 500, 0));
    let expected: Vec<String> = (0..300).filter(|number| number % 3 == 2).map(|number| number.to_string()).collect();
    assert_eq!(messages(&world, "u1")[..100], expected);
    // All bytes are acknowledged: nothing is read again.
    let again = world.collect_once().await;
    assert_eq!((again.records, again.below_level), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_limit_of_a_policy_goes_before_the_nodes() {
    let mut world = World::new().await;
    world.rate_limit = Some(martlog_collector::RateLimit { bytes_per_second: 1_000_000_000, burst_bytes: 1_000_000_000 });
    say(&world, r#"{"rate_limit":"500B"}"#);
    let mut container = world.pods.container("u1", 0);
    for number in 0..400 {
        world.pods.piece(&mut container, Stdout, "F", format!("line {number}").as_bytes());
    }
    let report = world.collect_once().await;
    assert!((50..200).contains(&report.records) && report.gaps > 0, "{report:?}");
    world.server.with(|inner| assert!(inner.log.holes.iter().all(|hole| hole.reason == GapReason::OverQuota)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_server_the_policies_that_were_kept_hold() {
    let mut world = World::new().await;
    say(&world, MASK);
    world.collect_once().await;
    // It is there again for lines, but tells no policies.
    world.server.with(|inner| inner.policy = Err(503));
    let mut container = world.pods.container("u1", 0);
    world.pods.print(&mut container, Stdout, "to 380501234567");
    world.collect_once().await;
    assert_eq!(messages(&world, "u1"), ["to 38050***4567"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_no_policy_and_does_not_hold_up_lines_for_ever() {
    let mut world = World::new().await;
    say(&world, MASK);
    world.collect_once().await;
    let file = world.state.path().join("policy.json");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    world.server.with(|inner| inner.policy = Err(404));
    let mut container = world.pods.container("u1", 0);
    world.pods.print(&mut container, Stdout, "to 380501234567");
    let began = std::time::Instant::now();
    world.collect_once().await;
    assert!(began.elapsed().as_secs() >= 4, "they were waited for");
    assert_eq!(messages(&world, "u1"), ["to 380501234567"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_in_clear_while_a_server_that_comes_back_has_not_told_its_policies() {
    let mut world = World::new().await;
    let set = said(MASK, "{}");
    world.server.with(|inner| inner.policy = Err(503));
    let mut container = world.pods.container("u1", 0);
    world.pods.print(&mut container, Stdout, "to 380501234567");
    let running = world.start();
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    world.server.with(|inner| inner.policy = Ok(set));
    world.until_records(1).await;
    running.stop().await;
    assert_eq!(messages(&world, "u1"), ["to 38050***4567"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_whose_labels_are_not_known_is_masked_as_any_instance_of_its_namespace() {
    let mut world = World::new().await;
    let labels = world.state.path().join("labels.json");
    std::fs::write(&labels, r#"{"known":{"app":"a"},"other":{"app":"b"}}"#).unwrap();
    world.pod_labels = Some(labels);
    let set = said(HASH, r#"{"app":"a"}"#);
    world.server.with(|inner| inner.policy = Ok(set));
    for uid in ["known", "other", "unknown"] {
        let mut container = world.pods.container(uid, 0);
        world.pods.print(&mut container, Stdout, "to 380501234567");
    }
    world.collect_once().await;
    assert!(messages(&world, "known")[0].starts_with("to [hash:phone:"));
    assert_eq!(messages(&world, "other"), ["to 380501234567"]);
    assert_eq!(messages(&world, "unknown"), ["to 38050***4567"]);
}
