//! Browsers: signing in and out, and requests that another site's page makes them send.

use super::*;

/// The cookie that signing in with the token sets.
async fn signed_in(server: &Server, token: &str) -> (String, Answer) {
    let answer = server.ask("", "POST", "session", json!({ "token": token })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    (cookie.split(';').next().unwrap().to_owned(), answer)
}

async fn with(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("/api/v1/{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_token_becomes_a_cookie_that_holds_no_token() {
    let server = Server::new().await;
    let (cookie, answer) = signed_in(&server, &server.acme_voice).await;
    let set = answer.headers["set-cookie"].to_str().unwrap();
    assert!(
        set.contains("; HttpOnly") && set.contains("; SameSite=Strict") && set.contains("; Path=/") && set.contains("; Max-Age=43200"),
        "{set}"
    );
    assert!(!set.contains("mart_") && !set.contains("Secure"), "{set}");
    let told = answer.json();
    assert_eq!((&told["kind"], &told["partner"], &told["instances"]), (&json!("partner"), &json!("acme"), &json!(["voice-434"])));
    assert!(told["expires_at"].is_string());
    let who = with(&server, "GET", "session", &[("cookie", &format!("a=b; {cookie}; c=d"))], Value::Null).await;
    assert_eq!((who.status, who.json()), (200, told));
    let list = with(&server, "GET", "instances", &[("cookie", &cookie)], Value::Null).await;
    assert_eq!(ids(&list, "instances"), ["voice-434"]);
}

#[tokio::test]
async fn the_cookie_is_for_tls_alone_where_the_page_came_over_it() {
    let server = Server::new().await;
    for header in [("origin", "https://logs.example"), ("x-forwarded-proto", "https")] {
        let answer = with(&server, "POST", "session", &[header, ("host", "logs.example")], json!({ "token": server.staff })).await;
        assert!(answer.headers["set-cookie"].to_str().unwrap().ends_with("; Secure"), "{header:?}");
    }
}

#[tokio::test]
async fn only_readers_sign_in() {
    let server = Server::new().await;
    for token in [&server.ingest, &server.collector] {
        assert_eq!(server.ask("", "POST", "session", json!({ "token": token })).await.code(), "forbidden");
    }
    assert_eq!(server.ask("", "POST", "session", json!({ "token": "mart_staff_x" })).await.code(), "unauthenticated");
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let server = Server::new().await;
    let (cookie, _) = signed_in(&server, &server.acme).await;
    let own = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let out = with(&server, "DELETE", "session", &own, Value::Null).await;
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("martlog_session=; Path=/; Max-Age=0"));
    assert_eq!(with(&server, "GET", "session", &own, Value::Null).await.status, 401);
}

#[tokio::test]
async fn revoking_the_token_ends_the_session() {
    let server = Server::new().await;
    let (cookie, _) = signed_in(&server, &server.zeta).await;
    let id = ids(&server.get(&server.zeta, "tokens").await, "tokens").remove(0);
    server.ask(&server.staff, "DELETE", &format!("tokens/{id}"), Value::Null).await;
    assert_eq!(with(&server, "GET", "session", &[("cookie", &cookie)], Value::Null).await.status, 401);
}

#[tokio::test]
async fn another_sites_page_changes_and_reads_nothing() {
    let server = Server::new().await;
    let (cookie, _) = signed_in(&server, &server.staff).await;
    let cookie = ("cookie", cookie.as_str());
    let host = ("host", "logs.example:8434");
    let cases: [(&[(&str, &str)], u16, u16); 9] = [
        (&[], 200, 403),
        (&[("x-martlog-request", "1")], 200, 200),
        (&[("sec-fetch-site", "same-origin")], 200, 200),
        (&[("sec-fetch-site", "none")], 200, 403),
        (&[("sec-fetch-site", "cross-site"), ("x-martlog-request", "1")], 403, 403),
        (&[("sec-fetch-site", "same-site")], 403, 403),
        (&[("origin", "http://logs.example:8434")], 200, 200),
        (&[("origin", "http://logs.example")], 403, 403),
        (&[("origin", "null")], 403, 403),
    ];
    for (headers, reads, writes) in cases {
        let headers: Vec<_> = headers.iter().copied().chain([cookie, host]).collect();
        let read = with(&server, "GET", "partners", &headers, Value::Null).await;
        assert_eq!(read.status, reads, "{headers:?}");
        let write = with(&server, "POST", "partners", &headers, json!({ "id": "acme" })).await;
        assert_eq!(write.status, writes, "{headers:?}");
        if writes == 403 {
            assert_eq!(write.code(), "cross_site");
        }
    }
    // Nor does it sign somebody in under another name.
    let foreign = [("origin", "http://evil.example"), host];
    assert_eq!(with(&server, "POST", "session", &foreign, json!({ "token": server.zeta })).await.code(), "cross_site");
    // A token of one's own is proof enough: no browser adds it by itself.
    let bearer = format!("Bearer {}", server.staff);
    let script = [("origin", "http://evil.example"), host, ("authorization", &bearer)];
    assert_eq!(with(&server, "POST", "partners", &script, json!({ "id": "acme" })).await.status, 200);
}
