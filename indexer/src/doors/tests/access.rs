//! Who may do what: every door with every kind of token.

use super::*;

/// The columns of the table.
const CALLERS: [&str; 7] = ["none", "mistyped", "staff", "acme", "zeta", "ingest", "collector"];

#[tokio::test]
async fn every_door_lets_in_whom_it_should() {
    let server = Server::new().await;
    let mistyped = format!("{}x", server.staff);
    let tokens = ["", mistyped.as_str(), &server.staff, &server.acme, &server.zeta, &server.ingest, &server.collector];
    // Requests that are refused for what they ask still show who is let in: 400, 404 and 409 come behind the door.
    let doors: [(&str, &str, Value, [u16; 7]); 33] = [
        ("GET", "partners", Value::Null, [401, 401, 200, 200, 200, 403, 403]),
        ("GET", "partners/acme", Value::Null, [401, 401, 200, 200, 404, 403, 403]),
        ("GET", "partners/nobody", Value::Null, [401, 401, 404, 404, 404, 403, 403]),
        ("POST", "partners", json!({ "id": "acme" }), [401, 401, 200, 403, 403, 403, 403]),
        ("PATCH", "partners/acme", json!({}), [401, 401, 200, 403, 403, 403, 403]),
        ("DELETE", "partners/acme", Value::Null, [401, 401, 409, 403, 403, 403, 403]),
        ("GET", "modules", Value::Null, [401, 401, 200, 200, 200, 403, 403]),
        ("GET", "modules/sms", Value::Null, [401, 401, 200, 200, 404, 403, 403]),
        ("POST", "modules", json!({ "id": "sms", "partner": "acme" }), [401, 401, 200, 403, 403, 403, 403]),
        ("PATCH", "modules/sms", json!({}), [401, 401, 200, 403, 403, 403, 403]),
        ("DELETE", "modules/sms", Value::Null, [401, 401, 409, 403, 403, 403, 403]),
        ("GET", "instances", Value::Null, [401, 401, 200, 200, 200, 403, 403]),
        ("GET", "instances/sms-434", Value::Null, [401, 401, 200, 200, 404, 403, 403]),
        ("GET", "instances/sms-999", Value::Null, [401, 401, 404, 404, 404, 403, 403]),
        ("POST", "instances", json!({}), [401, 401, 400, 403, 403, 403, 403]),
        ("PATCH", "instances/sms-434", json!({}), [401, 401, 200, 403, 403, 403, 403]),
        ("DELETE", "instances/sms-434", Value::Null, [401, 401, 409, 403, 403, 403, 403]),
        ("GET", "tokens", Value::Null, [401, 401, 200, 200, 200, 403, 403]),
        ("GET", "tokens/nothing", Value::Null, [401, 401, 404, 404, 404, 403, 403]),
        ("POST", "tokens", json!({ "kind": "none" }), [401, 401, 400, 403, 403, 403, 403]),
        ("DELETE", "tokens/nothing", Value::Null, [401, 401, 404, 403, 403, 403, 403]),
        ("GET", "quarantine", Value::Null, [401, 401, 200, 403, 403, 403, 403]),
        ("POST", "quarantine/uid/release", Value::Null, [401, 401, 404, 403, 403, 403, 403]),
        ("GET", "nodes", Value::Null, [401, 401, 200, 403, 403, 403, 403]),
        ("GET", "session", Value::Null, [401, 401, 200, 200, 200, 200, 200]),
        ("POST", "session", json!({ "token": "mart_x" }), [401; 7]),
        ("DELETE", "session", Value::Null, [204; 7]),
        ("GET", "policy", Value::Null, [401, 401, 403, 403, 403, 403, 200]),
        ("POST", "append", Value::Null, [401, 401, 403, 403, 403, 403, 400]),
        ("POST", "positions", json!({ "node": "n", "files": [] }), [401, 401, 403, 403, 403, 403, 200]),
        ("POST", "heartbeat", json!({ "node": "n", "time_ns": 1, "files": [] }), [401, 401, 403, 403, 403, 403, 204]),
        ("POST", "ingest?instance=chat-434", Value::Null, [401, 401, 403, 403, 403, 404, 403]),
        ("PUT", "partners", Value::Null, [405; 7]),
    ];
    for (method, path, body, expected) in doors {
        for ((caller, token), expected) in CALLERS.iter().zip(tokens).zip(expected) {
            let answer = server.ask(token, method, path, body.clone()).await;
            assert_eq!(answer.status, expected, "{method} {path} by {caller}: {}", answer.text);
            if expected >= 400 {
                let code = answer.code();
                assert_eq!(code == "unauthenticated", expected == 401, "{method} {path} by {caller}: {code}");
                assert_eq!(answer.headers.contains_key("www-authenticate"), expected == 401);
            }
        }
    }
}

