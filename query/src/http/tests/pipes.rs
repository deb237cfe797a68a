//! Pipes, fields, values, context and suggestions over a real store: rows in memory and in splits alike, and nothing of another partner's.

use super::*;

/// Two modules' lines of the last minutes.
async fn filled() -> (Server, String) {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let mut lines = Vec::new();
    for n in 0..40_i64 {
        let (status, message) = if n % 4 == 0 { (500, "request failed") } else { (200, "request done") };
        let attributes = format!(
            r#"{{"n":{n},"status":{status},"duration_s":{},"account_id":"7912345670{}","session_id":"s{}"}}"#,
            n * 6,
            n % 5,
            n / 10
        );
        lines.push(line(400_000 - n * 1_000, &format!("REQ <t{n}> {message} status={status}"), &attributes));
    }
    server.push("sms-434", lines).await;
    (server, token)
}

impl Server {
    /// The table of a query that must succeed.
    async fn table(&self, token: &str, query: &str) -> Value {
        let answer = self.post("/api/v1/stats", token, json!({"query": query, "from": "-1h"})).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let table = answer.json();
        let columns = table["columns"].as_array().unwrap().len();
        assert!(table["rows"].as_array().unwrap().iter().all(|row| row.as_array().unwrap().len() == columns), "{table}");
        table
    }
}

#[tokio::test]
async fn pipes_make_tables_of_live_rows_and_of_splits() {
    let (server, token) = filled().await;
    let of = [
        ("| stats count()", json!([[40]])),
        ("status:500 | stats count(), uniq(account_id), max(duration_s)", json!([[10, 5, 216]])),
        ("| stats sum(duration_s)/60 as minutes, p50(duration_s) by status", json!([["200", 60, 114], ["500", 18, 96]])),
        ("| stats count() by level", json!([["error", 10], ["info", 30]])),
        ("| stats count() by module, csp", json!([["sms", "434", 40]])),
        ("| top 1 status", json!([["200", 30, 75]])),
        ("| where n<3 | fields n | sort n", json!([[0], [1], [2]])),
        ("| sort -n | limit 2 | fields n, status", json!([[39, 200], [38, 200]])),
        ("| extract \"REQ <*trace> * status=*code\" | where code!=200 | top code", json!([["500", 10, 100]])),
        ("| dedup status | stats count()", json!([[2]])),
        ("n:5 | context 2 1 | fields n, found", json!([[3, false], [4, false], [5, true], [6, false]])),
        ("n:5 OR n:6 | context 1 1 | fields n, found", json!([[4, false], [5, true], [6, true], [7, false]])),
        ("n:35 | session | fields n, found | where found:true", json!([[35, true]])),
        ("n:35 | session | stats count() by found", json!([["false", 9], ["true", 1]])),
        ("n:1..4 | gaps 500ms | where gap_ms:999..1010 | stats count()", json!([[3]])),
        (
            "| patterns | fields pattern, count",
            json!([["REQ <t<num>> request done status=<num>", 30], ["REQ <t<num>> request failed status=<num>", 10]]),
        ),
        ("nothing | stats count(), avg(n)", json!([[0, null]])),
        ("nothing | top status", json!([])),
    ];
    for flushed in [false, true] {
        for (query, expected) in &of {
            let table = server.table(&token, query).await;
            assert_eq!((&table["rows"], &table["truncated"]), (expected, &json!(false)), "{query}, flushed: {flushed}: {table}");
        }
        let chart = server.table(&token, "| timechart 1m count() by level").await;
        assert_eq!(chart["columns"], json!(["time", "level", "count"]));
        let total: u64 = chart["rows"].as_array().unwrap().iter().map(|row| row[2].as_u64().unwrap()).sum();
        assert_eq!(total, 40);
        let chart = server.table(&token, "| timechart sum(duration_s), count()").await;
        let rows = chart["rows"].as_array().unwrap();
        assert!((30..=121).contains(&rows.len()), "empty buckets are there: {}", rows.len());
        let sum = |at: usize| rows.iter().map(|row| row[at].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum(1), sum(2)), (60 * 78, 40));
        server.indexer.flush().await.unwrap();
    }
}

