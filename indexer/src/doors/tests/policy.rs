//! Policies: said in the registry, told to collectors, applied to pushed lines.

use super::*;
use martlog_formats::policy::{Action, Class, PolicySet};

async fn told(server: &Server) -> (String, PolicySet) {
    let answer = server.get(&server.collector, "policy").await;
    assert_eq!((answer.status, &answer.headers["cache-control"]), (200, &"no-store".parse().unwrap()), "{}", answer.text);
    (answer.headers["etag"].to_str().unwrap().to_owned(), serde_json::from_str(&answer.text).unwrap())
}

async fn ask_again(server: &Server, tag: &str) -> u16 {
    let request = Request::builder().uri("/api/v1/policy").header("authorization", format!("Bearer {}", server.collector));
    let answer = server.send(request.header("if-none-match", tag).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.text.is_empty(), answer.status == 304);
    answer.status
}

async fn patch(server: &Server, path: &str, policy: Value) -> Value {
    let answer = server.ask(&server.staff, "PATCH", path, json!({ "policy": policy })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn what_is_said_of_instances_and_modules_is_told_to_collectors_with_what_selects_their_pods() {
    let server = Server::new().await;
    let (empty, set) = told(&server).await;
    assert_eq!((set, ask_again(&server, &empty).await), (PolicySet::none(), 304));
    let policy = json!({ "redaction": { "phone": "hash", "email": "mask" }, "level": "info", "rate_limit": "5MiB" });
    let shown = patch(&server, "modules/sms", policy.clone()).await;
    assert_eq!(shown["policy"], policy);
    assert_eq!(server.get(&server.acme, "modules/sms").await.json()["policy"], policy);
    patch(&server, "instances/sms-434", json!({ "redaction": { "phone": "keep", "ip": "hash" }, "level": "debug" })).await;
    patch(&server, "instances/chat-434", json!({ "redaction": { "phone": "hash" } })).await;
    let selector = json!({ "namespace": "ns-sms-7", "labels": { "app": "sms" } });
    server.make("instances", json!({ "id": "sms-7", "module": "sms", "csp": "7", "selector": selector })).await;

    let (tag, set) = told(&server).await;
    assert_eq!((ask_again(&server, &empty).await, ask_again(&server, &tag).await), (200, 304));
    assert_eq!(ask_again(&server, &format!("\"x\", {tag}")).await, 304);
    let groups: Vec<_> = set.groups.iter().map(|group| (group.partner.as_str(), group.instances[0].id.as_str())).collect();
    assert_eq!(groups, [("acme", "sms-7"), ("acme", "sms-434"), ("zeta", "chat-434")]);
    let of = |id: &str| set.groups.iter().find(|group| group.instances[0].id == id).unwrap();
    assert_eq!(serde_json::to_value(&of("sms-7").policy).unwrap(), policy);
    assert_eq!(
        serde_json::to_value(&of("sms-7").instances[0]).unwrap(),
        json!({ "id": "sms-7", "namespace": "ns-sms-7", "labels": { "app": "sms" } })
    );
    let own = &of("sms-434").policy;
    let actions = [Class::Phone, Class::Email, Class::Ip, Class::Secret].map(|class| own.redaction.of(class));
    assert_eq!(actions, [Action::Keep, Action::Mask, Action::Hash, Action::Mask]);
    assert_eq!((own.level.unwrap().as_str(), own.rate_limit.clone().map(String::from).as_deref()), ("debug", Some("5MiB")));
    assert_eq!(of("sms-7").key, of("sms-434").key);
    assert_ne!(of("sms-7").key, of("chat-434").key);

    // What was said is taken back: of the module, and of an instance.
    assert!(patch(&server, "modules/sms", Value::Null).await.get("policy").is_none());
    patch(&server, "instances/sms-434", json!({ "redaction": { "ip": "mask" } })).await;
    patch(&server, "instances/chat-434", Value::Null).await;
    let (_, set) = told(&server).await;
    let left: Vec<_> = set.groups.iter().map(|group| (group.instances[0].id.as_str(), group.key.is_some())).collect();
    assert_eq!(left, [("sms-434", false)], "and keys are told where something is hashed");
}

#[tokio::test]
async fn the_same_again_is_fine_and_another_policy_is_not() {
    let server = Server::new().await;
    let body = json!({ "id": "fax", "partner": "acme", "policy": { "redaction": { "phone": "mask" } } });
    server.make("modules", body.clone()).await;
    assert_eq!(server.ask(&server.staff, "POST", "modules", body).await.status, 200);
    let other = json!({ "id": "fax", "partner": "acme", "policy": { "redaction": { "phone": "hash" } } });
    let refused = server.ask(&server.staff, "POST", "modules", other).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "exists"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("policy"));
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_with_what_is_nearest() {
    let server = Server::new().await;
    for (policy, said) in [
        (json!({ "redaction": { "phones": "mask" } }), "did you mean `phone`"),
        (json!({ "redaction": { "secret": "keep" } }), "secrets are never kept"),
        (json!({ "redaction": { "phone": "drop" } }), "unknown action `drop`"),
        (json!({ "levels": "info" }), "did you mean `level`"),
        (json!({ "rate_limit": 5 }), "rate_limit"),
    ] {
        let answer = server.ask(&server.staff, "PATCH", "instances/sms-434", json!({ "policy": policy })).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{policy}");
        assert!(answer.json()["field"].as_str().unwrap().starts_with("policy"), "{}", answer.text);
        assert!(answer.json()["detail"].as_str().unwrap().contains(said), "{}", answer.text);
    }
    assert!(server.get(&server.staff, "instances/sms-434").await.json().get("policy").is_none());
}

#[tokio::test]
async fn pushed_lines_are_read_with_the_policy_of_their_instance() {
    let server = Server::new().await;
    patch(&server, "modules/sms", json!({ "redaction": { "phone": "mask" }, "level": "info" })).await;
    let body = "{\"level\":\"debug\",\"message\":\"to 380501234567\"}\n{\"level\":\"warn\",\"message\":\"to 380501234567\"}\n";
    let push = async |instance: &str| {
        let request = Request::builder().method("POST").uri(format!("/api/v1/ingest?instance={instance}"));
        let answer =
            server.send(request.header("authorization", format!("Bearer {}", server.ingest)).body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let told = push("sms-434").await;
    assert_eq!((&told["accepted"], &told["verdicts"]["rejected"]), (&json!(1), &json!(1)));
    assert_eq!((&told["problems"][0]["line"], &told["problems"][0]["code"]), (&json!(1), &json!("below_level")));
    assert_eq!(super::ingest::stored(&server, "sms"), ["to 38050***4567"]);
    assert_eq!(push("voice-434").await["accepted"], 2);
    assert_eq!(super::ingest::stored(&server, "voice"), ["to 380501234567"; 2]);
}