#[tokio::test]
async fn absent_and_not_yours_are_one_answer() {
    let server = Server::new().await;
    let secret = ids(&server.get(&server.staff, "tokens").await, "tokens");
    for (foreign, absent) in
        [("partners/zeta", "partners/none"), ("modules/chat", "modules/none"), ("instances/chat-434", "instances/none-434")]
    {
        let (foreign_answer, absent_answer) = (server.get(&server.acme, foreign).await, server.get(&server.acme, absent).await);
        let told = |answer: &Answer, asked: &str| {
            let mut problem = answer.json();
            problem["request_id"] = Value::Null;
            problem.to_string().replace(asked.split('/').next_back().unwrap(), "<id>")
        };
        assert_eq!(told(&foreign_answer, foreign), told(&absent_answer, absent));
    }
    let own = ids(&server.get(&server.acme, "tokens").await, "tokens");
    for token in secret.iter().filter(|token| !own.contains(token)) {
        assert_eq!(server.get(&server.acme, &format!("tokens/{token}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_partner_lists_what_is_its_own() {
    let server = Server::new().await;
    let list = async |token: &str, name: &'static str| ids(&server.get(token, name).await, name);
    assert_eq!(list(&server.staff, "partners").await, ["acme", "zeta"]);
    assert_eq!(list(&server.acme, "partners").await, ["acme"]);
    assert_eq!(list(&server.acme, "modules").await, ["sms", "voice"]);
    assert_eq!(list(&server.acme, "instances").await, ["sms-434", "voice-434"]);
    assert_eq!(list(&server.acme_voice, "modules").await, ["voice"]);
    assert_eq!(list(&server.acme_voice, "instances").await, ["voice-434"]);
    assert_eq!(list(&server.zeta, "instances").await, ["chat-434"]);
    assert_eq!(list(&server.staff, "tokens").await.len(), 6);
    assert_eq!(list(&server.acme, "tokens").await.len(), 3);
    assert_eq!(list(&server.acme_voice, "tokens").await.len(), 1);
    for token in [&server.staff, &server.acme] {
        let text = server.get(token, "tokens").await.text;
        assert!(!text.contains("mart_") && !text.contains("digest"), "{text}");
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_from_then_on() {
    let server = Server::new().await;
    let own = ids(&server.get(&server.zeta, "tokens").await, "tokens");
    assert_eq!(server.ask(&server.staff, "DELETE", &format!("tokens/{}", own[0]), Value::Null).await.status, 204);
    assert_eq!(server.get(&server.zeta, "partners").await.status, 401);
}

#[tokio::test]
async fn the_header_has_one_form() {
    let server = Server::new().await;
    let by = async |header: String| {
        let request = Request::builder().uri("/api/v1/partners").header("authorization", header).body(Body::empty()).unwrap();
        server.send(request).await.status
    };
    assert_eq!(by(format!("Bearer {}", server.acme)).await, 200);
    assert_eq!(by(format!("bearer  {} ", server.acme)).await, 200);
    for wrong in [server.acme.clone(), format!("Basic {}", server.acme), "Bearer".to_owned(), "Bearer \u{e9}".to_owned(), String::new()] {
        assert_eq!(by(wrong).await, 401);
    }
}