/// What the store computes by itself is what the operators compute row by row.
#[tokio::test]
async fn figures_of_the_store_are_those_of_the_rows() {
    let (server, token) = filled().await;
    server.indexer.flush().await.unwrap();
    server.push("sms-434", vec![line(1_000, "late", r#"{"status":"503","duration_s":"1m","account_id":"+7 912 345-67-01"}"#)]).await;
    // Groups have the spelling of the line, whoever makes them.
    server
        .push(
            "sms-434",
            ["1e3", "1000", "1.50", "-0", "\"1.5\""].map(|status| line(900, "spelled", &format!(r#"{{"status":{status}}}"#))).into(),
        )
        .await;
    for figures in [
        "count(), sum(duration_s), min(duration_s), max(duration_s), avg(duration_s) by status",
        "uniq(account_id), p95(duration_s), p50(n) by level, module",
        "uniq(message), uniq(pod), uniq(csp)",
        "count() by time(1m), status",
        "count() by session_id, verdict, version",
    ] {
        let fast = server.table(&token, &format!("| stats {figures}")).await;
        let slow = server.table(&token, &format!("| dedup id | stats {figures}")).await;
        assert_eq!((fast["rows"].clone(), fast["columns"].clone()), (slow["rows"].clone(), slow["columns"].clone()), "{figures}");
        assert_eq!((&fast["cost"]["rows_read"], &slow["cost"]["rows_read"]), (&json!(0), &json!(46)));
    }
}

#[tokio::test]
async fn what_is_left_out_or_probably_meant_otherwise_is_told() {
    let (server, token) = filled().await;
    let codes = |table: &Value| -> Vec<String> {
        table["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap().to_owned()).collect()
    };
    let table = server.table(&token, "| context 0 0 | stats count()").await;
    assert_eq!((&table["rows"], &table["truncated"], codes(&table)), (&json!([[20]]), &json!(true), vec!["W215".to_owned()]));
    assert_eq!(table["cost"]["rows_read"], 21, "no more is read than is looked at");
    let table = server.table(&token, "| stats count() by modul").await;
    assert_eq!((&table["rows"], codes(&table)), (&json!([[null, 40]]), vec!["W202".to_owned()]));
    let table = server.table(&token, "| extract \"REQ <*modul>\" | where modul:t7 | stats count() by modul").await;
    assert_eq!((&table["rows"], codes(&table)), (&json!([["t7", 1]]), vec![]), "a field that was read is meant");
    server.push("sms-434", vec![line(1_000, "no id", "")]).await;
    let table = server.table(&token, "\"no id\" | session | fields message, found").await;
    assert_eq!((&table["rows"], codes(&table)), (&json!([["no id", true]]), vec!["W218".to_owned()]));
}

#[tokio::test]
async fn mistakes_in_pipes_get_a_sentence() {
    let (server, token) = filled().await;
    for (query, code, fix) in [
        ("a | stat count()", "E117", Some("a | stats count()")),
        ("a", "E118", Some("a | stats count()")),
        ("a | stats count() as n | sort m", "E119", None),
        ("a | stats count() by module | sort -cuont", "E119", Some("a | stats count() by module | sort -count")),
        ("a | stats count() by module | where modul:sms", "E119", Some("a | stats count() by module | where module:sms")),
        ("a | stats count() | patterns", "E120", None),
        ("a | stats sum(module)", "E115", None),
        ("a | stats count(), count()", "E112", None),
        ("a | stats count() by session", "E115", None),
        ("a | limit 0", "E118", None),
        ("a | context 2000", "E109", None),
        ("a | extract \"nothing\"", "E118", None),
        ("a | extract \"*level\"", "E118", None),
        ("a | extract ~\"(\"", "E106", None),
        ("a | timechart 1ms count()", "E105", None),
        ("a | where time:2026-11-20", "E111", None),
        ("a | where in:quarantine", "E111", None),
        ("a | session | where found:true", "E115", None),
    ] {
        let answer = server.post("/api/v1/stats", &token, json!({"query": query})).await;
        assert_eq!(answer.problem(), (400, code.into()), "{query}: {}", answer.text);
        let problem = answer.json();
        assert_eq!(problem["fix"].as_str(), fix, "{query}");
        assert!(problem["hint"].is_string(), "{query}");
        let span = &problem["span"]["bytes"];
        assert!(span[0].as_u64() <= span[1].as_u64() && span[1].as_u64().unwrap() <= query.len() as u64, "{problem}");
    }
    let answer = server.post("/api/v1/search", &token, json!({"query": "a  | stats count() | limit 5"})).await;
    assert_eq!((answer.problem(), &answer.json()["fix"]), ((400, "E110".into()), &json!("a")));
}

#[tokio::test]
async fn fields_and_values_are_those_of_the_matching_lines() {
    let (server, token) = filled().await;
    for flushed in [false, true] {
        let fields = server.post("/api/v1/fields", &token, json!({"query": "status:500", "from": "-1h"})).await.json();
        assert_eq!((&fields["sampled"], &fields["exact"]), (&json!(10), &json!(true)), "{fields}");
        let field =
            |name: &str| fields["fields"].as_array().unwrap().iter().find(|field| field["name"] == name).cloned().unwrap_or_default();
        assert_eq!(field("status")["values"], json!([{"value": "500", "count": 10}]));
        assert_eq!((&field("status")["numeric"], &field("account_id")["share"]), (&json!(true), &json!(1.0)));
        assert_eq!(field("level")["values"], json!([{"value": "error", "count": 10}]));
        assert_eq!(field("nothing"), Value::Null);
        let values = |body: Value| server.post("/api/v1/values", &token, body);
        let levels = values(json!({"field": "level", "from": "-1h"})).await.json();
        assert_eq!(levels["values"], json!([{"value": "info", "count": 30}, {"value": "error", "count": 10}]));
        let sessions = values(json!({"field": "session_id", "from": "-1h", "limit": 2, "prefix": "S"})).await.json();
        assert_eq!(sessions["values"], json!([{"value": "s0", "count": 10}, {"value": "s1", "count": 10}]));
        assert_eq!((&sessions["more_values"], &sessions["exact"]), (&json!(true), &json!(true)));
        assert_eq!(values(json!({"field": "x", "limit": 0})).await.problem(), (400, "bad_limit".into()));
        assert_eq!(values(json!({"field": "x", "query": "a | limit 5"})).await.problem(), (400, "E110".into()), "flushed: {flushed}");
        server.indexer.flush().await.unwrap();
    }
}

#[tokio::test]
async fn a_line_has_its_context_and_nobody_elses() {
    let (server, token) = filled().await;
    let foreign = server.token("zeta").await;
    server.push("voice-255", vec![line(395_500, "granite", "")]).await;
    let (rows, _) = server.search(&token, json!({"query": "n:5", "from": "-1h"})).await;
    let id = rows[0]["id"].as_str().unwrap();
    for flushed in [false, true] {
        for token in [&token, &server.staff] {
            let context = server.post("/api/v1/context", token, json!({"id": id, "before": 3, "after": 2})).await.json();
            assert_eq!((numbers(context["rows"].as_array().unwrap()), &context["at"]), (vec![2, 3, 4, 5, 6, 7], &json!(3)), "{flushed}");
        }
        let all = server.post("/api/v1/context", &token, json!({"id": id, "before": 900, "after": 900})).await.json();
        assert_eq!(all["rows"].as_array().unwrap().len(), 40);
        let refused = server.post("/api/v1/context", &foreign, json!({"id": id})).await;
        let absent = server.post("/api/v1/context", &foreign, json!({"id": id.replace("/5", "/77")})).await;
        assert_eq!((refused.problem(), absent.problem()), ((404, "not_found".into()), (404, "not_found".into())));
        let answer = server.post("/api/v1/context", &token, json!({"id": "a\" OR \"b"})).await;
        assert_eq!(answer.problem(), (404, "not_found".into()));
        let answer = server.post("/api/v1/context", &token, json!({"id": id, "quarantine": true})).await;
        assert_eq!(answer.problem(), (403, "E116".into()));
        assert_eq!(server.post("/api/v1/context", &token, json!({"id": id, "before": 5000})).await.problem(), (400, "bad_limit".into()));
        server.indexer.flush().await.unwrap();
    }
}

#[tokio::test]
async fn suggestions_are_of_the_present_lines_and_of_the_language() {
    let (server, token) = filled().await;
    let suggested = async |query: &str| {
        let position = query.encode_utf16().count();
        let answer = server.post("/api/v1/parse", &token, json!({"query": query, "from": "-1h", "position": position})).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        answer.json()
    };
    let texts = |answer: &Value| -> Vec<String> {
        answer["suggestions"]["items"].as_array().unwrap().iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
    };
    let answer = suggested("failed sta").await;
    assert_eq!(answer["suggestions"]["items"][0], json!({"kind": "field", "text": "status:", "count": 10}));
    assert_eq!(answer["suggestions"]["replace"], json!({"utf16": [7, 10], "bytes": [7, 10]}));
    let answer = suggested("аб OR status:").await;
    assert_eq!(answer["error"]["code"], "E104", "it is no query yet");
    assert_eq!(answer["suggestions"]["replace"], json!({"utf16": [13, 13], "bytes": [15, 15]}));
    let answer = suggested("status:").await;
    assert_eq!(
        answer["suggestions"]["items"],
        json!([{"kind": "value", "text": "200", "count": 30}, {"kind": "value", "text": "500", "count": 10}])
    );
    assert_eq!(texts(&suggested("level:wa").await), ["warn"]);
    assert_eq!(texts(&suggested("a | ti").await)[0], "timechart");
    assert_eq!(texts(&suggested("a | stats un").await)[0], "uniq(");
    assert_eq!(texts(&suggested("failed | stats max(dur").await)[0], "duration_s");
    assert_eq!(texts(&suggested("a | stats count() as lines by module | sort -").await), ["lines", "module"]);
    assert_eq!(texts(&suggested("\"half a phra").await), Vec::<String>::new());
    let whole = server.post("/api/v1/parse", &token, json!({"query": "a | limit 5"})).await.json();
    assert_eq!((&whole["canonical"], &whole["ast"]["pipes"][0]["rows"]), (&json!("a | limit 5"), &json!(5)));
    assert!(whole.get("suggestions").is_none());
}

/// Whether a text in these values has a word of acme's lines. Whole words: the random part of an id and the digits of a time hold any short piece now and then.
fn tells_of_acme(values: &Value) -> bool {
    let secret = |word: &str| ["acme", "sms", "request", "434", "s2", "duration_s"].contains(&word) || word.starts_with("7912345670");
    match values {
        Value::Array(items) => items.iter().any(tells_of_acme),
        Value::Object(fields) => fields.values().any(tells_of_acme),
        Value::String(text) => text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(secret),
        _ => secret(&values.to_string()),
    }
}

#[tokio::test]
async fn no_pipe_field_value_or_suggestion_tells_of_another_partners_lines() {
    let (server, _) = filled().await;
    let zeta = server.token("zeta").await;
    server.push("voice-255", vec![line(1_000, "granite REQ <g> status=1", r#"{"session_id":"s1","n":1,"stone":"granite"}"#)]).await;
    for flushed in [false, true] {
        for pipes in [
            "stats count(), uniq(account_id), max(duration_s)",
            "stats count() by module, instance, partner, csp, session_id",
            "timechart 1m count() by partner",
            "top session_id",
            "fields message, id, partner",
            "extract \"REQ <*trace>\" | stats count() by trace",
            "context 50 50",
            "session",
            "gaps 1ms",
            "patterns",
            "dedup module",
        ] {
            for filter in ["", "session_id:s1", "n:1 OR module:sms", "-granite OR granite", "partner:acme OR *"] {
                let query = format!("{filter} | {pipes}");
                let answer = server.post("/api/v1/stats", &zeta, json!({"query": query, "from": "-1h"})).await;
                assert_eq!(answer.status, 200, "{query}: {}", answer.text);
                assert!(!tells_of_acme(&answer.json()["rows"]), "{query}: {}", answer.text);
                if pipes.starts_with("stats count(),") {
                    assert_eq!(answer.json()["rows"], json!([[1, 0, null]]), "{query}, flushed: {flushed}");
                }
            }
        }
        let mut told = server.post("/api/v1/fields", &zeta, json!({"from": "-1h"})).await.json()["fields"].to_string();
        for field in ["module", "partner", "session_id", "status", "message"] {
            told += &server.post("/api/v1/values", &zeta, json!({"field": field, "from": "-1h"})).await.json()["values"].to_string();
        }
        for query in ["", "status:", "module:", "account_id:", "partner:", "a | fields "] {
            let body = json!({"query": query, "from": "-1h", "position": query.len()});
            told += &server.post("/api/v1/parse", &zeta, body).await.json()["suggestions"].to_string();
        }
        assert!(told.contains("stone") && told.contains("voice"), "{told}");
        assert!(!tells_of_acme(&json!(told)), "{told}");
        server.indexer.flush().await.unwrap();
    }
}
