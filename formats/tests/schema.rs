//! The JSON Schema of the line agrees with the parser, as far as a schema can say it.
//!
//! The validator here knows the keywords that the schema uses, and fails on any other.

use crate::corpus::cases;
use serde_json::Value;

const SCHEMA: &str = include_str!("../schema/line.schema.json");

/// Reasons that a schema cannot see: times against the runtime's, secrets, bytes, nesting, what stands behind another key of the same name.
const BEYOND_A_SCHEMA: &[&str] =
    &["clock_skew", "secret_redacted", "bad_utf8", "too_long", "too_deep", "too_many_fields", "duplicate_key", "incomplete"];

/// Reasons that cases show in ways which the schema leaves open: an alias of an id, a day that its month does not have, a number beyond a float.
const LEFT_OPEN: &[(&str, &str)] =
    &[("alias_used", "trace_id"), ("alias_used", "traceId"), ("bad_timestamp", "2026-02-30"), ("type_conflict", "1e999")];

/// Keywords that describe and do not constrain.
const DESCRIBING: &[&str] = &["$schema", "$id", "$defs", "title", "description"];

/// Whether the value fits the schema; `root` is where references lead.
fn fits(schema: &Value, root: &Value, value: &Value) -> bool {
    let keywords = schema.as_object().unwrap();
    keywords.iter().all(|(keyword, says)| match keyword.as_str() {
        "type" => match says {
            Value::Array(types) => types.iter().any(|wanted| is_of(wanted, value)),
            wanted => is_of(wanted, value),
        },
        "required" => value.as_object().is_none_or(|object| strings(says).all(|key| object.contains_key(key))),
        "properties" => value.as_object().is_none_or(|object| {
            says.as_object().unwrap().iter().all(|(key, schema)| object.get(key).is_none_or(|value| fits(schema, root, value)))
        }),
        "propertyNames" => value.as_object().is_none_or(|object| object.keys().all(|key| fits(says, root, &Value::String(key.clone())))),
        "maxProperties" => value.as_object().is_none_or(|object| object.len() as u64 <= says.as_u64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| regex::Regex::new(says.as_str().unwrap()).unwrap().is_match(text)),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= says.as_u64().unwrap()),
        "minimum" => value.as_f64().is_none_or(|number| number >= says.as_f64().unwrap()),
        "oneOf" => says.as_array().unwrap().iter().filter(|schema| fits(schema, root, value)).count() == 1,
        "anyOf" => says.as_array().unwrap().iter().any(|schema| fits(schema, root, value)),
        "not" => !fits(says, root, value),
        "$ref" => fits(root.pointer(says.as_str().unwrap().trim_start_matches('#')).unwrap(), root, value),
        other => {
            assert!(DESCRIBING.contains(&other), "the keyword {other} is not known here");
            true
        }
    })
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap())
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    match wanted.as_str().unwrap() {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not known here"),
    }
}

#[test]
fn every_line_that_is_ok_fits_the_schema_and_others_do_not() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let (mut fit, mut unfit) = (0, 0);
    for case in cases() {
        let text = String::from_utf8_lossy(&case.line);
        let Ok(line) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) else { continue };
        let reasons: Vec<_> = case.problems().into_iter().filter(|code| !BEYOND_A_SCHEMA.contains(code)).collect();
        let open = |code: &&str| LEFT_OPEN.iter().any(|(known, mark)| known == code && text.contains(mark));
        if case.verdict() == "ok" {
            assert!(fits(&schema, &schema, &line), "{} does not fit", case.name);
            fit += 1;
        } else if !reasons.is_empty() && !reasons.iter().all(open) {
            assert!(!fits(&schema, &schema, &line), "{} fits, in spite of {reasons:?}", case.name);
            unfit += 1;
        }
    }
    assert!(fit >= 40 && unfit >= 30, "{fit} {unfit}");
}

#[test]
fn the_schema_names_every_reserved_key() {
    for name in martlog_formats::reserved::STAMPED {
        assert!(SCHEMA.contains(&format!(r#"{{ "required": ["{name}"] }}"#)), "{name}");
    }
}
