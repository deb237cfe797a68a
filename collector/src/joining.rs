//! Which lines of text belong to one record: stack traces and their like.
//!
//! A line is told from the record before it by its own first bytes and by how that record looks so far; a complete JSON line is a
//! record of its own and never waits. This is the only file of the collector that knows a rule of joining.

const TRACEBACK: &[u8] = b"Traceback (most recent call last):";

/// Whether a line may have a continuation, so that it waits for it.
pub(crate) fn may_continue(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    !line.is_empty() && !(line.starts_with(b"{") && line.ends_with(b"}"))
}

/// Whether `next` continues the record that is `open`.
pub(crate) fn continues(open: &[u8], next: &[u8]) -> bool {
    if !may_continue(open) || !may_continue(next) {
        return false;
    }
    if next.starts_with(b" ") || next.starts_with(b"\t") {
        return true;
    }
    if next.starts_with(b"Caused by:") || next.starts_with(b"Suppressed:") {
        return true;
    }
    // Python: the frames are indented, the exception that ends them is not.
    let last = open.rsplit(|byte| *byte == b'\n').next().unwrap_or(open);
    let framed = last.starts_with(b" ") || last.starts_with(b"\t");
    let traced = memchr::memmem::find(open, TRACEBACK).is_some();
    traced && framed
}
