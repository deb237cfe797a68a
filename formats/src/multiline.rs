//! Joining the physical lines of one record: stack traces, pretty-printed JSON, key blocks.
//!
//! A state machine per substream. It is told each physical line and says whether that continues the pending record; the caller keeps the bytes, joins them with `\n`, and
//! ships what is pending when a line starts a new record, when [`Decision::Start`] says that nothing can follow, or after its time-out (then it calls [`Joiner::flushed`]).
//!
//! Invariants: complete JSON neither continues nor waits; a record grows to at most [`limits::LINE_BYTES_MAX`] bytes and
//! [`limits::JOINED_LINES_MAX`] lines; the lines of a private key stay one record as long as these bounds and the time-out allow.

use crate::json;
use crate::limits;
use crate::time::{self, Context};

/// What a physical line is to the record before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It begins a record; what was pending is complete.
    Start {
        /// Whether the next line may continue it: if not, it is complete as it stands.
        waits: bool,
    },
    /// It continues the pending record.
    Continue {
        /// Whether a further line may continue it.
        waits: bool,
    },
}

/// Decides line by line, for one substream.
#[derive(Debug, Clone, Default)]
pub struct Joiner {
    pending: Option<Pending>,
}

/// The record to which lines may still be added.
#[derive(Debug, Clone)]
struct Pending {
    bytes: usize,
    lines: usize,
    /// Its first line says that something failed: a stack trace may follow.
    failure: bool,
    part: Part,
}

/// Where in its record the last line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// In text of no known form.
    Text,
    /// In a Python traceback, before its last line.
    Traceback,
    /// Behind the last line of a Python traceback: another one may follow a blank line and a sentence.
    TracebackEnd,
    /// In a Go panic; whether the line was blank.
    Panic { blank: bool },
    /// In the head of a Rust panic: its message comes next.
    RustPanic,
    /// In pretty-printed JSON, in so many objects and arrays.
    Json { depth: usize },
    /// In a private key.
    Key,
}

const TRACEBACK: &str = "Traceback (most recent call last):";

impl Joiner {
    /// No line seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides about the next physical line, given without its line end.
    pub fn push(&mut self, line: &[u8]) -> Decision {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r');
        if let Some(pending) = &mut self.pending
            && pending.bytes + 1 + line.len() <= limits::LINE_BYTES_MAX
            && pending.lines < limits::JOINED_LINES_MAX
            && let Some(part) = pending.continued(text)
        {
            pending.bytes += 1 + line.len();
            pending.lines += 1;
            pending.part = part;
            let waits = part != Part::Json { depth: 0 };
            if !waits {
                self.pending = None;
            }
            return Decision::Continue { waits };
        }
        self.start(text, line.len())
    }

    /// Whether nothing is pending: the next line begins a record.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.pending.is_none()
    }

    /// Tells that what was pending has been shipped: the next line begins a record.
    pub fn flushed(&mut self) {
        self.pending = None;
    }

    fn start(&mut self, text: &str, bytes: usize) -> Decision {
        let complete = text.trim().is_empty() || json::is_object(text);
        self.pending = (!complete).then(|| Pending { bytes, lines: 1, failure: tells_failure(text), part: first_part(text) });
        Decision::Start { waits: !complete }
    }
}

impl Pending {
    /// Where the line stands if it continues the record.
    fn continued(&self, line: &str) -> Option<Part> {
        if self.part == Part::Key {
            return Some(if line.contains("-----END") { Part::Text } else { Part::Key });
        }
        if json::is_object(line) || begins_with_time(line) {
            return None;
        }
        let indented = line.starts_with([' ', '\t']);
        match self.part {
            Part::Json { depth } if indented || line.starts_with(['}', ']']) => Some(Part::Json { depth: json_depth(line, depth) }),
            Part::Json { .. } => None,
            Part::Traceback if indented || line.is_empty() => Some(Part::Traceback),
            Part::Traceback => Some(Part::TracebackEnd),
            Part::TracebackEnd => behind_traceback(line, indented),
            Part::Panic { blank } => in_panic(line, indented, blank),
            Part::RustPanic => Some(Part::Text),
            Part::Text | Part::Key => self.behind_text(line, indented),
        }
    }

