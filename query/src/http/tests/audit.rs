//! Who asked what: what is recorded of each question, and what each reader is told of it.

use super::*;

/// Fields that each line of these tests has, with those of the platform.
const FIELDS: u64 = 9;

impl Server {
    async fn records(&self, token: &str, parameters: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/audit{parameters}"), &[("authorization", &format!("Bearer {token}"))]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["records"].as_array().unwrap().clone()
    }

    /// A partner's token for some of its instances.
    async fn narrow(&self, partner: &str, instances: &[&str]) -> String {
        let instances = Some(instances.iter().map(|id| (*id).to_owned()).collect());
        let new = NewToken { kind: Kind::Partner, partner: Some(partner.into()), instances, cluster: None, expires_at: None, note: None };
        self.indexer.registry().mint_token(new).await.unwrap().text
    }

    /// Another instance of the module sms.
    async fn second_instance(&self) {
        let instance = NewInstance {
            id: "sms-7".into(),
            module: "sms".into(),
            csp: "7".into(),
            environment: None,
            selector: Selector { namespace: "ns-sms-7".into(), labels: Default::default() },
            retention: None,
            policy: None,
        };
        self.indexer.registry().create_instance(instance).await.unwrap();
    }
}

fn of<'a>(records: &'a [Value], action: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["action"] == action).collect()
}

#[tokio::test]
async fn each_question_is_recorded_with_what_it_gave() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..5)).await;
    let (rows, _) = server.search(&token, json!({"query": "csp:434", "from": "-1h"})).await;
    assert_eq!(rows.len(), 5);
    let body = json!({"query": "| stats count() by module", "from": "-1h"});
    assert_eq!(server.post("/api/v1/stats", &token, body).await.status, 200);
    for (path, body) in [
        ("histogram", json!({"query": "csp:434", "interval": "1h"})),
        ("fields", json!({"query": "csp:434"})),
        ("values", json!({"query": "csp:434", "field": "module"})),
        ("context", json!({"id": rows[0]["id"], "before": 1, "after": 0})),
        ("parse", json!({"query": "mod", "position": 3})),
        ("parse", json!({"query": "modu", "position": 4})),
    ] {
        assert_eq!(server.post(&format!("/api/v1/{path}"), &token, body).await.status, 200, "{path}");
    }
    let refused = server.post("/api/v1/search", &token, json!({"query": "level:eror"})).await;
    assert_eq!(refused.status, 400);
    let records = server.records(&token, "").await;
    let told: Vec<(&str, u64, u64)> = records
        .iter()
        .map(|record| (record["action"].as_str().unwrap(), record["times"].as_u64().unwrap(), record["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("suggest", 2, 0),
            ("context", 1, 2),
            ("values", 1, 1),
            ("fields", 1, FIELDS),
            ("histogram", 1, 25),
            ("stats", 1, 1),
            ("search", 1, 5)
        ],
        "a question that was refused gave nothing"
    );
    let search = of(&records, "search")[0];
    assert_eq!(
        (&search["query"], &search["kind"], &search["partner"], &search["outcome"]),
        (&json!("csp:434"), &json!("partner"), &json!("acme"), &json!("complete"))
    );
    assert_eq!(search["concerned"], json!([{"partner": "acme", "instance": "sms-434", "rows": 5, "bytes": search["bytes"]}]));
    assert!(search["bytes"].as_u64().unwrap() > 1_000 && search["request_id"].as_str().unwrap().len() == 16, "{search}");
    // Pages, and one action alone.
    assert_eq!(server.records(&token, "?action=search&from=-1h").await.len(), 1);
    assert_eq!(server.records(&token, "?from=-2h&to=-1h").await.len(), 0);
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = server.get(&format!("/api/v1/audit?limit=3{cursor}"), &[("authorization", &format!("Bearer {token}"))]).await.json();
        paged.extend(answer["records"].as_array().unwrap().clone());
        match answer["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, records);
    for (bad, code) in [
        ("?action=x", "invalid"),
        ("?limit=0", "bad_limit"),
        ("?cursor=x", "cursor_damaged"),
        ("?from=x", "bad_time_range"),
        ("?x=1", "bad_parameters"),
    ] {
        let answer = server.get(&format!("/api/v1/audit{bad}"), &[("authorization", &format!("Bearer {token}"))]).await;
        assert_eq!(answer.problem(), (400, code.to_owned()), "{bad}");
    }
}

#[tokio::test]
async fn a_page_that_asks_every_second_is_one_record() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..3)).await;
    for _ in 0..20 {
        server.search(&token, json!({"query": "*", "from": "-1h"})).await;
        // What was written is added to all the same.
        assert_eq!(server.records(&server.staff, "").await.len(), 1);
    }
    let record = &server.records(&token, "").await[0];
    assert_eq!((&record["times"], &record["rows"], &record["concerned"][0]["rows"]), (&json!(20), &json!(60), &json!(60)));
    assert!(record["last"].as_str() > record["time"].as_str());
    // Another token's question is its own.
    server.search(&server.token("acme").await, json!({"query": "*", "from": "-1h"})).await;
    assert_eq!(server.records(&token, "").await.len(), 2);
}

