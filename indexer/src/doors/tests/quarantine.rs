//! The quarantine from the first line without an owner to its release.

use super::append::{append, batch, part};
use super::*;

async fn pods(server: &Server) -> Vec<Value> {
    let answer = server.get(&server.staff, "quarantine").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["pods"].as_array().unwrap().clone()
}

/// The messages that a partner or staff sees of a module, in order.
fn messages(server: &Server, token: &str, module: &str) -> Vec<String> {
    let Some(crate::registry::Principal::Reader(scope)) = server.indexer.registry().authenticate(token) else { panic!("no reader") };
    let view = server.indexer.store.view(&scope, false);
    let modules = view.modules.iter().filter(|view| &*view.key.module == module);
    modules.flat_map(|view| view.chunks().flat_map(|chunk| chunk.rows.iter().map(|row| row.message().to_owned()))).collect()
}

#[tokio::test]
async fn lines_without_an_owner_are_staffs_until_their_instance_is_registered() {
    let server = Server::new().await;
    let sent = append(&server, batch("eu", &[part("wild", "uid-1", &[("app", "x")], 0, &["one", "two"])])).await;
    assert_eq!(sent.status, 200, "{}", sent.text);
    let listed = pods(&server).await;
    assert_eq!(listed.len(), 1);
    let pod = &listed[0];
    assert_eq!((&pod["pod_uid"], &pod["reason"], &pod["rows"]), (&json!("uid-1"), &json!("no_instance"), &json!(2)));
    assert_eq!(
        (&pod["cluster"], &pod["node"], &pod["namespace"], &pod["labels"]),
        (&json!("eu"), &json!("n1"), &json!("wild"), &json!({ "app": "x" }))
    );
    assert!(messages(&server, &server.acme, "sms").is_empty());
    let too_early = server.ask(&server.staff, "POST", "quarantine/uid-1/release", Value::Null).await;
    assert_eq!((too_early.status, too_early.code().as_str()), (409, "no_owner"));

    let selector = json!({ "namespace": "wild", "labels": { "app": "x" } });
    let made = server.make("instances", json!({ "id": "sms-9", "module": "sms", "csp": "9", "selector": selector })).await;
    assert_eq!(made["released"], json!({ "pods": 1, "rows": 2, "waiting": 0 }));
    assert!(pods(&server).await.is_empty());
    assert_eq!(messages(&server, &server.acme, "sms"), ["one", "two"]);
    append(&server, batch("eu", &[part("wild", "uid-1", &[("app", "x")], 20, &["three"])])).await;
    assert_eq!(messages(&server, &server.acme, "sms"), ["one", "two", "three"]);
    assert!(pods(&server).await.is_empty());
    assert_eq!(server.ask(&server.staff, "POST", "quarantine/uid-1/release", Value::Null).await.status, 404);
}

#[tokio::test]
async fn labels_that_come_late_release_what_waited_for_them() {
    let server = Server::new().await;
    let selector = json!({ "namespace": "wild", "labels": { "app": "x" } });
    server.make("instances", json!({ "id": "sms-9", "module": "sms", "csp": "9", "selector": selector })).await;
    append(&server, batch("eu", &[part("wild", "uid-1", &[], 0, &["early"])])).await;
    assert_eq!(pods(&server).await.len(), 1);
    append(&server, batch("eu", &[part("wild", "uid-1", &[("app", "x")], 10, &["late"])])).await;
    assert!(pods(&server).await.is_empty());
    let mut seen = messages(&server, &server.acme, "sms");
    seen.sort();
    assert_eq!(seen, ["early", "late"]);
}

#[tokio::test]
async fn a_contested_pod_is_released_to_whom_staff_name() {
    let server = Server::new().await;
    append(&server, batch("eu", &[part("ns-chat", "uid-1", &[("vendor_id", "acme")], 0, &["whose"])])).await;
    let pod = &pods(&server).await[0];
    assert_eq!((&pod["reason"], &pod["instance"], &pod["registered"]), (&json!("claim_contradicts"), &json!("chat-434"), &json!("zeta")));
    let release = async |body: Value| server.ask(&server.staff, "POST", "quarantine/uid-1/release", body).await;
    assert_eq!(release(Value::Null).await.code(), "no_owner");
    assert_eq!(release(json!({ "instance": "none" })).await.json()["field"], "instance");
    assert_eq!(release(json!({ "to": "sms-434" })).await.json()["field"], "to");
    let released = release(json!({ "instance": "sms-434" })).await;
    assert_eq!((released.status, released.json()), (200, json!({ "pod_uid": "uid-1", "instance": "sms-434", "rows": 1 })));
    assert_eq!(messages(&server, &server.acme, "sms"), ["whose"]);
    assert!(messages(&server, &server.zeta, "chat").is_empty());
    // It still contradicts: what it logs next waits again.
    append(&server, batch("eu", &[part("ns-chat", "uid-1", &[("vendor_id", "acme")], 10, &["again"])])).await;
    assert_eq!(pods(&server).await[0]["rows"], 1);
}

#[tokio::test]
async fn a_moved_selector_releases_too() {
    let server = Server::new().await;
    append(&server, batch("eu", &[part("wild", "uid-1", &[], 0, &["one"]), part("wild", "uid-2", &[], 0, &["two"])])).await;
    let moved = server.ask(&server.staff, "PATCH", "instances/chat-434", json!({ "selector": { "namespace": "wild" } })).await;
    assert_eq!(moved.json()["released"], json!({ "pods": 2, "rows": 2, "waiting": 0 }), "{}", moved.text);
    assert_eq!(messages(&server, &server.zeta, "chat").len(), 2);
}

#[tokio::test]
async fn rows_that_the_list_does_not_name_are_named_by_the_store() {
    let server = Server::new().await;
    append(&server, batch("eu", &[part("wild", "uid-1", &[], 0, &["one"])])).await;
    server.indexer.registry().forget_pods(&["uid-1".into()]).await.unwrap();
    assert_eq!(pods(&server).await, [json!({ "pod_uid": "uid-1", "reason": "unlisted", "rows": 1 })]);
    let released = server.ask(&server.staff, "POST", "quarantine/uid-1/release", json!({ "instance": "chat-434" })).await;
    assert_eq!(released.json()["rows"], 1, "{}", released.text);
    assert!(pods(&server).await.is_empty());
}
