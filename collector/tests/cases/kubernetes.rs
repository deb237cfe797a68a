//! Whose a pod is, as the Kubernetes API tells it: in time, late, never, again, and after the pod is gone.

use crate::support::World;
use crate::support::kubernetes::Api;
use martlog_collector::kubernetes::{Kubernetes, OWNER_LABEL};
use martlog_formats::wire::Substream::Stdout;
use serde_json::json;
use std::time::{Duration, Instant};

/// A world whose collectors ask this API.
async fn world() -> (World, Api) {
    let (mut world, api) = (World::new().await, Api::start().await);
    let file = world.state.path().join("kubeconfig");
    api.kubeconfig(&file);
    world.kubernetes = Some(Kubernetes::Kubeconfig(file));
    (world, api)
}

fn labels_of(world: &World, message: &str) -> Vec<(String, String)> {
    world.server.with(|inner| inner.log.rows.iter().find(|row| row.record.record.message == message).expect("the record").labels.clone())
}

fn pairs(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_owner_go_with_the_first_record() {
    let (mut world, api) = world().await;
    api.apply("node-1", "u1", json!({"vendor_id": "acme", "pod-template-hash": "7d9f"}), Some(("ReplicaSet", "sms-7d9f")));
    api.apply("node-2", "u2", json!({"vendor_id": "other"}), None);
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "owned");
    world.collect_once().await;
    assert_eq!(labels_of(&world, "owned"), pairs(&[(OWNER_LABEL, "Deployment/sms"), ("pod-template-hash", "7d9f"), ("vendor_id", "acme")]));
    api.with(|inner| assert_eq!(inner.lists, ["spec.nodeName=node-1"], "other nodes' pods are not asked for"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_waits_for_labels_that_are_late_and_changed_ones_are_taken() {
    let (mut world, api) = world().await;
    let running = world.start();
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "early");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    world.server.with(|inner| assert!(inner.log.rows.is_empty(), "nothing goes out before it is known whose it is"));
    api.apply("node-1", "u1", json!({"vendor_id": "acme"}), None);
    world.until_records(1).await;
    assert_eq!(labels_of(&world, "early"), pairs(&[("vendor_id", "acme")]));
    api.apply("node-1", "u1", json!({"vendor_id": "acme", "app.kubernetes.io/version": "2"}), None);
    let mut tries = 1;
    loop {
        tries += 1;
        world.pods.print(&mut app, Stdout, &format!("line {tries}"));
        world.until_records(tries).await;
        if labels_of(&world, &format!("line {tries}")).len() == 2 {
            break;
        }
        assert!(tries < 500, "the changed labels never came");
    }
    running.stop().await;
    world.check_ledger();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_labels_waits_only_so_long() {
    let (mut world, api) = world().await;
    api.away(true);
    let running = world.start();
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "never known");
    let began = Instant::now();
    while world.server.with(|inner| inner.log.rows.is_empty()) {
        assert!(began.elapsed() < Duration::from_secs(90), "the record never came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(25), "it was not waited for");
    assert!(labels_of(&world, "never known").is_empty());
    running.stop().await;
    world.check_ledger();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_cut_goes_on_from_its_bookmark() {
    let (mut world, api) = world().await;
    let running = world.start();
    until("a watch", || api.with(|inner| !inner.watches.is_empty())).await;
    let bookmark = api.bookmark();
    tokio::time::sleep(Duration::from_millis(200)).await;
    api.cut();
    api.apply("node-1", "u1", json!({"vendor_id": "acme"}), None);
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "after the cut");
    world.until_records(1).await;
    assert_eq!(labels_of(&world, "after the cut"), pairs(&[("vendor_id", "acme")]));
    api.with(|inner| {
        assert_eq!(inner.lists.len(), 1, "nothing is listed again");
        assert_eq!(inner.watches.last(), Some(&bookmark));
    });
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_too_short_is_listed_anew_and_a_deleted_pod_keeps_its_labels() {
    let (mut world, api) = world().await;
    api.apply("node-1", "u1", json!({"vendor_id": "acme"}), None);
    let running = world.start();
    let mut old = world.pods.container("u1", 0);
    world.pods.print(&mut old, Stdout, "before");
    world.until_records(1).await;
    // While nobody watches, one pod is deleted and another one made; what happened is forgotten.
    api.away(true);
    api.delete("u1");
    api.apply("node-1", "u2", json!({"vendor_id": "beta"}), None);
    api.compact();
    api.away(false);
    let mut new = world.pods.container("u2", 0);
    world.pods.print(&mut new, Stdout, "of the new one");
    world.pods.print(&mut old, Stdout, "last words");
    world.until_records(3).await;
    assert_eq!(labels_of(&world, "of the new one"), pairs(&[("vendor_id", "beta")]));
    assert_eq!(labels_of(&world, "last words"), pairs(&[("vendor_id", "acme")]));
    api.with(|inner| assert!(inner.lists.len() >= 2));
    running.stop().await;
    world.check_ledger();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_known_counts_after_a_restart_while_the_api_is_away() {
    let (mut world, api) = world().await;
    api.apply("node-1", "u1", json!({"vendor_id": "acme"}), None);
    let running = world.start();
    let mut app = world.pods.container("u1", 0);
    world.pods.print(&mut app, Stdout, "before");
    world.until_records(1).await;
    running.stop().await;
    api.away(true);
    let running = world.start();
    let began = Instant::now();
    world.pods.print(&mut app, Stdout, "after");
    world.until_records(2).await;
    assert!(began.elapsed() < Duration::from_secs(20), "it is known without the API");
    assert_eq!(labels_of(&world, "after"), pairs(&[("vendor_id", "acme")]));
    running.stop().await;
}
