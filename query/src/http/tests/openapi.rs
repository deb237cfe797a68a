//! The API's document is the checked-in one, says of each path what the router has there, and is served with the page that shows it.

use super::*;
use crate::http::openapi;

fn document() -> Value {
    serde_json::from_str(&openapi::text()).unwrap()
}

#[test]
fn the_checked_in_document_is_the_one_of_the_types_and_routes() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (kept, made) = (root.join("docs/openapi.json"), openapi::text());
    if std::fs::read_to_string(&kept).unwrap_or_default() != made {
        let new = root.join("target/openapi.json");
        std::fs::write(&new, made).unwrap();
        panic!(
            "docs/openapi.json is not what the types and routes say: look at the difference, then cp target/openapi.json docs/openapi.json"
        );
    }
}

#[tokio::test]
async fn each_path_answers_the_methods_of_the_document_and_no_other() {
    let server = Server::start().await;
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let at = path.replace("{id}", "none").replace("{pod_uid}", "none");
        for method in ["get", "post", "patch", "delete", "put"] {
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&at).body(Body::empty()).unwrap();
            let answer = read(server.request(request).await).await;
            let is_described = methods.get(method).is_some();
            assert_eq!(answer.status != 405, is_described, "{method} {path}: {} {}", answer.status, answer.text);
            if is_described {
                assert!(methods[method]["responses"].get(answer.status.as_str()).is_some(), "{method} {path} answers {}", answer.status);
            }
        }
    }
}

#[test]
fn references_lead_somewhere_and_names_are_given_once() {
    let document = document();
    let (mut references, mut ids) = (BTreeSet::new(), BTreeSet::new());
    collect(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference}"));
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            assert!(ids.insert(operation["operationId"].clone().to_string()), "{path}: {}", operation["operationId"]);
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    // schemars numbers types of one name.
    let numbered: Vec<_> = schemas.keys().filter(|name| name.ends_with(|c: char| c.is_ascii_digit())).collect();
    assert!(numbered.is_empty(), "types that share a name: {numbered:?}");
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[tokio::test]
async fn examples_of_questions_are_answered() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let document = document();
    let mut asked = 0;
    for path in ["search", "histogram", "stats", "fields", "values", "parse"] {
        let path = format!("/api/v1/{path}");
        let example = document["paths"][&path]["post"]["requestBody"]["content"]["application/json"]["example"].clone();
        assert!(example.is_object(), "{path}");
        let answer = server.post(&path, &token, example).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        asked += 1;
    }
    assert_eq!(asked, 6);
}

#[tokio::test]
async fn the_document_and_its_page_are_served_without_a_token_and_run_nothing_foreign() {
    let server = Server::start().await;
    let answer = server.get("/api/v1/openapi.json", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.text), (200, openapi::text()));
    let tag = answer.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(server.get("/api/v1/openapi.json", &[("if-none-match", &tag)]).await.status, 304);
    let page = server.get("/api/docs", &[]).await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for part in page.text.split(['"', '\'']).filter(|part| part.starts_with("/api/docs/")) {
        assert_eq!(server.get(part, &[]).await.status, 200, "{part}");
    }
    assert!(!page.text.contains("style=") && !page.text.contains("://"), "nothing inline, nothing from elsewhere");
    assert_eq!(server.get("/api/docs/nothing", &[]).await.status, 404);
}
