//! Excerpts: what somebody without a token may read, for how long, and what takes it away.

use super::*;

impl Server {
    async fn opened(&self, id: &str, secret: &str) -> Answer {
        self.get(&format!("/api/v1/excerpts/{id}"), &[("authorization", &format!("Bearer {secret}"))]).await
    }

    /// Makes one; its id and secret.
    async fn excerpt(&self, token: &str, body: Value) -> (String, String) {
        let answer = self.post("/api/v1/excerpts", token, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let made = answer.json();
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    async fn delete(&self, path: &str, token: &str) -> Answer {
        let request = Request::delete(path).header("authorization", format!("Bearer {token}"));
        read(self.request(request.body(Body::empty()).unwrap()).await).await
    }

    async fn listed(&self, token: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/excerpts", &[("authorization", &format!("Bearer {token}"))]).await;
        answer.json()["excerpts"].as_array().unwrap().clone()
    }
}

fn messages(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["rows"].as_array().unwrap().iter().map(|row| row["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_excerpt_is_frozen_and_opened_by_its_secret_alone() {
    let server = Server::start().await;
    let (acme, zeta) = (server.token("acme").await, server.token("zeta").await);
    server.push("sms-434", lines(0..4)).await;
    server.push("voice-255", lines(10..14)).await;
    let body = json!({"query": "line", "from": "-1h", "order": "oldest", "note": "TICKET-7", "expires_in": "1d"});
    let (id, secret) = server.excerpt(&acme, body).await;
    server.push("sms-434", lines(4..6)).await;
    let answer = server.opened(&id, &secret).await;
    assert_eq!(messages(&answer), ["line 0", "line 1", "line 2", "line 3"], "its maker's own, as they were");
    let (found, _) = server.search(&acme, json!({"query": "line", "from": "-1h", "order": "oldest"})).await;
    let shown = answer.json();
    assert_eq!((&shown["rows"][0], &shown["note"], &shown["query"]), (&found[0], &json!("TICKET-7"), &json!("line")));
    assert_eq!(shown["complete"]["gaps"], json!([]));
    // It is no token, and no token opens it.
    assert_eq!(server.post("/api/v1/search", &secret, json!({"query": ""})).await.status, 401);
    for other in [&acme, &zeta, &server.staff, "nothing"] {
        assert_eq!(server.opened(&id, other).await.problem(), (401, "unauthenticated".to_owned()));
    }
    let (_, other) = server.excerpt(&zeta, json!({"query": "line", "from": "-1h"})).await;
    let absent = server.opened("0000000000000000", &secret).await;
    let with_another = server.opened(&id, &other).await;
    let same = |answer: &Answer| (answer.status, answer.json()["detail"].clone());
    assert_eq!(same(&with_another), same(&absent));
    assert_eq!(absent.status, 404);
    // Who opened it is told to who made it, and to nobody else.
    let listed = server.listed(&acme).await;
    assert_eq!((listed.len(), &listed[0]["opened"], &listed[0]["rows"], &listed[0]["note"]), (1, &json!(1), &json!(4), &json!("TICKET-7")));
    assert!(listed[0]["last_opened"].is_string() && listed[0].get("secret").is_none());
    assert_eq!((server.listed(&zeta).await.len(), server.listed(&server.staff).await.len()), (1, 2));
    let records = async |token: &str, action: &str| {
        let path = format!("/api/v1/audit?action={action}");
        server.get(&path, &[("authorization", &format!("Bearer {token}"))]).await.json()["records"].as_array().unwrap().clone()
    };
    let opened = records(&acme, "excerpt_opened").await;
    assert_eq!(
        (opened.len(), &opened[0]["kind"], &opened[0]["subject"], &opened[0]["rows"]),
        (1, &json!("excerpt"), &json!(id), &json!(4))
    );
    assert_eq!(records(&zeta, "excerpt_opened").await.len(), 0);
    assert_eq!(records(&acme, "excerpt_made").await[0]["rows"], 4);
    // Revoked at once, by its own alone.
    let path = format!("/api/v1/excerpts/{id}");
    assert_eq!(server.delete(&path, &zeta).await.status, 404);
    assert_eq!(server.delete(&path, &acme).await.status, 204);
    assert_eq!(same(&server.opened(&id, &secret).await), same(&absent));
    assert_eq!(server.delete(&path, &acme).await.status, 404);
    assert_eq!(records(&acme, "excerpt_revoked").await[0]["subject"], json!(id));
    assert!(server.listed(&acme).await.is_empty());
}

#[tokio::test]
async fn an_excerpt_ends_with_its_time_and_with_the_token_that_made_it() {
    let server = Server::start().await;
    let (token, token_id) = server.minted("acme").await;
    server.push("sms-434", lines(0..2)).await;
    let (short, secret) = server.excerpt(&token, json!({"from": "-1h", "expires_in": "300ms"})).await;
    assert_eq!(messages(&server.opened(&short, &secret).await).len(), 2);
    while server.opened(&short, &secret).await.status == 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.opened(&short, &secret).await.problem(), (404, "not_found".to_owned()));
    let (id, secret) = server.excerpt(&token, json!({"from": "-1h"})).await;
    server.indexer.registry().revoke_token(&token_id).await.unwrap();
    assert_eq!(server.opened(&id, &secret).await.status, 404);
}

#[tokio::test]
async fn what_is_erased_goes_from_excerpts_too() {
    let server = Server::start().await;
    let acme = server.token("acme").await;
    let guilty = line(2_000, "a call", r#"{"account_id":"+7 912 345-67-89"}"#);
    server.push("sms-434", vec![line(3_000, "innocent", ""), guilty]).await;
    server.push("voice-255", vec![line(1_000, "of zeta", "")]).await;
    let staff = server.staff.clone();
    let (own, own_secret) =
        server.excerpt(&acme, json!({"query": "account_id:79123456789 OR innocent", "from": "-1h", "order": "oldest"})).await;
    let (mixed, mixed_secret) =
        server.excerpt(&staff, json!({"query": "*", "from": "-1h", "order": "oldest", "note": "of acme and zeta"})).await;
    assert_eq!(messages(&server.opened(&mixed, &mixed_secret).await), ["innocent", "a call", "of zeta"]);
    let done = async |begun: Answer| {
        let id = begun.json()["id"].as_str().unwrap().to_owned();
        loop {
            let report = server.indexer.erasure(&id).await.unwrap().unwrap();
            if report.state == martlog_indexer::erase::State::Done {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    done(server.post("/api/v1/erasures", &staff, json!({"account": "79123456789"})).await).await;
    let shown = server.opened(&own, &own_secret).await;
    assert_eq!(messages(&shown), ["innocent"]);
    assert_eq!((&shown.json()["erased"], &shown.json()["query"]), (&json!(1), &Value::Null), "the query named it");
    assert_eq!(messages(&server.opened(&mixed, &mixed_secret).await), ["innocent", "of zeta"]);
    done(server.delete("/api/v1/partners/acme?purge=true", &staff).await).await;
    assert_eq!(server.opened(&own, &own_secret).await.status, 404);
    let shown = server.opened(&mixed, &mixed_secret).await;
    assert_eq!(messages(&shown), ["of zeta"]);
    assert_eq!((&shown.json()["erased"], &shown.json()["note"]), (&json!(2), &Value::Null));
}

#[tokio::test]
async fn excerpts_have_bounds() {
    let server = Server::start().await;
    let acme = server.token("acme").await;
    server.push("sms-434", lines(0..3)).await;
    for (body, code) in [
        (json!({"limit": 0}), "bad_limit"),
        (json!({"limit": 1_001}), "bad_limit"),
        (json!({"expires_in": "91d"}), "invalid"),
        (json!({"expires_in": "0s"}), "invalid"),
        (json!({"expires_in": "soon"}), "invalid"),
        (json!({"note": "x".repeat(501)}), "invalid"),
        (json!({"note": "two\nlines"}), "invalid"),
        (json!({"query": "| stats count()"}), "E110"),
    ] {
        assert_eq!(server.post("/api/v1/excerpts", &acme, body.clone()).await.problem(), (400, code.to_owned()), "{body}");
    }
    for _ in 0..martlog_indexer::excerpts::OF_ONE_MAX {
        server.excerpt(&acme, json!({"from": "-1h"})).await;
    }
    let more = server.post("/api/v1/excerpts", &acme, json!({"from": "-1h"})).await;
    assert_eq!(more.problem(), (409, "too_many_excerpts".to_owned()));
    let zeta = server.token("zeta").await;
    server.excerpt(&zeta, json!({"from": "-1h"})).await;
    let answer = server.post("/api/v1/excerpts", &zeta, json!({"from": "-1h", "limit": 1})).await;
    assert_eq!(answer.json()["rows"], 0, "it has no lines");
    server.push("voice-255", (0..40).map(|n| line(n, &"x".repeat(60_000), "")).collect()).await;
    let large = server.post("/api/v1/excerpts", &zeta, json!({"from": "-1h"})).await;
    assert_eq!(large.problem(), (400, "too_much".to_owned()));
}

#[tokio::test]
async fn an_excerpt_says_the_end_of_its_makers_token_where_that_comes_first() {
    let server = Server::start().await;
    server.push("sms-434", lines(0..2)).await;
    let ends = "2199-01-31T00:00:00Z";
    let new = |expires_at: &str| NewToken {
        kind: Kind::Partner,
        partner: Some("acme".into()),
        instances: None,
        cluster: None,
        expires_at: Some(expires_at.to_owned()),
        note: None,
    };
    let soon = (chrono::Utc::now() + chrono::Duration::hours(2)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    for (token_ends, of_token) in [(soon.as_str(), true), (ends, false)] {
        let token = server.indexer.registry().mint_token(new(token_ends)).await.unwrap().text;
        let answer = server.post("/api/v1/excerpts", &token, json!({"query": "line", "from": "-1h", "expires_in": "1d"})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.json()["expires_at"] == json!(token_ends), of_token, "{}", answer.text);
    }
}
