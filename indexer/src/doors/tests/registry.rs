//! The registry's doors: bodies, statuses, pages, errors that name the member.

use super::*;

#[tokio::test]
async fn what_is_made_is_shown_changed_and_removed() {
    let server = Server::new().await;
    let staff = server.staff.as_str();
    let body = json!({ "id": "fax", "partner": "acme", "name": "Fax" });
    let made = server.make("modules", body.clone()).await;
    assert_eq!((&made["id"], &made["partner"], &made["name"]), (&json!("fax"), &json!("acme"), &json!("Fax")));
    assert!(made["created_at"].as_str().unwrap().ends_with('Z'));
    let again = server.ask(staff, "POST", "modules", body).await;
    assert_eq!((again.status, again.json()), (200, made.clone()));
    let other = server.ask(staff, "POST", "modules", json!({ "id": "fax", "partner": "zeta" })).await;
    assert_eq!((other.status, other.code().as_str()), (409, "exists"));
    let patched = server.ask(staff, "PATCH", "modules/fax", json!({ "name": null })).await;
    assert_eq!(patched.status, 200);
    assert!(patched.json().get("name").is_none());
    assert_eq!(server.ask(staff, "DELETE", "modules/fax", Value::Null).await.status, 204);
    assert_eq!(server.get(staff, "modules/fax").await.status, 404);
    assert_eq!(server.ask(staff, "DELETE", "modules/fax", Value::Null).await.status, 404);
}

#[tokio::test]
async fn an_instance_is_shown_as_it_was_made() {
    let server = Server::new().await;
    let selector = json!({ "namespace": "shared", "labels": { "app": "sms" } });
    let body = json!({ "id": "sms-7", "module": "sms", "csp": "Telco.7", "environment": "staging", "selector": selector });
    let made = server.make("instances", body.clone()).await;
    assert_eq!(made["released"], json!({ "pods": 0, "rows": 0, "waiting": 0 }));
    let shown = server.get(&server.acme, "instances/sms-7").await.json();
    for (member, value) in body.as_object().unwrap() {
        assert_eq!(&shown[member], value);
    }
    assert_eq!(shown["partner"], "acme");
    let rival = json!({ "id": "chat-7", "module": "chat", "csp": "7", "selector": { "namespace": "shared" } });
    let refused = server.ask(&server.staff, "POST", "instances", rival).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "selector_overlaps"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("`sms-7`"));
}

#[tokio::test]
async fn an_error_names_the_member() {
    let server = Server::new().await;
    for (path, body, field) in [
        ("partners", r#"{"id":"A"}"#, "id"),
        ("partners", r#"{"id":7}"#, "id"),
        ("partners", r#"{"id":"a","colour":1}"#, "colour"),
        ("instances", r#"{"id":"x","module":"sms","csp":"1","selector":{"namespace":["a"]}}"#, "selector.namespace"),
        ("instances", r#"{"id":"x","module":"sms","csp":"1","selector":{"namespace":"a","labels":{"app":1}}}"#, "selector.labels.app"),
        ("instances", r#"{"id":"x","module":"sms","csp":"a b","selector":{"namespace":"a"}}"#, "csp"),
        ("instances", r#"{"id":"x","module":"none","csp":"1","selector":{"namespace":"a"}}"#, "module"),
        ("tokens", r#"{"kind":"root"}"#, "kind"),
        ("tokens", r#"{"kind":"ingest","instances":["chat-434","sms-434"]}"#, "instances"),
        ("tokens", r#"{"kind":"staff","expires_at":"soon"}"#, "expires_at"),
    ] {
        let request =
            Request::builder().method("POST").uri(format!("/api/v1/{path}")).header("authorization", format!("Bearer {}", server.staff));
        let answer = server.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{body}");
        assert_eq!(answer.json()["field"], field, "{}", answer.text);
        assert!(answer.json()["detail"].as_str().unwrap().contains(field.split('.').next_back().unwrap()), "{}", answer.text);
    }
    for body in ["", "{", r#"{"id":"a"} trailing"#, "[]", r#"{"name":"without id"}"#] {
        let request = Request::builder().method("POST").uri("/api/v1/partners").header("authorization", format!("Bearer {}", server.staff));
        let answer = server.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_json"), "{body}");
    }
}

#[tokio::test]
async fn a_list_has_pages() {
    let server = Server::new().await;
    let page = async |query: &str| server.get(&server.staff, &format!("modules?{query}")).await;
    let first = page("limit=2").await;
    assert_eq!((ids(&first, "modules"), &first.json()["next"]), (vec!["chat".to_owned(), "sms".to_owned()], &json!("sms")));
    let second = page("limit=2&after=sms").await;
    assert_eq!(ids(&second, "modules"), ["voice"]);
    assert!(second.json().get("next").is_none());
    assert!(ids(&page("after=zzz").await, "modules").is_empty());
    for wrong in ["limit=x", "limit=-1", "before=a"] {
        let answer = page(wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_query"), "{wrong}");
    }
}

#[tokio::test]
async fn a_token_is_told_once() {
    let server = Server::new().await;
    let request = json!({ "kind": "partner", "partner": "acme", "note": "for CI", "expires_at": "2099-01-31T00:00:00+01:00" });
    let answer = server.ask(&server.staff, "POST", "tokens", request).await;
    assert_eq!((answer.status, &answer.headers["cache-control"]), (201, &"no-store".parse().unwrap()));
    let made = answer.json();
    assert_eq!((&made["kind"], &made["note"], &made["expires_at"]), (&json!("partner"), &json!("for CI"), &json!("2099-01-30T23:00:00Z")));
    assert_eq!(server.get(made["token"].as_str().unwrap(), "partners").await.status, 200);
    let mut shown = server.get(&server.acme, &format!("tokens/{}", made["id"].as_str().unwrap())).await.json();
    shown["token"] = made["token"].clone();
    assert_eq!(shown, made);
}
