//! OTLP logs, `ExportLogsServiceRequest`, in protobuf and in JSON. <https://opentelemetry.io/docs/specs/otlp/>
//!
//! | in OTLP | in the record |
//! |---|---|
//! | `time_unix_nano`, else `observed_time_unix_nano` | its time, where the body does not say one |
//! | `severity_number`, else the word in `severity_text` | its severity, where the body says none; `severity_text` is an attribute too |
//! | `body` | a text is the message, or the line where it is a JSON object; a map is the line; of anything else its JSON is the message |
//! | `attributes` of the record and of its resource | attributes by their names: `http.route`, `service.name` |
//! | the scope | `scope.name`, `scope.version`, `scope.attributes.<name>` |
//! | `trace_id`, `span_id`, `flags`, `event_name`, `dropped_attributes_count` | `trace_id` (found as `request_id` as well), `span_id`, `trace_flags`, `event_name`, `dropped_attributes_count` |
//!
//! Where record and resource have an attribute of the same name, the record's stands under it and the other under `resource.<name>`. The time is looked for in the record, not in
//! attributes; `schema_url` is not kept.

mod json;
mod log;
mod proto;

pub use json::decode as decode_json;
pub use proto::decode as decode_protobuf;

#[cfg(test)]
mod tests;
