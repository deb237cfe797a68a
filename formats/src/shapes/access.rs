//! Access lines of web servers:
//!
//! ```text
//! 10.0.0.7 - alice [22/Nov/2026:10:12:50 +0000] "GET /v1/sms HTTP/1.1" 200 512 "-" "curl/8"      nginx, Apache
//! 10.0.0.7:52044 - "GET /health HTTP/1.1" 200 OK                                                 uvicorn without its level
//! ```
//!
//! They say no level, and none is made up from the status.

use super::Reading;
use crate::time::{self, Context};

/// How far from the beginning the bracket of the time may stand, bytes: host, identity and user come first.
const HEAD_BYTES_MAX: usize = 256;

/// What the line shows, if it has this form.
#[must_use]
pub(super) fn read(line: &str, context: Context) -> Option<Reading> {
    let head = crate::limits::prefix(line, HEAD_BYTES_MAX);
    let request = line.find(" \"").map_or("", |at| &line[at + 2..]);
    let method = &request[..request.bytes().take_while(u8::is_ascii_uppercase).count()];
    if !(3..=7).contains(&method.len()) || !request[method.len()..].starts_with(' ') {
        return None;
    }
    if let Some(at) = head.find(" [") {
        let (moment, _) = time::common_log(&head[at + 2..], context)?;
        return Some(Reading { severity: None, moment: Some(moment) });
    }
    let host = line.split(' ').next().unwrap_or_default();
    (host.contains(['.', ':']) && line[host.len()..].starts_with(" - \"")).then(Reading::default)
}
