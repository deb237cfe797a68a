//! Every example of `docs/query.md` over lines as it talks of them: filters are searched, queries with pipes make a table with rows, and the codes of its
//! tables are those of the program.

use super::*;
use crate::lang::Code;

const HANDBOOK: &str = include_str!("../../../../docs/query.md");

/// Lines that have what the examples ask for.
async fn server_of_the_handbook() -> (Server, String) {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let mut lines = Vec::new();
    for n in 0..12_i64 {
        let ago = 200_000 - n * 5_000;
        let account = n % 3;
        let call =
            format!(r#"{{"event_type":"call_end","duration_s":{},"account_id":"7912000000{account}","session_id":"7f3a21"}}"#, 30 * n);
        lines.push(line(ago, "call ended", &call));
        let status = if n % 2 == 0 { 200 } else { 503 };
        let request = format!(r#"{{"status":{status},"duration_ms":{},"path":"/v1/sms/{n}","account_id":"7912000000{account}"}}"#, 100 * n);
        lines.push(line(ago + 1, &format!("REQ <{n}f> sent in 2 parts, status={status}"), &request));
        lines.push(line(ago + 2, &format!("took {n} ms"), ""));
        lines.push(line(ago + 3, "connection failed", &format!(r#"{{"error":{{"type":"timeout"}},"session_id":"7f3a21","n":{n}}}"#)));
    }
    server.push("sms-434", lines).await;
    (server, token)
}

/// The queries in blocks that are marked as such.
fn with_pipes() -> Vec<&'static str> {
    let blocks = HANDBOOK.split("```query\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.flat_map(str::lines).collect()
}

/// The examples in the first column of the tables about filters, without their marks.
fn filters() -> Vec<String> {
    let (filters, _) = HANDBOOK.split_once("## Pipes").expect("the section");
    let cells = filters.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split(" | ").next());
    let examples = cells.flat_map(|cell| format!("`{cell}").split(" · ").map(str::to_owned).collect::<Vec<_>>());
    // A code span that holds back-ticks has more of them around it, and a space.
    let unmarked = |example: String| {
        let marks = example.len() - example.trim_start_matches('`').len();
        let inner = example[marks..example.len() - marks].to_owned();
        if marks > 1 { inner.trim().to_owned() } else { inner }
    };
    examples.map(unmarked).collect()
}

#[tokio::test]
async fn every_filter_of_the_handbook_is_answered() {
    let (server, token) = server_of_the_handbook().await;
    let filters = filters();
    assert!(filters.len() > 40, "{filters:?}");
    for filter in filters {
        let answer = server.post("/api/v1/search", &token, json!({"query": filter})).await;
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
    }
}

#[tokio::test]
async fn every_query_with_pipes_of_the_handbook_makes_a_table() {
    let (server, token) = server_of_the_handbook().await;
    let queries = with_pipes();
    for (name, _) in crate::lang::parse_pipes::PIPES {
        assert!(queries.iter().any(|query| query.contains(&format!("| {name}"))), "there is an example of {name}");
    }
    for flushed in [false, true] {
        for query in &queries {
            let answer = server.post("/api/v1/stats", &token, json!({"query": query})).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.text);
            let table = answer.json();
            assert!(!table["rows"].as_array().unwrap().is_empty(), "{query} makes rows, flushed: {flushed}: {table}");
            let canonical = crate::lang::parse(query).unwrap().to_string();
            let again = server.post("/api/v1/stats", &token, json!({"query": canonical})).await.json();
            assert_eq!(again["rows"], table["rows"], "{query} and {canonical}");
        }
        server.indexer.flush().await.unwrap();
    }
}

#[test]
fn the_handbook_has_every_code_and_no_other() {
    let cells = HANDBOOK.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let codes: BTreeSet<&str> = cells.flat_map(|cell| cell.split(", ")).filter(|code| code.len() == 4 && code.starts_with('E')).collect();
    assert_eq!(codes, Code::ALL.iter().map(|code| code.as_str()).collect());
}