#[tokio::test]
async fn a_reader_that_goes_away_and_one_that_follows_are_recorded() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    server.push("sms-434", lines(0..2_000)).await;
    let request =
        Request::post("/api/v1/search").header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    let body = json!({"query": "*", "from": "-1h", "limit": 10_000}).to_string();
    let response = server.request(request.body(body.into()).unwrap()).await;
    drop(response);
    assert_eq!(server.records(&token, "").await[0]["outcome"], "cancelled");
    let mut tail = server.tail(&token, "*", None).await;
    let open = server.records(&token, "?action=tail").await;
    assert_eq!(open[0]["outcome"], "begun");
    tail.next().await.unwrap();
    server.push("sms-434", lines(0..3)).await;
    for _ in 0..3 {
        tail.row().await;
    }
    drop(tail);
    let ended = server.records(&token, "?action=tail").await;
    assert_eq!((ended.len(), &ended[0]["rows"], &ended[0]["outcome"]), (1, &json!(3), &json!("cancelled")));
}

#[tokio::test]
async fn a_partner_sees_what_staff_asked_of_its_lines_and_nothing_of_another_partner() {
    let server = Server::start().await;
    let (acme, zeta) = (server.token("acme").await, server.token("zeta").await);
    server.push("sms-434", lines(0..4)).await;
    server.push("voice-255", lines(0..9)).await;
    let staff = server.staff.clone();
    let ask = async |query: &str| server.search(&staff, json!({"query": query, "from": "-1h", "limit": 1_000})).await.0.len();
    assert_eq!(ask("*").await, 13);
    assert_eq!(ask("partner:acme OR partner:zeta").await, 13);
    assert_eq!(ask("partner:acme -zeta").await, 4);
    assert_eq!(ask("partner:zeta").await, 9);
    assert_eq!(ask("module:sms level:info").await, 4);
    assert_eq!(ask("csp:255").await, 9);
    assert_eq!(ask("in:quarantine *").await, 0);
    server.search(&zeta, json!({"query": "from zeta alone", "from": "-1h"})).await;
    server.post("/api/v1/stats", &staff, json!({"query": "| stats count() by partner", "from": "-1h"})).await;
    let made = server.post("/api/v1/tokens", &staff, json!({"kind": "partner", "partner": "zeta", "note": "for zeta"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    server.post("/api/v1/tokens", &staff, json!({"kind": "staff", "note": "Anna"})).await;

    let seen = server.records(&acme, "").await;
    let text = Value::from(seen.clone()).to_string();
    for foreign in ["zeta", "voice", "csp:255", "Anna", "everything"] {
        assert!(!text.contains(foreign), "{foreign} in {text}");
    }
    let told: Vec<(&str, Option<&str>, u64)> = seen
        .iter()
        .map(|record| (record["action"].as_str().unwrap(), record["query"].as_str(), record["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("stats", None, 0),
            ("search", Some("module:sms level:info"), 4),
            // It names another partner, or concerned one.
            ("search", None, 4),
            ("search", None, 4),
            ("search", None, 4)
        ]
    );
    for record in &seen {
        assert_eq!((&record["kind"], &record["token"]), (&json!("staff"), &json!("staff")), "{record}");
        assert!(record["remote"].is_null() && record["request_id"].is_null() && record["duration_ms"].is_null(), "{record}");
        let bytes: u64 = record["concerned"].as_array().unwrap().iter().map(|one| one["bytes"].as_u64().unwrap()).sum();
        assert_eq!(record["bytes"], bytes, "{record}");
    }
    // Staff see all of it.
    let all = server.records(&staff, "").await;
    assert_eq!((of(&all, "search").len(), of(&all, "stats").len(), of(&all, "token_made").len()), (8, 1, 2));
    assert_eq!(of(&all, "search").last().unwrap()["concerned"].as_array().unwrap().len(), 2);
    // A token that was made for a partner is told to it.
    assert_eq!(of(&server.records(&zeta, "").await, "token_made").len(), 1);
}

#[tokio::test]
async fn a_token_for_some_instances_reads_of_these_alone() {
    let server = Server::start().await;
    server.second_instance().await;
    let (whole, narrow) = (server.token("acme").await, server.narrow("acme", &["sms-7"]).await);
    server.push("sms-434", lines(0..4)).await;
    server.push("sms-7", lines(0..2)).await;
    server.search(&whole, json!({"query": "csp:434", "from": "-1h"})).await;
    server.search(&whole, json!({"query": "csp:7", "from": "-1h"})).await;
    server.search(&server.staff, json!({"query": "csp:434 OR csp:7", "from": "-1h"})).await;
    server.search(&narrow, json!({"query": "mine", "from": "-1h"})).await;
    let seen = server.records(&narrow, "").await;
    let told: Vec<(Option<&str>, &str, u64)> = seen
        .iter()
        .map(|record| (record["query"].as_str(), record["token"].as_str().unwrap_or("?"), record["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(told[1..], [(None, "staff", 2), (None, "partner", 2)]);
    assert_eq!((told[0].0, told[0].2), (Some("mine"), 0));
    let text = Value::from(seen).to_string();
    assert!(!text.contains("sms-434") && !text.contains("csp:434"), "{text}");
    let of_sibling = server.records(&server.narrow("acme", &["sms-434"]).await, "").await;
    assert_eq!(of(&of_sibling, "search").len(), 2, "what the other one asked was of its own instance");
}

#[tokio::test]
async fn what_is_recorded_outlives_the_server_and_goes_with_its_partner() {
    let server = Server::start().await;
    let acme = server.token("acme").await;
    server.push("sms-434", lines(0..4)).await;
    server.push("voice-255", lines(0..4)).await;
    server.search(&acme, json!({"query": "account_id:79123456789", "from": "-1h"})).await;
    server.search(&server.staff, json!({"query": "partner:acme \"+7 912 345-67-89\"", "from": "-1h"})).await;
    server.search(&server.staff, json!({"query": "sms-434 OR *", "from": "-1h"})).await;
    server.search(&server.staff, json!({"query": "csp:255 timeout", "from": "-1h"})).await;
    let Server { indexer, router, staff, _dir } = server;
    indexer.close().await;
    drop((indexer, router));
    let indexer = Indexer::open(_dir.path(), Options::default()).await.unwrap();
    let router = martlog_indexer::doors::router(indexer.clone()).merge(router_with(indexer.clone(), Limits::default(), None));
    let server = Server { indexer, router, staff, _dir };
    let all = server.records(&server.staff, "").await;
    assert_eq!(all.len(), 4);

    let done = async |id: &str| {
        loop {
            let report = server.indexer.erasure(id).await.unwrap().unwrap();
            if report.state == martlog_indexer::erase::State::Done {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let texts = async || -> Vec<String> {
        let all = server.records(&server.staff, "").await;
        all.iter().map(|record| record["query"].as_str().unwrap_or("-").to_owned()).collect()
    };
    let begun = server.post("/api/v1/erasures", &server.staff, json!({"account": "79123456789"})).await;
    done(begun.json()["id"].as_str().unwrap()).await;
    assert_eq!(texts().await, ["csp:255 timeout", "sms-434 OR *", "-", "-"], "that somebody asked stays");
    assert_eq!(server.records(&server.staff, "").await[3]["query_erased"], true);

    let gone = Request::delete("/api/v1/partners/acme?purge=true").header("authorization", format!("Bearer {}", server.staff));
    let begun = read(server.request(gone.body(Body::empty()).unwrap()).await).await;
    done(begun.json()["id"].as_str().unwrap()).await;
    assert_eq!(texts().await, ["csp:255 timeout", "-", "-"], "its own are gone, and texts that name it");
    let left = Value::from(server.records(&server.staff, "").await).to_string();
    assert!(!left.contains("acme") && !left.contains("sms"), "{left}");
}