    fn behind_text(&self, line: &str, indented: bool) -> Option<Part> {
        if is_traceback_head(line) && (indented || (self.failure && self.lines == 1)) {
            return Some(Part::Traceback);
        }
        if begins_key(line) && !ends_key(line) && indented {
            return Some(Part::Key);
        }
        let continues = indented && !line.trim().is_empty()
            || ["Caused by:", "Suppressed:", "Stack trace:", "stack backtrace:", "note: "].iter().any(|head| line.starts_with(head))
            || is_numbered_frame(line)
            || (self.failure && self.lines == 1 && is_exception_line(line));
        if continues {
            return Some(Part::Text);
        }
        // The blank line between a Go panic's message and its goroutines.
        (self.failure && self.lines == 1 && line.starts_with("goroutine ")).then_some(Part::Panic { blank: false })
    }
}

/// Where the first line of a record stands.
fn first_part(line: &str) -> Part {
    let text = line.trim_start();
    if is_traceback_head(line) {
        Part::Traceback
    } else if text.starts_with("panic: ") || text.starts_with("fatal error: ") || text.starts_with("runtime: ") {
        Part::Panic { blank: false }
    } else if text.starts_with("thread '") && text.contains("' panicked at ") && text.ends_with(':') {
        Part::RustPanic
    } else if begins_key(line) && !ends_key(line) {
        Part::Key
    } else if text.starts_with('{') || text.trim_end() == "[" {
        match json_depth(text, 0) {
            0 => Part::Text,
            depth => Part::Json { depth },
        }
    } else {
        Part::Text
    }
}

fn is_traceback_head(line: &str) -> bool {
    line.trim_start_matches([' ', '|', '+']).starts_with(TRACEBACK) || line.ends_with(TRACEBACK)
}

/// Behind a traceback: a blank line, the sentence that chains two, and the next one.
fn behind_traceback(line: &str, indented: bool) -> Option<Part> {
    if is_traceback_head(line) {
        return Some(Part::Traceback);
    }
    let chains = line.starts_with("During handling of the above exception") || line.starts_with("The above exception was the direct cause");
    (line.is_empty() || indented || chains).then_some(Part::TracebackEnd)
}

/// In a Go panic: goroutines are parted by blank lines, frames are a call and an indented place.
fn in_panic(line: &str, indented: bool, blank: bool) -> Option<Part> {
    if line.is_empty() {
        return Some(Part::Panic { blank: true });
    }
    let head = ["goroutine ", "exit status ", "[signal ", "panic: ", "created by ", "runtime."].iter().any(|head| line.starts_with(head));
    let frame = !blank && line.ends_with(')') && line.contains('(');
    (indented || head || frame).then_some(Part::Panic { blank: false })
}

/// `#0 /srv/app.php(12): …`, as PHP numbers its frames.
fn is_numbered_frame(line: &str) -> bool {
    line.strip_prefix('#').is_some_and(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && rest[digits..].starts_with(' ')
    })
}

/// `java.lang.IllegalStateException: no route`: a dotted name that ends as exceptions do.
fn is_exception_line(line: &str) -> bool {
    let name = &line[..line.find([':', ' ']).unwrap_or(line.len())];
    name.contains('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'))
        && ["Exception", "Error", "Throwable"].iter().any(|end| name.ends_with(end))
}

/// Whether the line says that something failed, so that a stack trace may follow it.
fn tells_failure(line: &str) -> bool {
    let head = limits::prefix(line, limits::HEAD_BYTES_MAX);
    ["ERROR", "CRITICAL", "FATAL", "SEVERE", "Exception", "[error]", "error:", "Unhandled", "Uncaught", "panic"]
        .iter()
        .any(|word| head.contains(word))
}

fn begins_key(line: &str) -> bool {
    line.contains("-----BEGIN ") && line.contains("PRIVATE KEY")
}

fn ends_key(line: &str) -> bool {
    line.contains("-----END ")
}

fn begins_with_time(line: &str) -> bool {
    let text = line.trim_start().trim_start_matches('[');
    text.starts_with(|c: char| c.is_ascii_digit()) && time::iso(text, Context { zone_minutes: 0, runtime_ns: 0 }).is_some()
}

/// In how many objects and arrays a text ends that begins in `depth` of them. Never below none.
fn json_depth(line: &str, mut depth: usize) -> usize {
    let mut in_string = false;
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth
}
