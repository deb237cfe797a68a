//! The API's document, OpenAPI 3.1: assembled from what is said of each route where it is made, with the schemas of the types that are really read and written.
//!
//! It is checked in as `docs/openapi.json` and compared in a test; `GET /api/v1/openapi.json` serves it, without a token: it tells nothing of what is stored.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use martlog_indexer::doors::describe::{Answer, Content, Method, NOBODY, Operation, Parameter};
use martlog_indexer::doors::problem::ProblemBody;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Where it is.
pub(super) const PATH: &str = "/api/v1/openapi.json";

const ABOUT: &str = "Logs of third-party modules: searched, followed, counted and shaped, within what the token reaches. What is somebody else's is answered as what \
    does not exist. The query language is told in docs/query.md. Errors are Problem Details (RFC 9457) with a stable `code`; 429 and most 503 say in `Retry-After` when to \
    come back. Any method that a path does not have is answered 405.";

/// The document, of these endpoints.
#[must_use]
pub(crate) fn document(operations: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = json!({"application/problem+json": {"schema": generator.subschema_for::<ProblemBody>()}});
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str()] = described(operation, &problem, &mut generator);
    }
    paths.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {"title": "martlog", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components(generator),
            "responses": problems(operations, &problem),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "mart_{staff|partner|ingest|collector}_…", "description": "A token; it belongs into no address."},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": martlog_indexer::doors::auth::COOKIE,
                    "description": "What a browser got for a token at `/api/v1/session`; a request that changes something has to come from the server's own page.",
                },
            },
        },
    })
}

fn components(mut generator: SchemaGenerator) -> Map<String, Value> {
    let mut schemas = generator.take_definitions(true);
    schemas.sort_keys();
    schemas
}

fn described(operation: &Operation, problem: &Value, generator: &mut SchemaGenerator) -> Value {
    let mut told = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": who(operation),
        "responses": responses(operation, problem, generator),
    });
    if !operation.roles.is_empty() {
        let cookie = operation.roles.iter().any(|role| matches!(*role, "staff" | "partner"));
        told["security"] = if cookie { json!([{"token": []}, {"session": []}]) } else { json!([{"token": []}]) };
        told["x-martlog-roles"] = json!(operation.roles);
    } else {
        told["security"] = json!([]);
    }
    if !operation.parameters.is_empty() {
        told["parameters"] = operation.parameters.iter().map(|parameter| parameter_of(parameter, generator)).collect();
    }
    if !operation.takes.is_empty() {
        told["requestBody"] = json!({"required": operation.must_send, "content": contents(&operation.takes, generator)});
    }
    told
}

fn who(operation: &Operation) -> String {
    if operation.roles == NOBODY { "Without a token.".to_owned() } else { format!("For tokens of kind {}.", operation.roles.join(", ")) }
}

fn parameter_of(parameter: &Parameter, generator: &mut SchemaGenerator) -> Value {
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.about,
        "schema": (parameter.schema)(generator),
    })
}

fn contents(contents: &[Content], generator: &mut SchemaGenerator) -> Value {
    let one = |content: &Content| {
        let mut told = json!({});
        if let Some(schema) = content.schema {
            told["schema"] = json!(schema(generator));
        }
        if !content.example.is_null() {
            told["example"] = content.example.clone();
        }
        (content.media_type.to_owned(), told)
    };
    Value::Object(contents.iter().map(one).collect())
}

/// By status; where an answer and a problem share one, by media type.
fn responses(operation: &Operation, problem: &Value, generator: &mut SchemaGenerator) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for Answer { status, about, content, headers } in &operation.answers {
        let mut told = json!({"description": about});
        if let Some(content) = content {
            told["content"] = contents(std::slice::from_ref(content), generator);
        }
        for (name, about) in headers {
            told["headers"][name] = json!({"description": about, "schema": {"type": "string"}});
        }
        match (responses.get_mut(&status.to_string()), told["content"].take()) {
            // In another form.
            (Some(known), Value::Object(forms)) => forms.into_iter().for_each(|(media_type, form)| known["content"][media_type] = form),
            (_, forms) => {
                if !forms.is_null() {
                    told["content"] = forms;
                } else if let Some(told) = told.as_object_mut() {
                    told.remove("content");
                }
                responses.insert(status.to_string(), told);
            }
        }
    }
    for status in &operation.problems {
        match responses.get_mut(&status.to_string()) {
            None => drop(responses.insert(status.to_string(), json!({"$ref": format!("#/components/responses/{}", name(*status))}))),
            Some(told) => {
                told["content"]["application/problem+json"] = problem["application/problem+json"].clone();
                add_retry_after(told, *status);
            }
        }
    }
    responses.sort_keys();
    Value::Object(responses)
}

/// Problems by their status, which many endpoints share.
fn problems(operations: &[Operation], problem: &Value) -> Map<String, Value> {
    let statuses: BTreeSet<u16> = operations.iter().flat_map(|operation| operation.problems.iter().copied()).collect();
    let one = |status| {
        let mut told = json!({"description": meaning(status), "content": problem});
        add_retry_after(&mut told, status);
        (name(status), told)
    };
    statuses.into_iter().map(one).collect()
}

/// The name of what endpoints share.
fn name(status: u16) -> String {
    format!("Problem{status}")
}

fn add_retry_after(told: &mut Value, status: u16) {
    if matches!(status, 429 | 503) {
        told["headers"]["Retry-After"] =
            json!({"description": "Seconds to wait; not with every 503.", "schema": {"type": "integer", "minimum": 1}});
    }
}

/// What a status says.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read; a query's mistake comes with its place, a hint and a correction.",
        401 => "A valid token is needed.",
        403 => "The token may not do this, or another site's page asks.",
        404 => "There is no such thing, or it is somebody else's.",
        408 => "The body did not come in time.",
        409 => "It contradicts what is there.",
        413 => "The body is too large.",
        415 => "The body has a type or an encoding that is not taken.",
        422 => "The key was used for another body.",
        429 => "Too much at once: come back later.",
        500 => "The server failed; its log says why.",
        503 => "Not now: the store or the server is busy, or it took too long.",
        _ => "A problem.",
    }
}

/// The endpoint of the document itself.
pub(super) fn operation() -> Operation {
    Operation::new(Method::Get, PATH, "openapi", "The API", NOBODY, "This document.")
        .gives::<Map<String, Value>>(200, "The document, OpenAPI 3.1.")
        .with_header("ETag", "Its version.")
        .gives_nothing(304, "It is what is known.")
}

pub(super) async fn openapi(headers: HeaderMap) -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(text);
    let tag = format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(TEXT.as_bytes()));
    let mut response =
        if super::is_known(&headers, &tag) { axum::http::StatusCode::NOT_MODIFIED.into_response() } else { TEXT.as_str().into_response() };
    let own = response.headers_mut();
    own.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    own.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        own.insert(header::ETAG, tag);
    }
    response
}

/// The document of the whole API as it is served and checked in.
#[must_use]
pub(crate) fn text() -> String {
    let mut operations = martlog_indexer::doors::operations();
    operations.extend(super::api().operations);
    let mut text = serde_json::to_string_pretty(&document(&operations)).unwrap_or_default();
    text.push('\n');
    text
}
