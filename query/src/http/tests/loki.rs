//! Loki's API for readers: lines, labels and volumes as an oracle has them that knows what was pushed, with the tokens of a partner and of staff.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

type Parameters<'a> = &'a [(&'a str, &'a str)];

impl Server {
    /// The answer to a request with a token and parameters.
    pub(super) async fn loki(&self, token: &str, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let path = format!("/loki/api/v1/{path}?{}", form(parameters));
        self.get(&path, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// The `data` of an answer that must succeed.
    pub(super) async fn loki_data(&self, token: &str, path: &str, parameters: &[(&str, &str)]) -> Value {
        let answer = self.loki(token, path, parameters).await;
        assert_eq!(answer.status, 200, "{path} {parameters:?}: {}", answer.text);
        assert_eq!((&answer.json()["status"], &answer.headers["content-type"]), (&json!("success"), &"application/json".parse().unwrap()));
        answer.json()["data"].take()
    }

    /// Times and texts of a log query, newest first.
    async fn loki_lines(&self, token: &str, query: &str, more: &[(&str, &str)]) -> Vec<(i64, String)> {
        let mut parameters = vec![("query", query), ("limit", "5000")];
        parameters.extend(more);
        let data = self.loki_data(token, "query_range", &parameters).await;
        assert_eq!(data["resultType"], "streams");
        let mut lines = values(&data);
        lines.sort_by(|a, b| b.cmp(a));
        lines
    }
}

pub(super) fn form(parameters: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect::<String>()
    };
    parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

fn values(data: &Value) -> Vec<(i64, String)> {
    let streams = data["result"].as_array().unwrap();
    let of = |value: &Value| (value[0].as_str().unwrap().parse().unwrap(), value[1].as_str().unwrap().to_owned());
    streams.iter().flat_map(|stream| stream["values"].as_array().unwrap()).map(of).collect()
}

fn texts(lines: &[(i64, String)]) -> Vec<&str> {
    let mut texts: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    texts.sort_unstable();
    texts
}

#[tokio::test]
async fn a_query_finds_what_the_oracle_finds() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let lines: [(&str, &str, &str); 6] = [
        ("Connection refused by 10.0.0.7", "error", r#"{"http":{"status_code":502,"method":"GET"},"took":"1.5s","user":"Ann"}"#),
        ("sent in 12 ms", "info", r#"{"http_status_code":200,"took":"90ms","user":"ann"}"#),
        ("sending failed: `why`", "error", r#"{"http":{"status.code":404},"size":"10KiB","request_id":"062BDBD0 7366C3AD"}"#),
        ("GET /v1/sms 200 5ms", "info", r#"{"pod":"mine","user":"","list":["x","y"]}"#),
        ("GET /v1/voice 503 7ms", "info", r#"{"status":"abc"}"#),
        ("абонент недоступен", "", r#"{"status":503.50,"user":"Борис"}"#),
    ];
    for (nth, (message, level, attributes)) in lines.iter().enumerate() {
        let mut record = line(60_000 - nth as i64 * 1_000, message, attributes);
        record.severity = Severity::from_word(level);
        server.push("sms-434", vec![record]).await;
    }
    server.push("voice-255", vec![line(30_000, "another partner's refused line", r#"{"user":"Ann"}"#)]).await;
    let at = |texts: &[usize]| texts.iter().map(|nth| lines[*nth].0).collect::<BTreeSet<_>>();
    let table: &[(&str, &[usize])] = &[
        ("{}", &[0, 1, 2, 3, 4, 5]),
        (r#"{module="sms"}"#, &[0, 1, 2, 3, 4, 5]),
        (r#"{module="SMS"}"#, &[]),
        (r#"{service_name=~"s.s", instance!~"voice.*"}"#, &[0, 1, 2, 3, 4, 5]),
        (r#"{module=~"sm"}"#, &[]),
        (r#"{level="error"}"#, &[0, 2]),
        (r#"{level=~"err|info"}"#, &[1, 3, 4]),
        (r#"{level=""}"#, &[5]),
        (r#"{level!~".+"}"#, &[5]),
        (r#"{detected_level!="error"} | level!="info""#, &[5]),
        (r#"{pod=""}"#, &[0, 1, 2, 3, 4, 5]),
        (r#"{} |= "refused""#, &[0]),
        (r#"{} |= "REFUSED""#, &[]),
        (r#"{} |~ "(?i)REFUSED|недоступен""#, &[0, 5]),
        (r#"{} |= "`why`" or "12 ms""#, &[1, 2]),
        (r#"{} != "sen" !~ "GET|10""#, &[5]),
        (r#"{} |= "502""#, &[0]),
        (r#"{} |> "sent in <_> ms" or "GET <_>503<_>""#, &[1, 4]),
        (r#"{} |> "sent" !> "x""#, &[]),
        (r#"{} | json | http_status_code=502"#, &[0]),
        (r#"{} | http_status_code >= 400"#, &[0, 2]),
        (r#"{} | http_status_code != 404 | level!="fatal""#, &[0, 1]),
        (r#"{} | json code="http.status_code" | code > 0"#, &[0]),
        (r#"{} | took > 100ms"#, &[0]),
        (r#"{} | took < 1s or size > 5KB"#, &[1, 2]),
        (r#"{} | user="ann""#, &[1]),
        (r#"{} | user=~"a.n|A.+""#, &[0, 1]),
        (r#"{} | user="""#, &[2, 3, 4]),
        (r#"{} | user!="" and (level="error" or user=~".о.*")"#, &[0, 5]),
        (r#"{} | user!="ann" | user=~".+""#, &[0, 5]),
        (r#"{} | request_id="062BDBD0 7366C3AD""#, &[2]),
        (r#"{} | request_id="062bdbd07366c3ad""#, &[]),
        (r#"{} | pod_extracted="mine""#, &[3]),
        (r#"{} | list="y""#, &[3]),
        (r#"{} | status > 500"#, &[5]),
        (r#"{} | pattern "GET <path> <code> <took>" | code >= 500"#, &[4]),
        (r#"{} | pattern "GET <path> <code> <took>" | path=~"/v1/s.*" | took=5ms"#, &[3]),
        (r#"{} | regexp "GET (?P<path>\\S+) (?P<level>\\d+)" | level_extracted=~"2..""#, &[3]),
        (r#"{} | json | __error__="" | logfmt --strict | verdict="ok""#, &[0, 1, 2, 3, 4, 5]),
        (r#"{} | __error__!="""#, &[]),
        (r#"{partner="zeta"}"#, &[]),
    ];
    for flushed in [false, true] {
        for (query, expected) in table {
            let found = server.loki_lines(&token, query, &[]).await;
            let found: BTreeSet<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(found, at(expected), "{query}, flushed: {flushed}");
        }
        assert_eq!(server.loki_lines(&server.staff, r#"{} |= "refused""#, &[]).await.len(), 2);
        server.indexer.flush().await.unwrap();
    }
}

#[tokio::test]
async fn a_line_has_the_labels_of_its_stream_and_its_fields_beside_them() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let record = line(5_000, "a failed line", r#"{"a":{"b-c":1,"d":[2,3]},"pod":"x","took":"5ms","none":null}"#);
    server.push("sms-434", vec![record]).await;
    let stream = json!({"partner": "acme", "module": "sms", "instance": "sms-434", "csp": "434", "cluster": "ingest", "stream": "stdout"});
    let beside = json!({"level": "error", "a_b_c": "1", "a_d": "2", "pod_extracted": "x", "took": "5ms", "verdict": "ok"});
    let parameters = [("query", "{} | json first=\"a.b-c\" | drop csp, first_x | drop a_d")];
    let path = format!("/loki/api/v1/query_range?{}", form(&parameters));
    let bearer = format!("Bearer {token}");
    let answer = server.get(&path, &[("authorization", &bearer), ("x-loki-response-encoding-flags", "categorize-labels")]).await;
    let data = &answer.json()["data"];
    let mut expected = (stream.clone(), beside.clone());
    expected.0.as_object_mut().unwrap().remove("csp");
    expected.1.as_object_mut().unwrap().remove("a_d");
    expected.1["first"] = json!("1");
    assert_eq!((&data["result"][0]["stream"], &data["encodingFlags"]), (&expected.0, &json!(["categorize-labels"])), "{}", answer.text);
    assert_eq!(data["result"][0]["values"][0][2], json!({"structuredMetadata": expected.1}));
    let merged = server.loki_data(&token, "query_range", &[("query", "{}")]).await;
    let mut all = stream.as_object().unwrap().clone();
    all.extend(beside.as_object().unwrap().clone());
    assert_eq!(merged["result"][0]["stream"], Value::Object(all));
    assert_eq!(merged["result"][0]["values"][0].as_array().unwrap().len(), 2);
    let kept = server.loki_data(&token, "query_range", &[("query", "{} | keep level, took")]).await;
    assert_eq!(kept["result"][0]["stream"], json!({"level": "error", "took": "5ms"}));
    let statistics = &merged["stats"]["summary"];
    assert_eq!((&statistics["totalEntriesReturned"], &statistics["totalLinesProcessed"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn pages_by_time_lose_no_line_and_give_none_twice() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    // Many lines of one time, of a microsecond beside it, and of another instance of the same moment.
    let now = now_ns() / 1_000_000_000 * 1_000_000_000 - 60_000_000_000;
    for (from, instance) in [(0, "sms-434"), (1_000, "sms-434"), (2_000, "voice-255")] {
        let records = (from..from + 150).map(|n| {
            let mut record = line(0, &format!("line {n}"), "");
            record.time_ns = now + if n % 3 == 0 { 0 } else { 5_000 + n % 2 };
            record
        });
        server.push(instance, records.collect()).await;
    }
    server.indexer.flush().await.unwrap();
    for (reader, expected) in [(&token, 300), (&server.staff, 450)] {
        let whole = server.loki_lines(reader, "{}", &[]).await;
        let unique: BTreeSet<&String> = whole.iter().map(|(_, text)| text).collect();
        assert_eq!((whole.len(), unique.len()), (expected, expected));
        for direction in ["backward", "forward"] {
            let (mut found, mut start, mut end) = (Vec::new(), now - 1_000_000_000, now + 1_000_000_000);
            loop {
                let (from, to) = (start.to_string(), end.to_string());
                let parameters = [("query", "{}"), ("limit", "7"), ("direction", direction), ("start", &from), ("end", &to)];
                let page = values(&server.loki_data(reader, "query_range", &parameters).await);
                let (first, last) = (page.iter().map(|(ns, _)| *ns).min(), page.iter().map(|(ns, _)| *ns).max());
                let (Some(first), Some(last)) = (first, last) else { break };
                found.extend(page);
                // What clients do: the end is exclusive, the start is not.
                if direction == "backward" { end = first } else { start = last + 1 }
            }
            // Two modules may have a line of one time; pages of one of them are whole.
            if reader == &token {
                assert_eq!(texts(&found), texts(&whole), "{direction}");
            }
            let times: Vec<i64> = found.iter().map(|(ns, _)| *ns).collect();
            assert!(times.len() <= whole.len(), "none twice");
        }
    }
    // Each line is in exactly one of two ranges that meet.
    let all = server.loki_lines(&token, "{}", &[]).await;
    for border in [now, now + 1, now + 77, now + 149, now + 5_000, now + 5_040, now + 6_000] {
        let count = async |start: i64, end: i64| {
            server.loki_lines(&token, "{}", &[("start", &start.to_string()), ("end", &end.to_string())]).await.len()
        };
        let (before, behind) = (count(now - 1_000_000, border).await, count(border, now + 1_000_000_000).await);
        assert_eq!((before + behind, before), (300, all.iter().filter(|(ns, _)| *ns < border).count()), "{}", border - now);
    }
}

#[tokio::test]
async fn labels_series_and_volumes_are_those_of_the_readers_own_lines() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server
        .push(
            "sms-434",
            vec![line(5_000, "a failed line", r#"{"plutonium":1,"took":"5ms","ok":true}"#), line(4_000, "fine", r#"{"took":"7ms"}"#)],
        )
        .await;
    server.push("voice-255", vec![line(3_000, "granite", r#"{"zinc":"x"}"#)]).await;
    for flushed in [false, true] {
        let data = async |reader: &str, path: &str, parameters: &[(&str, &str)]| server.loki_data(reader, path, parameters).await;
        assert_eq!(
            data(&token, "labels", &[]).await,
            json!(["cluster", "csp", "instance", "level", "module", "partner", "service_name", "stream"]),
            "{flushed}"
        );
        assert_eq!(data(&token, "label/level/values", &[]).await, json!(["error", "info"]));
        assert_eq!(data(&token, "label/level/values", &[("query", "{level!=\"error\"}")]).await, json!(["info"]));
        assert_eq!(data(&token, "label/module/values", &[]).await, json!(["sms"]));
        assert_eq!(data(&server.staff, "label/service_name/values", &[]).await, json!(["sms", "voice"]));
        assert_eq!(data(&token, "label/took/values", &[]).await, json!(["5ms", "7ms"]));
        assert_eq!(data(&token, "label/nonsense/values", &[]).await, json!([]));
        let own = |level: &str| json!({"partner": "acme", "module": "sms", "instance": "sms-434", "csp": "434", "cluster": "ingest", "level": level, "stream": "stdout"});
        assert_eq!(data(&token, "series", &[("match[]", "{level=\"error\"}"), ("match[]", "{csp=\"255\"}")]).await, json!([own("error")]));
        assert_eq!(data(&server.staff, "series", &[]).await.as_array().unwrap().len(), 3);
        let stats = server.loki(&token, "index/stats", &[("query", "{}")]).await.json();
        assert_eq!(stats, json!({"streams": 2, "chunks": 2, "entries": 2, "bytes": 17}));
        let volume = data(&server.staff, "index/volume", &[("query", "{}"), ("targetLabels", "service_name")]).await;
        let volumes: Vec<(&str, &str)> = volume["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["metric"]["service_name"].as_str().unwrap(), one["value"][1].as_str().unwrap()))
            .collect();
        assert_eq!((volumes, &volume["resultType"]), (vec![("sms", "16"), ("voice", "8")], &json!("vector")));
        let by_name = data(&token, "index/volume", &[("query", "{module=\"sms\"}"), ("aggregateBy", "labels")]).await;
        assert!(
            by_name["result"].as_array().unwrap().iter().any(|one| one["metric"] == json!({"module": ""}) && one["value"][1] == "17"),
            "{by_name}"
        );
        let range = data(&token, "index/volume_range", &[("query", "{module=\"sms\"}"), ("step", "1h")]).await;
        assert_eq!((&range["resultType"], &range["result"][0]["metric"]), (&json!("matrix"), &json!({"module": "sms"})));
        let detected = server.loki(&token, "detected_labels", &[]).await.json();
        assert!(detected["detectedLabels"].as_array().unwrap().contains(&json!({"label": "level", "cardinality": 2})), "{detected}");
        let fields = server.loki(&token, "detected_fields", &[("query", "{}")]).await.json();
        let field = |label: &str, kind: &str, many: u32| json!({"label": label, "type": kind, "cardinality": many, "parsers": null});
        assert_eq!(
            fields,
            json!({"fields": [field("ok", "boolean", 1), field("plutonium", "int", 1), field("took", "duration", 2)], "limit": 1000})
        );
        let values = server.loki(&token, "detected_field/took/values", &[("query", "{}")]).await.json();
        assert_eq!(values, json!({"values": ["5ms", "7ms"], "limit": 1000}));
        let patterns = data(&token, "patterns", &[("query", "{}"), ("step", "1h")]).await;
        assert_eq!(patterns.as_array().unwrap().len(), 2);
        let zeta = server.token("zeta").await;
        for path in [
            "labels",
            "series",
            "label/instance/values",
            "label/plutonium/values",
            "detected_labels",
            "detected_fields",
            "patterns",
            "index/stats",
            "index/volume",
            "query_range",
        ] {
            let answer = server.loki(&zeta, path, &[("query", "{}"), ("match[]", "{partner=~\"acme|.*\"}")]).await;
            assert!(
                answer.status == 200
                    && !["plutonium", "acme", "sms", "\"434\"", "failed"].iter().any(|secret| answer.text.contains(secret)),
                "{path}: {}",
                answer.text
            );
        }
        server.indexer.flush().await.unwrap();
    }
}

#[tokio::test]
async fn every_mistake_gets_a_text_with_the_right_status() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let metric = "count_over_time({}[1m])";
    let table: &[(&str, Parameters<'_>, u16, &str)] = &[
        ("query_range", &[], 400, "parse error at line 1, col 1: syntax error: unexpected $end"),
        ("query_range", &[("query", "{a=}")], 400, "parse error at line 1, col 4: syntax error: unexpected }, expecting STRING"),
        ("query_range", &[("query", "{}"), ("start", "soon")], 400, "could not parse 'start' parameter"),
        ("query_range", &[("query", "{}"), ("start", "10"), ("end", "5")], 400, "end timestamp must not be before"),
        ("query_range", &[("query", "{}"), ("limit", "0")], 400, "limit must be a positive value"),
        (
            "query_range",
            &[("query", "{}"), ("limit", "1000000")],
            400,
            "max entries limit per query exceeded, limit > max_entries_limit_per_query (1000000 > 10000)",
        ),
        ("query_range", &[("query", "{}"), ("direction", "up")], 400, "invalid direction 'up'"),
        ("query_range", &[("query", metric), ("step", "-1")], 400, "zero or negative query resolution step widths"),
        ("query_range", &[("query", metric), ("step", "0.01")], 400, "exceeded maximum resolution of 11,000 points"),
        (
            "query_range",
            &[("query", "count_over_time({}[7m])"), ("step", "61"), ("since", "7d")],
            400,
            "the range and the step have so little in common",
        ),
        ("query_range", &[("query", "{} | csp > 5")], 400, "parse error : the values of csp are texts here"),
        ("query_range", &[("query", "sum(1)")], 400, "parse error : an aggregation takes series"),
        ("query_range", &[("query", "max_over_time({} | unwrap level [1m])")], 400, "parse error : the values of level are no numbers"),
        ("query_range", &[("query", "sum by (problem) (rate({}[1m]))")], 400, "parse error : a line can have several problems"),
        ("query", &[("query", "{}")], 400, "log queries are not supported as an instant query type"),
        ("labels", &[("query", metric)], 400, "parse error : only label matchers are supported"),
        ("index/volume", &[("query", "{}"), ("aggregateBy", "x")], 400, "invalid aggregation option"),
        ("tail", &[("query", "{}")], 400, "a tail is a WebSocket"),
        ("tail", &[("query", metric)], 400, "parse error : a tail shows lines"),
        ("tail", &[("query", "{}"), ("delay_for", "9")], 400, "delay_for can't be greater than 5"),
        ("nothing", &[], 404, ""),
    ];
    for (path, parameters, status, text) in table {
        let answer = server.loki(&token, path, parameters).await;
        assert_eq!(answer.status, *status, "{path} {parameters:?}: {}", answer.text);
        assert!(answer.text.starts_with(text), "{path} {parameters:?}: {}", answer.text);
        if *status == 400 {
            assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        }
    }
    let request = |uri: String, authorization: &str| Request::get(uri).header("authorization", authorization).body(Body::empty()).unwrap();
    let path = "/loki/api/v1/labels";
    let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
    for (authorization, status) in [
        (basic(format!("anybody:{token}")), 200),
        (format!("Bearer {token}"), 200),
        (basic("anybody:wrong".to_owned()), 401),
        ("Bearer wrong".to_owned(), 401),
    ] {
        assert_eq!(server.request(request(path.to_owned(), &authorization)).await.status(), status, "{authorization}");
    }
    assert_eq!(server.get(path, &[("cookie", "martlog_session=x")]).await.status, 401);
    let tenant =
        server.get("/loki/api/v1/label/partner/values", &[("authorization", &format!("Bearer {token}")), ("x-scope-orgid", "zeta")]).await;
    assert_eq!(tenant.json()["data"], json!([]));
    let request = Request::post("/loki/api/v1/query").header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(Body::from(form(&[("query", "vector(1)+vector(1)")]))).unwrap();
    assert_eq!(read(server.request(request).await).await.json()["data"]["result"][0]["value"][1], "2");
}

#[tokio::test]
async fn a_closed_door_answers_nobody() {
    let server = Server::with(Limits { loki: false, ..Limits::default() }).await;
    let token = server.token("acme").await;
    for path in ["query_range", "labels", "tail", "status/buildinfo"] {
        let answer = server.loki(&token, path, &[("query", "{}")]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.starts_with("this server does not answer as Loki does"), "{}", answer.text);
    }
    assert_eq!(server.get("/ready", &[]).await.text, "ready\n");
}

#[tokio::test]
async fn what_tools_ask_first_is_answered() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let build = server.loki("", "status/buildinfo", &[]).await.json();
    assert_eq!(build["version"], "3.5.0");
    assert_eq!(server.loki_data(&token, "format_query", &[("query", "{a=`b`}|=\"c\"")]).await, "{a=\"b\"} |= \"c\"");
    assert_eq!(server.loki("", "drilldown-limits", &[]).await.json()["limits"]["volume_enabled"], true);
    // Grafana's test of a data source.
    let data = server.loki_data(&token, "query", &[("query", "vector(1)+vector(1)"), ("time", "4000000000")]).await;
    assert_eq!(data["result"], json!([{"metric": {}, "value": [4_000_000_000_i64, "2"]}]));
    assert_eq!(
        server.loki_data(&token, "query", &[("query", "1 + 1 * 3"), ("time", "4000000000")]).await["result"],
        json!([4_000_000_000_i64, "4"])
    );
}
