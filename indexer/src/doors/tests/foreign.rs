//! Doors of foreign protocols: what comes in, what is answered, and errors in each one's own form.

use super::ingest::stored;
use super::*;
use crate::doors::{DoorSettings, Settings, elastic_front, router_with};
use base64::Engine as _;
use martlog_formats::push::Writer;
use std::io::Write as _;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A request; the answer's body may be anything.
async fn ask(app: &Router, method: &str, uri: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), parts.headers, axum::body::to_bytes(body, 64 << 20).await.unwrap().to_vec())
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn bearer(server: &Server) -> String {
    format!("Bearer {}", server.ingest)
}

/// An export of one record with this body.
fn export(body: &str) -> Vec<u8> {
    let now = u64::try_from(crate::append::now_ns()).unwrap();
    let record = Writer::default().fixed64(1, now).varint(2, 9).bytes(5, Writer::default().bytes(1, body));
    let logs = Writer::default().bytes(2, Writer::default().bytes(2, record));
    Writer::default().bytes(1, logs).finish()
}

const OTLP: &str = "/v1/logs?instance=sms-434";
const LOKI: &str = "/loki/api/v1/push?instance=sms-434";
const BULK: &str = "/_bulk?instance=sms-434&filter_path=errors";
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn otlp_is_taken_in_every_encoding_and_warnings_are_partial_success() {
    let server = Server::new().await;
    let bearer = bearer(&server);
    let auth = ("authorization", bearer.as_str());
    let good = export("sent");
    let (status, headers, body) = ask(&server.app, "POST", OTLP, &[auth, PROTOBUF], good.clone()).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap(), body.len()), (200, "application/x-protobuf", 0));
    let zstd = zstd::encode_all(&good[..], 3).unwrap();
    for (encoding, body) in [("gzip", gzip(&good)), ("zstd", zstd)] {
        assert_eq!(ask(&server.app, "POST", OTLP, &[auth, PROTOBUF, ("content-encoding", encoding)], body).await.0, 200, "{encoding}");
    }
    let bad = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "no time"}}]}]}]});
    let (status, _, body) = ask(&server.app, "POST", OTLP, &[auth, JSON], bad.to_string()).await;
    let told = value(&body);
    assert_eq!((status, &told["partialSuccess"]["rejectedLogRecords"]), (200, &json!("0")));
    assert!(told["partialSuccess"]["errorMessage"].as_str().unwrap().contains("missing_timestamp"), "{told}");
    assert_eq!(stored(&server, "sms"), ["sent", "sent", "sent", "no time"]);
}

#[tokio::test]
async fn otlp_errors_are_a_status_in_the_encoding_of_the_request() {
    let server = Server::new().await;
    let bearer = bearer(&server);
    let auth = ("authorization", bearer.as_str());
    let (status, headers, body) = ask(&server.app, "POST", OTLP, &[JSON], "{}").await;
    assert_eq!((status, &value(&body)["code"]), (401, &json!(16)));
    assert!(headers.contains_key("www-authenticate") && headers.contains_key("x-request-id"));
    let (status, headers, body) = ask(&server.app, "POST", OTLP, &[auth, PROTOBUF], "no protobuf").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap(), &body[..3]), (400, "application/x-protobuf", &[8, 3, 18][..]));
    assert!(String::from_utf8_lossy(&body).contains("bad_body: "));
    assert_eq!(ask(&server.app, "POST", OTLP, &[auth, ("content-type", "text/plain")], "x").await.0, 415);
    assert_eq!(ask(&server.app, "POST", "/v1/logs", &[auth, JSON], "{}").await.0, 400, "which instance?");
    assert_eq!(ask(&server.app, "POST", "/v1/logs?instance=chat-434", &[auth, JSON], "{}").await.0, 404, "another's");
    let staff = format!("Bearer {}", server.staff);
    let (status, _, body) = ask(&server.app, "POST", OTLP, &[("authorization", &staff), JSON], "{}").await;
    assert_eq!((status, &value(&body)["code"]), (403, &json!(7)));
    assert!(stored(&server, "sms").is_empty());
}

