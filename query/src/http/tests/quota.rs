//! One token's questions are bounded, and another one's go on meanwhile.

use super::*;

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_back_and_others_are_not_held_up() {
    let quota = Quota { per_second: 1, burst: 3, ..Quota::default() };
    let server = Server::with(Limits { quota, ..Limits::default() }).await;
    let (busy, other) = (server.token("acme").await, server.token("zeta").await);
    for endpoint in ["search", "histogram", "fields"] {
        assert_eq!(server.post(&format!("/api/v1/{endpoint}"), &busy, json!({"query": "x"})).await.status, 200, "{endpoint}");
    }
    for (endpoint, body) in [
        ("search", json!({})),
        ("stats", json!({"query": "| stats count()"})),
        ("parse", json!({"query": "x"})),
        ("values", json!({"field": "level"})),
    ] {
        let answer = server.post(&format!("/api/v1/{endpoint}"), &busy, body).await;
        assert_eq!(answer.problem(), (429, "over_rate".into()), "{endpoint}");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert_eq!(server.post("/api/v1/search", &other, json!({"query": "x"})).await.status, 200);
}

#[tokio::test]
async fn a_token_has_a_share_of_what_runs_at_once_and_gets_it_back() {
    let quota = Quota { searches_max: 1, tails_max: 1, ..Quota::default() };
    let server = Server::with(Limits { quota, ..Limits::default() }).await;
    let (busy, other) = (server.token("acme").await, server.token("zeta").await);
    let body = || Body::from(json!({"query": "x"}).to_string());
    let request = |token: &str| {
        Request::post("/api/v1/search")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body())
            .unwrap()
    };
    // An answer that is not read to its end holds its place.
    let held = server.request(request(&busy)).await;
    assert_eq!(held.status(), 200);
    let refused = read(server.request(request(&busy)).await).await;
    assert_eq!(refused.problem(), (429, "over_share".into()));
    assert_eq!(server.request(request(&other)).await.status(), 200);
    drop(held);
    assert_eq!(server.request(request(&busy)).await.status(), 200);

    let tail = server.tail(&busy, "x", None).await;
    let again = server.get("/api/v1/tail?query=x", &[("authorization", &format!("Bearer {busy}"))]).await;
    assert_eq!(again.problem(), (429, "over_share".into()));
    drop(tail);
    let _tail = server.tail(&busy, "x", None).await;
}
