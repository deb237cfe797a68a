//! What a search that found nothing says: the right reason for each way to find nothing, and nothing of anybody else.

use super::*;

impl Server {
    /// The `why` of a search that must find nothing.
    async fn why(&self, token: &str, body: Value) -> Value {
        let (rows, mut summary) = self.search(token, body.clone()).await;
        assert!(rows.is_empty(), "{body} finds {rows:?}");
        summary["why"].take()
    }

    async fn acme(&self) -> String {
        let token = self.token("acme").await;
        self.push("sms-434", lines(0..20)).await;
        token
    }
}

fn count(lines: u64) -> Value {
    json!({"lines": lines, "exact": true})
}

#[tokio::test]
async fn each_clause_is_counted_and_the_one_that_is_in_the_way_is_named() {
    let server = Server::start().await;
    let token = server.acme().await;
    let why = server.why(&token, json!({"query": "module:sms line level:error"})).await;
    assert_eq!(why["code"], "drop_clause", "{why}");
    assert_eq!(why["fix"], json!({"query": "module:sms line"}));
    let clauses = why["clauses"].as_array().unwrap();
    let told: Vec<_> = clauses.iter().map(|clause| (clause["text"].as_str().unwrap(), &clause["alone"], &clause["without"])).collect();
    assert_eq!(told, [("module:sms", &count(20), &count(0)), ("line", &count(20), &count(0)), ("level:error", &count(0), &count(20))]);
    assert_eq!(clauses[2]["span"], json!({"utf16": [16, 27], "bytes": [16, 27]}));
    assert_eq!(
        why["scope"],
        json!({"quarantine": false, "partner": "acme", "instances": ["sms-434"], "instances_total": 1, "lines": count(20)})
    );
    assert!(why["newest"]["id"].as_str().unwrap().starts_with("sms/") && why["unfinished"] == json!([]), "{why}");
    assert_eq!(why.get("quarantine"), None, "partners hear nothing of the quarantine");
}

#[tokio::test]
async fn lines_outside_of_the_range_are_pointed_at_and_the_fix_finds_them() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", vec![line(7_200_000, "old needle", ""), line(60_000, "new needle", ""), line(3_600_000, "hay", "")]).await;
    let why = server.why(&token, json!({"query": "needle", "from": "-90m", "to": "-30m"})).await;
    assert_eq!(why["code"], "widen_time");
    assert!(why["before"]["time"].as_str() < why["after"]["time"].as_str(), "{why}");
    // Half an hour before the range lies the one, 29 minutes behind it the other.
    let to = why["fix"]["to"].as_str().unwrap();
    let (rows, _) = server.search(&token, json!({"query": "needle", "from": "-90m", "to": to})).await;
    assert_eq!(rows[0]["message"], "new needle");
    assert_eq!(rows[0]["id"], why["after"]["id"]);

    let why = server.why(&token, json!({"query": "old", "from": "-90m"})).await;
    assert_eq!((&why["code"], &why["after"]), (&json!("widen_time"), &Value::Null));
    let (rows, _) = server.search(&token, json!({"query": "old", "from": why["fix"]["from"]})).await;
    assert_eq!(rows[0]["id"], why["before"]["id"]);
    // A time in the query cannot be moved beside it.
    let why = server.why(&token, json!({"query": "old @90m"})).await;
    assert_eq!((why["code"].as_str(), why.get("fix")), (Some("widen_time"), None));
}

#[tokio::test]
async fn times_without_any_line_say_so() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let why = server.why(&token, json!({"query": "x"})).await;
    assert_eq!((why["code"].as_str(), &why["newest"], &why["oldest"]), (Some("no_lines_at_all"), &Value::Null, &Value::Null));
    assert!(why["message"].as_str().unwrap().contains("staff"), "{why}");
    server.push("sms-434", vec![line(3_600_000, "hay", "")]).await;
    let why = server.why(&token, json!({"query": "x", "from": "-3h", "to": "-2h"})).await;
    assert_eq!(why["code"], "outside_retention", "{why}");
    let why = server.why(&token, json!({"query": "x", "from": "-10m"})).await;
    assert_eq!((why["code"].as_str(), &why["scope"]["lines"]), (Some("no_lines_in_range"), &count(0)));
    assert_eq!(why["newest"], why["oldest"]);
    let why = server.why(&token, json!({"query": "", "from": "-10m"})).await;
    assert_eq!((why["code"].as_str(), &why["clauses"]), (Some("widen_time"), &json!([])));
}

#[tokio::test]
async fn names_that_are_none_come_with_the_nearest_that_are() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let attributes = r#"{"status":"refused","path":"/v1"}"#;
    server.push("sms-434", vec![line(0, "hay", attributes)]).await;
    let why = server.why(&token, json!({"query": "hay instance:sms-43"})).await;
    assert_eq!((&why["code"], &why["fix"]), (&json!("unknown_value"), &json!({"query": "hay instance:sms-434"})));
    let span = json!({"utf16": [13, 19], "bytes": [13, 19]});
    assert_eq!(why["unknown"], json!([{"span": span, "field": "instance", "value": "sms-43", "near": ["sms-434"]}]));
    let why = server.why(&token, json!({"query": "status=refusd"})).await;
    assert_eq!((&why["code"], &why["unknown"][0]["near"]), (&json!("unknown_value"), &json!(["refused"])), "{why}");
    let why = server.why(&token, json!({"query": "pathh:v1"})).await;
    assert_eq!((&why["code"], &why["fix"]), (&json!("unknown_field"), &json!({"query": "path:v1"})), "{why}");
    names_within_groups(&server, &token).await;
    let why = server.why(&token, json!({"query": "status:accepted"})).await;
    assert_eq!((&why["code"], &why["unknown"]), (&json!("no_such_lines"), &json!([])), "{why}");
}

