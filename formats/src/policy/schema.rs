//! What is written by hand in a policy, as JSON Schema for the API's document: the words are those of the types.

use super::{Action, Class, Level, Redaction};
use crate::record::Severity;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

impl JsonSchema for Redaction {
    fn schema_name() -> Cow<'static, str> {
        "Redaction".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let word = |action: Action| Value::from(action.as_str());
        let all = [Action::Keep, Action::Mask, Action::Hash].map(word);
        let of = |class: Class| match class {
            Class::Secret => json!({"enum": [word(Action::Mask)]}),
            _ => json!({"enum": all}),
        };
        let properties: Map<String, Value> = Class::ALL.into_iter().map(|class| (class.as_str().to_owned(), of(class))).collect();
        json_schema!({
            "description": "What becomes of each class of personal data; of one that is absent nothing is said.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

impl JsonSchema for Level {
    fn schema_name() -> Cow<'static, str> {
        "LeastLevel".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = [Severity::TRACE, Severity::DEBUG, Severity::INFO, Severity::WARN, Severity::ERROR, Severity::FATAL]
            .map(Severity::level)
            .to_vec();
        json_schema!({"description": "The least level that is kept.", "enum": words})
    }
}
