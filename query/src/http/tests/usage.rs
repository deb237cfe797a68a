//! How much was said: of one's own alone, also once it is published, and nothing of a range that is none.

use super::*;

impl Server {
    async fn usage(&self, token: &str, parameters: &str) -> Answer {
        self.get(&format!("/api/v1/usage{parameters}"), &[("authorization", &format!("Bearer {token}"))]).await
    }
}

/// Module, instance, lines and errors of each entry, days put together.
fn sums(answer: &Answer) -> Vec<(String, String, u64)> {
    let mut sums: Vec<(String, String, u64)> = Vec::new();
    for day in answer.json()["days"].as_array().unwrap() {
        let text = |name: &str| day[name].as_str().unwrap().to_owned();
        let lines = day["lines"].as_u64().unwrap();
        match sums.iter_mut().find(|(_, instance, _)| *instance == text("instance")) {
            Some(sum) => sum.2 += lines,
            None => sums.push((text("module"), text("instance"), lines)),
        }
    }
    sums
}

#[tokio::test]
async fn a_partner_is_told_of_its_own_and_bytes_are_known_once_lines_are_published() {
    let server = Server::start().await;
    let (acme, zeta) = (server.token("acme").await, server.token("zeta").await);
    server.push("sms-434", lines(0..50)).await;
    server.push("voice-255", lines(0..7)).await;
    let own = server.usage(&acme, "").await;
    assert_eq!(own.status, 200, "{}", own.text);
    assert_eq!(sums(&own), [("sms".into(), "sms-434".into(), 50)]);
    assert!(!own.text.contains("voice") && !own.text.contains("zeta"), "{}", own.text);
    assert_eq!(sums(&server.usage(&zeta, "").await), [("voice".into(), "voice-255".into(), 7)]);
    let total =
        |answer: &Answer, name: &str| answer.json()["days"].as_array().unwrap().iter().map(|day| day[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((total(&own, "unpublished"), total(&own, "stored_bytes")), (50, 0));
    server.indexer.flush().await.unwrap();
    let published = server.usage(&acme, "?from=-2d").await;
    assert_eq!((total(&published, "lines"), total(&published, "unpublished")), (50, 0));
    assert!(total(&published, "stored_bytes") > 0, "{}", published.text);
    let instances = Some(vec!["sms-434".to_owned()]);
    let new = NewToken { kind: Kind::Partner, partner: Some("acme".into()), instances, cluster: None, expires_at: None, note: None };
    let narrow = server.indexer.registry().mint_token(new).await.unwrap().text;
    let some = server.usage(&narrow, "").await.json();
    assert_eq!((some["days"][0]["instance"].as_str(), some["days"][0]["stored_bytes"].is_null()), (Some("sms-434"), true));
    let day = published.json()["days"][0]["day"].as_str().unwrap().to_owned();
    assert!(day.len() == 10 && day.starts_with("20"), "{day}");
}

#[tokio::test]
async fn a_range_that_is_none_is_refused_and_one_without_lines_is_empty() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..3)).await;
    for (parameters, code) in [("?from=soon", "bad_time_range"), ("?from=now&to=-1d", "bad_time_range"), ("?since=-1d", "bad_parameters")] {
        assert_eq!(server.usage(&token, parameters).await.problem(), (400, code.to_owned()), "{parameters}");
    }
    let empty = server.usage(&token, "?from=2020-01-01&to=2020-01-03").await;
    assert_eq!((empty.json()["days"].as_array().unwrap().len(), empty.json()["truncated"].as_bool()), (0, Some(false)));
    assert_eq!(server.usage("mart_partner_none", "").await.status, 401);
}