/// Alternatives and groups are looked into, whether they find something or not; what is negated is not.
async fn names_within_groups(server: &Server, token: &str) {
    let told = |why: &Value| -> Vec<(String, String, Value)> {
        let of = |unknown: &Value| {
            let text = |key: &str| unknown[key].as_str().unwrap_or("").to_owned();
            (text("field"), text("value"), unknown["near"].clone())
        };
        why["unknown"].as_array().unwrap().iter().map(of).collect()
    };
    let one = |field: &str, value: &str, near: Value| (field.to_owned(), value.to_owned(), near);
    let why = server.why(token, json!({"query": "hay (instance:sms-43 OR (pathh:v1 level:info))"})).await;
    assert_eq!(told(&why), [one("instance", "sms-43", json!(["sms-434"])), one("pathh", "", json!(["path"]))], "{why}");
    assert_eq!((&why["code"], &why["fix"]["query"]), (&json!("unknown_value"), &json!("hay (instance:sms-434 OR (pathh:v1 level:info))")));
    let why = server.why(token, json!({"query": "instance:(sms-43 OR sms-44) hay"})).await;
    assert_eq!((why["code"].as_str(), told(&why).len()), (Some("unknown_value"), 2), "{why}");
    // One alternative finds the line; the other is a mistake all the same.
    let why = server.why(token, json!({"query": "(hay OR pathh:(v1 OR v2)) level:error"})).await;
    assert_eq!((&why["code"], told(&why)), (&json!("drop_clause"), vec![one("pathh", "", json!(["path"]))]), "{why}");
    let why = server.why(token, json!({"query": "-instance:sms-43 -(pathh:v1 OR csp:4) level:error"})).await;
    assert_eq!(told(&why), [], "{why}");
}

#[tokio::test]
async fn a_reason_is_given_on_the_first_empty_page_alone_and_not_when_it_is_not_wanted() {
    let server = Server::start().await;
    let token = server.acme().await;
    let (_, summary) = server.search(&token, json!({"query": "nothing", "explain": false})).await;
    assert_eq!(summary.get("why"), None);
    let (rows, summary) = server.search(&token, json!({"query": "line", "limit": 5})).await;
    assert_eq!((rows.len(), summary.get("why")), (5, None));
    let (rows, last) = server.search(&token, json!({"query": "line", "limit": 100, "cursor": summary["cursor"]})).await;
    assert_eq!((rows.len(), last.get("why")), (15, None));
}

fn last_name(query: &str) -> &str {
    query.split([':', '=']).next_back().unwrap().trim_end_matches(')')
}

#[tokio::test]
async fn what_is_somebody_elses_is_answered_as_what_is_not_there() {
    let server = Server::start().await;
    let token = server.acme().await;
    server.push("voice-255", vec![line(0, "xylophone", r#"{"trumpet":"loud"}"#)]).await;
    let same = [
        ("instance:voice-255", "instance:vouce-256"),
        ("module:voice", "module:vouce"),
        ("csp:255", "csp:256"),
        ("partner:zeta", "partner:zota"),
        ("level:error (line OR instance:voice-255)", "level:error (line OR instance:vouce-256)"),
        ("xylophone", "xylophoni"),
        ("trumpet:*", "trumpot:*"),
        ("trumpet:loud", "trumpot:loud"),
        ("trumpet=lou", "trumpot=lou"),
    ];
    for (theirs, nobodys) in same {
        let (theirs_why, nobodys_why) =
            (server.why(&token, json!({"query": theirs})).await, server.why(&token, json!({"query": nobodys})).await);
        let (theirs_value, nobodys_value) = (last_name(theirs), last_name(nobodys));
        let (theirs_name, nobodys_name) = (theirs.split([':', '=']).next().unwrap(), nobodys.split([':', '=']).next().unwrap());
        let alike = theirs_why.to_string().replace(theirs_value, nobodys_value).replace(theirs_name, nobodys_name);
        assert_eq!(alike, nobodys_why.to_string(), "{theirs}");
    }
}

#[tokio::test]
async fn staff_hear_of_the_quarantine_and_see_all_instances() {
    let server = Server::start().await;
    let staff = server.staff.clone();
    server.acme().await;
    let why = server.why(&staff, json!({"query": "nothing"})).await;
    assert_eq!((&why["quarantine"], why["scope"].get("partner")), (&count(0), None));
    assert_eq!(why["scope"]["instances"], json!(["sms-434", "voice-255"]));
    let why = server.why(&staff, json!({"query": "in:quarantine nothing"})).await;
    assert_eq!((why["code"].as_str(), why.get("quarantine")), (Some("no_lines_at_all"), None));
}