#[tokio::test]
async fn loki_is_taken_in_both_encodings() {
    let server = Server::new().await;
    let bearer = bearer(&server);
    let auth = ("authorization", bearer.as_str());
    let now = crate::append::now_ns();
    let json = json!({"streams": [{"stream": {"app": "x", "instance": "chat-434"}, "values": [[now.to_string(), "one"], [now.to_string(), "two"]]}]});
    let (status, _, body) =
        ask(&server.app, "POST", LOKI, &[auth, JSON, ("content-encoding", "gzip")], gzip(json.to_string().as_bytes())).await;
    assert_eq!((status, body.len()), (204, 0), "{}", String::from_utf8_lossy(&body));
    let when = Writer::default().varint(1, u64::try_from(now / 1_000_000_000).unwrap());
    let stream = Writer::default().bytes(1, "{app=\"x\"}").bytes(2, Writer::default().bytes(1, when).bytes(2, "three"));
    let folded = snap::raw::Encoder::new().compress_vec(&Writer::default().bytes(1, stream).finish()).unwrap();
    assert_eq!(ask(&server.app, "POST", LOKI, &[auth, PROTOBUF], folded.clone()).await.0, 204);
    assert_eq!(
        ask(&server.app, "POST", LOKI, &[auth, PROTOBUF, ("content-encoding", "snappy"), ("x-scope-orgid", "zeta")], folded).await.0,
        204
    );
    assert_eq!(stored(&server, "sms"), ["one", "two", "three", "three"]);
    let (status, headers, body) = ask(&server.app, "POST", LOKI, &[auth, JSON], "{").await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (400, "text/plain; charset=utf-8"));
    assert!(body.starts_with(b"bad_body: "));
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; 32 << 20]).unwrap();
    let (status, _, body) = ask(&server.app, "POST", LOKI, &[auth, PROTOBUF], bomb).await;
    assert_eq!((status, body.starts_with(b"too_large: ")), (413, true));
}

#[tokio::test]
async fn a_bulk_has_an_item_for_each_action() {
    let server = Server::new().await;
    let bearer = bearer(&server);
    let auth = ("authorization", bearer.as_str());
    let body =
        "{\"index\":{\"_index\":\"a\\\"b\",\"_id\":\"1\"}}\n{\"message\":\"one\"}\n{\"delete\":{\"_id\":\"1\"}}\n{\"create\":{}}\nplain\n";
    let (status, headers, text) = ask(&server.app, "POST", BULK, &[auth, ("content-type", "application/x-ndjson")], body).await;
    assert_eq!((status, headers["x-elastic-product"].to_str().unwrap()), (200, "Elasticsearch"));
    assert!(String::from_utf8_lossy(&text).starts_with("{\"took\":"));
    let told = value(&text);
    assert_eq!(told["errors"], true);
    let items: Vec<(&str, u64, &str)> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let (op, result) = item.as_object().unwrap().iter().next().unwrap();
            (op.as_str(), result["status"].as_u64().unwrap(), result["_index"].as_str().unwrap())
        })
        .collect();
    assert_eq!(items, [("index", 201, "a\"b"), ("delete", 400, "logs"), ("create", 201, "logs")]);
    assert_eq!(told["items"][1]["delete"]["error"]["type"], "illegal_argument_exception");
    let (status, _, text) =
        ask(&server.app, "PUT", "/named/_bulk?instance=sms-434", &[auth], "{\"create\":{}}\n{\"message\":\"two\"}\n").await;
    assert_eq!((status, &value(&text)["errors"], &value(&text)["items"][0]["create"]["_index"]), (200, &json!(false), &json!("named")));
    assert_eq!(stored(&server, "sms"), ["one", "plain", "two"]);
    let (status, _, text) = ask(&server.app, "POST", BULK, &[auth], "").await;
    assert_eq!((status, &value(&text)["error"]["type"], &value(&text)["status"]), (400, &json!("illegal_argument_exception"), &json!(400)));
}

#[tokio::test]
async fn clients_of_elasticsearch_find_what_they_ask_for() {
    let server = Server::new().await;
    let page = Router::new().route_service("/", axum::routing::get(async || "the page"));
    let app = server.app.clone().merge(page).layer(axum::middleware::from_fn_with_state(server.indexer.clone(), elastic_front));
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("id:{}", server.ingest));
    for scheme in ["Basic", "ApiKey"] {
        let credentials = format!("{scheme} {pair}");
        let auth = ("authorization", credentials.as_str());
        let vendor = ("accept", "application/vnd.elasticsearch+json;compatible-with=8");
        let (status, headers, body) = ask(&app, "GET", "/", &[auth, vendor], "").await;
        assert_eq!((status, headers["x-elastic-product"].to_str().unwrap()), (200, "Elasticsearch"));
        assert!(headers["content-type"].to_str().unwrap().starts_with("application/vnd.elasticsearch+json"));
        assert_eq!(value(&body)["tagline"], "You Know, for Search");
        for path in
            ["/_license", "/_xpack", "/_cluster/health", "/_nodes/http", "/_ilm/policy/filebeat", "/_index_template/x", "/_data_stream/x"]
        {
            assert_eq!(ask(&app, "GET", path, &[auth], "").await.0, 200, "{path}");
        }
        assert_eq!(value(&ask(&app, "PUT", "/_ilm/policy/x", &[auth], "{}").await.2)["acknowledged"], true);
    }
    assert_eq!(ask(&app, "HEAD", "/", &[("authorization", &bearer(&server))], "").await.0, 200);
    let (status, _, body) = ask(&app, "GET", "/", &[], "").await;
    assert_eq!((status, &body[..]), (200, &b"the page"[..]));
    let browser = [("authorization", "Basic eDp5"), ("accept", "text/html,*/*;q=0.8")];
    assert_eq!(ask(&app, "GET", "/", &browser, "").await.2, b"the page");
    let (status, _, body) = ask(&app, "GET", "/", &[("authorization", "Basic eDp5")], "").await;
    assert_eq!((status, &value(&body)["error"]["type"]), (401, &json!("security_exception")));
    assert_eq!(ask(&app, "GET", "/_license", &[], "").await.0, 401);
}

