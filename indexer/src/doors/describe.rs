//! What an endpoint is, for the API's document: said where its route is made, so that neither is there without the other.
//!
//! [`Api::at`] is the only way in which a route below `/api/v1` comes into a router. Types of bodies are named as Rust types: their schemas are those of what is
//! really read and written.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// Makes a type's schema, in the components of the document.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of a type.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> SchemaOf {
    |generator| generator.subschema_for::<T>()
}

/// Kinds of tokens that may ask.
pub const READERS: &[&str] = &["staff", "partner"];
/// Staff alone.
pub const STAFF: &[&str] = &["staff"];
/// Those that push lines.
pub const INGEST: &[&str] = &["ingest"];
/// Collectors.
pub const COLLECTOR: &[&str] = &["collector"];
/// Every kind.
pub const ANY: &[&str] = &["staff", "partner", "ingest", "collector"];
/// Who has the secret of an excerpt.
pub const EXCERPT: &[&str] = &["excerpt"];
/// No token is needed.
pub const NOBODY: &[&str] = &[];

/// Methods that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Asks or makes.
    Post,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

/// A parameter that is no part of the body.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// `path`, `query` or `header`.
    pub place: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What it can be.
    pub schema: SchemaOf,
}

/// What is sent or answered.
#[derive(Debug, Clone)]
pub struct Content {
    /// The media type.
    pub media_type: &'static str,
    /// What it holds; of NDJSON each line, `None` for bytes.
    pub schema: Option<SchemaOf>,
    /// An example; `Null` is none.
    pub example: Value,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// When it is given.
    pub about: &'static str,
    /// What it holds.
    pub content: Option<Content>,
    /// Headers that it has.
    pub headers: Vec<(&'static str, &'static str)>,
}

/// An endpoint: one method of one path.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// As routers and the document write it: `/api/v1/partners/{id}`.
    pub path: &'static str,
    /// Its name for generated clients.
    pub id: &'static str,
    /// The group in the document.
    pub tag: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Kinds of tokens that may ask; none where no token is needed.
    pub roles: &'static [&'static str],
    /// See [`Parameter`].
    pub parameters: Vec<Parameter>,
    /// What is sent, by media type.
    pub takes: Vec<Content>,
    /// Whether something has to be sent.
    pub must_send: bool,
    /// Answers that are no problem.
    pub answers: Vec<Answer>,
    /// Statuses of problems.
    pub problems: Vec<u16>,
}

impl Operation {
    /// One of a group, for whoever has a token of these kinds.
    #[must_use]
    pub fn new(
        method: Method,
        path: &'static str,
        id: &'static str,
        tag: &'static str,
        roles: &'static [&'static str],
        summary: &'static str,
    ) -> Self {
        let problems = if roles.is_empty() { vec![] } else { vec![401, 403] };
        Self { method, path, id, tag, summary, roles, parameters: vec![], takes: vec![], must_send: false, answers: vec![], problems }
    }

    /// With a parameter in the path; there may be no such thing.
    #[must_use]
    pub fn named(self, name: &'static str, about: &'static str) -> Self {
        self.parameter("path", name, about, schema_of::<String>()).fails(&[404])
    }

    /// With a parameter of the query.
    #[must_use]
    pub fn asked<T: JsonSchema>(self, name: &'static str, about: &'static str) -> Self {
        self.parameter("query", name, about, schema_of::<T>()).fails(&[400])
    }

    /// With a header.
    #[must_use]
    pub fn header(self, name: &'static str, about: &'static str) -> Self {
        self.parameter("header", name, about, schema_of::<String>())
    }

    fn parameter(mut self, place: &'static str, name: &'static str, about: &'static str, schema: SchemaOf) -> Self {
        self.parameters.push(Parameter { place, name, about, schema });
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self, example: Value) -> Self {
        self.must_send = true;
        self.takes.push(Content { media_type: "application/json", schema: Some(schema_of::<T>()), example });
        self.fails(&[400, 413, 415])
    }

    /// With a body of another type.
    #[must_use]
    pub fn takes_bytes(mut self, media_type: &'static str) -> Self {
        self.must_send = true;
        self.takes.push(Content { media_type, schema: None, example: Value::Null });
        self.fails(&[400, 413, 415])
    }

    /// The body may be left out.
    #[must_use]
    pub fn or_nothing(mut self) -> Self {
        self.must_send = false;
        self
    }

    /// With an answer in JSON.
    #[must_use]
    pub fn gives<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.gives_as::<T>(status, "application/json", about)
    }

    /// With an answer of another type; of NDJSON the schema is that of a line.
    #[must_use]
    pub fn gives_as<T: JsonSchema>(self, status: u16, media_type: &'static str, about: &'static str) -> Self {
        self.gives_content(status, about, Some(Content { media_type, schema: Some(schema_of::<T>()), example: Value::Null }))
    }

    /// With an answer that holds nothing.
    #[must_use]
    pub fn gives_nothing(self, status: u16, about: &'static str) -> Self {
        self.gives_content(status, about, None)
    }

    fn gives_content(mut self, status: u16, about: &'static str, content: Option<Content>) -> Self {
        self.answers.push(Answer { status, about, content, headers: vec![] });
        self
    }

    /// The answer that was told last has this header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, about: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.push((name, about));
        }
        self
    }

    /// With problems of these statuses.
    #[must_use]
    pub fn fails(mut self, statuses: &[u16]) -> Self {
        self.problems.extend(statuses);
        self.problems.sort_unstable();
        self.problems.dedup();
        self
    }
}

impl Method {
    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// As the document writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// Routes with what is said of them.
#[derive(Debug)]
pub struct Api<S> {
    /// The routes.
    pub router: Router<S>,
    /// One for each.
    pub operations: Vec<Operation>,
}

impl<S: Clone + Send + Sync + 'static> Default for Api<S> {
    fn default() -> Self {
        Self { router: Router::new(), operations: Vec::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// The same with an endpoint.
    #[must_use]
    pub fn at<T: 'static>(mut self, operation: Operation, handler: impl Handler<T, S>) -> Self {
        self.router = self.router.route(operation.path, on(operation.method.filter(), handler));
        self.operations.push(operation);
        self
    }
}
