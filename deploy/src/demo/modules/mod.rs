//! The simulated modules, one file each: what they print, each in the habit of its authors. Together they show every shape that was seen in the field.
//!
//! | module | habit |
//! |---|---|
//! | sms | conforming JSON; a `Bearer` header in a debug line |
//! | otp | plain Python logging, the id inside the text, codes in clear |
//! | voicemail | bracketed text, which loses its times at a restart |
//! | sip | conforming JSON with call ids; SIP traces over 16 KiB; Digest and SRTP secrets |
//! | porting | JSON with other field names (`ts`, `severity`, `msg`, `trace_id`) |
//! | roaming | logfmt |
//! | billing | JSON with a zone of its own and upper-case levels; Java stack traces on stderr |
//! | payment | JSON that is sometimes cut, unknown level words, passwords and keys |
//! | fraud | JSON with numbers as levels, missing times, duplicate keys; crashes |
//! | crm | JSON; Python tracebacks on stderr; secrets in JSON inside text |
//! | self_care | JSON and plain access lines of two web servers on one stdout |
//! | esim | conforming JSON with events, and empty ids outside requests |
//! | loyalty | conforming JSON of a module that nobody has registered |

pub(super) mod billing;
pub(super) mod crm;
pub(super) mod esim;
pub(super) mod fraud;
pub(super) mod loyalty;
pub(super) mod otp;
pub(super) mod payment;
pub(super) mod porting;
pub(super) mod roaming;
pub(super) mod self_care;
pub(super) mod sip;
pub(super) mod sms;
pub(super) mod voicemail;

use serde_json::Value;

/// One JSON line of two objects, the keys in the order in which they are written here.
pub(super) fn joined(head: Value, more: Value) -> String {
    match (head, more) {
        (Value::Object(mut head), Value::Object(more)) => {
            head.extend(more);
            Value::Object(head).to_string()
        }
        (head, _) => head.to_string(),
    }
}