#[tokio::test]
async fn a_key_holds_at_every_door_and_its_answer_is_the_protocols() {
    let server = Server::new().await;
    let bearer = bearer(&server);
    let (auth, key) = (("authorization", bearer.as_str()), ("idempotency-key", "k"));
    let body = "{\"create\":{\"_index\":\"x\"}}\n{\"message\":\"once\"}\n";
    let first = ask(&server.app, "POST", BULK, &[auth, key], body).await;
    let second = ask(&server.app, "POST", BULK, &[auth, key], body).await;
    assert_eq!((second.0, &value(&second.2)["items"]), (200, &value(&first.2)["items"]));
    let loki = json!({"streams": []}).to_string();
    let reused = ask(&server.app, "POST", LOKI, &[auth, key, JSON], loki).await;
    assert_eq!((reused.0, reused.2.starts_with(b"key_reused: ")), (422, true));
    assert_eq!(stored(&server, "sms"), ["once"]);
}

#[tokio::test]
async fn a_door_is_closed_or_narrow_when_the_operator_says_so() {
    let server = Server::new().await;
    let closed = DoorSettings { on: false, ..DoorSettings::default() };
    let narrow = DoorSettings { body_bytes_max: 100, ..DoorSettings::default() };
    let slow = DoorSettings { rate_bytes: Some(1), ..DoorSettings::default() };
    let settings = Settings { otlp: closed, loki: narrow, elasticsearch: slow, ..Settings::default() };
    let app = router_with(server.indexer.clone(), settings);
    let bearer = bearer(&server);
    let auth = ("authorization", bearer.as_str());
    let (status, _, body) = ask(&app, "POST", OTLP, &[auth, JSON], "{}").await;
    assert_eq!((status, value(&body)["message"].as_str().unwrap().starts_with("door_closed")), (404, true));
    assert_eq!(ask(&app, "POST", LOKI, &[auth, JSON], format!("{{\"streams\":[]}}{}", " ".repeat(100))).await.0, 413);
    assert_eq!(ask(&app, "POST", LOKI, &[auth, JSON], "{\"streams\":[]}").await.0, 204);
    let line = "{\"create\":{}}\n{\"message\":\"a line\"}\n";
    assert_eq!(ask(&app, "POST", BULK, &[auth], line).await.0, 200);
    let (status, headers, body) = ask(&app, "POST", BULK, &[auth], line).await;
    assert_eq!((status, &value(&body)["error"]["type"]), (429, &json!("es_rejected_execution_exception")));
    assert!(headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 10);
    let counted = server.indexer.stats().doors;
    let of = |name: &str| counted.iter().find(|door| door.door == name).unwrap();
    assert_eq!((of("otlp").refused, of("loki").refused, of("elasticsearch").later), (1, 1, 1));
    assert_eq!((of("elasticsearch").verdicts.iter().sum::<u64>(), of("elasticsearch").bytes), (1, line.len() as u64));
}

#[tokio::test]
async fn shared_attributes_cannot_unfold_without_end() {
    let server = Server::new().await;
    let bearer = bearer(&server);
    let large = "x".repeat(200_000);
    let attribute = Writer::default().bytes(1, "a").bytes(2, Writer::default().bytes(1, &large));
    let empty: &[u8] = &[];
    let records = (0..40_000).fold(Writer::default(), |logs, _| logs.bytes(2, empty));
    let body = Writer::default().bytes(1, Writer::default().bytes(1, Writer::default().bytes(1, attribute)).bytes(2, records)).finish();
    let (status, _, answer) = ask(&server.app, "POST", OTLP, &[("authorization", &bearer), PROTOBUF], body).await;
    assert_eq!((status, String::from_utf8_lossy(&answer).contains("too_large")), (413, true));
    assert!(stored(&server, "sms").is_empty());
}
