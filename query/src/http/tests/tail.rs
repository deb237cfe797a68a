//! The tail over HTTP: what is new, each line once from a cursor on, polled or followed, until its token ends.

use super::*;

#[tokio::test]
async fn a_tail_shows_new_lines_and_goes_on_behind_its_cursor() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", vec![line(0, "before", "")]).await;
    let mut tail = server.tail(&token, "-noise%20@5m", None).await;
    let opening = tail.next().await.unwrap();
    assert_eq!((opening.name.as_str(), &opening.data["warnings"][0]["code"]), ("status", &json!("W210")));
    let begin = opening.id.unwrap();
    server.push("sms-434", vec![line(0, "one", ""), line(0, "noise", ""), line(0, "two", ""), line(0, "three", "")]).await;
    let (first, cursor) = tail.row().await;
    assert_eq!((first.as_str(), tail.row().await.0.as_str()), ("one", "two"));
    drop(tail);
    server.push("sms-434", vec![line(0, "four", "")]).await;
    server.indexer.flush().await.unwrap();
    server.push("sms-434", vec![line(0, "five", "")]).await;
    let mut resumed = server.tail(&token, "-noise", Some(&cursor)).await;
    for expected in ["two", "three", "four", "five"] {
        assert_eq!(resumed.row().await.0, expected, "without a hole and nothing twice");
    }
    let mut again = server.tail(&token, &format!("-noise&cursor={begin}"), None).await;
    assert_eq!(again.row().await.0, "one");
    let damaged = server.get("/api/v1/tail?cursor=x", &[("authorization", &format!("Bearer {token}"))]).await;
    assert_eq!(damaged.problem(), (400, "cursor_damaged".into()));
}

#[tokio::test]
async fn a_tail_ends_with_its_token() {
    let server = Server::start().await;
    let (token, id) = server.minted("acme").await;
    let mut tail = server.tail(&token, "", None).await;
    assert_eq!(tail.next().await.unwrap().name, "status");
    server.indexer.registry().revoke_token(&id).await.unwrap();
    let mut last = None;
    while let Some(told) = tail.next().await {
        last = Some(told);
    }
    assert!(last.unwrap().data["end"].as_str().unwrap().contains("revoked"));
}

#[tokio::test]
async fn a_tail_near_the_present_wants_a_length_of_time() {
    let server = Server::start().await;
    let token = format!("Bearer {}", server.token("acme").await);
    for lag_max in ["soon", "500ms", "-5s", ""] {
        let answer = server.get(&format!("/api/v1/tail?lag_max={lag_max}"), &[("authorization", &token)]).await;
        assert_eq!(answer.problem(), (400, "bad_parameters".to_owned()), "{lag_max}");
        assert!(answer.text.contains("lag_max=30s"), "{}", answer.text);
    }
}

/// What came since the cursor, as a program gets it that asks now and then, and the cursor for the next time.
async fn poll(server: &Server, token: &str, query: &str, cursor: Option<&str>) -> (Vec<String>, String) {
    let mut events = server.tail(token, query, cursor).await;
    let mut messages = Vec::new();
    loop {
        let told = events.next().await.expect("the tail goes on");
        match (told.name.as_str(), told.id) {
            ("row", _) => messages.push(told.data["message"].as_str().unwrap().to_owned()),
            ("status", Some(cursor)) if told.data.get("query").is_none() => return (messages, cursor),
            _ => {}
        }
    }
}

#[tokio::test]
async fn polling_by_the_cursor_of_a_tail_gives_each_line_once() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let (nothing, mut cursor) = poll(&server, &token, "line", None).await;
    assert!(nothing.is_empty());
    let mut seen = Vec::new();
    for (round, lines_of_round) in [0..3, 3..3, 3..9].into_iter().enumerate() {
        server.push("sms-434", lines(lines_of_round.clone())).await;
        server.push("sms-434", vec![line(0, "other", "")]).await;
        if round == 2 {
            server.indexer.flush().await.unwrap();
        }
        let (messages, next) = poll(&server, &token, "line", Some(&cursor)).await;
        assert_eq!(messages.len(), lines_of_round.count());
        seen.extend(messages);
        cursor = next;
    }
    let all: Vec<String> = lines(0..9).into_iter().map(|record| record.message).collect();
    assert_eq!(seen, all);
}
