//! Reserved names: what the platform stamps on a record. A line is text chosen by a third party, so its keys never stand for these:
//! such a key is kept under `attributes.` and marked.

/// Names of fields that the platform stamps. A key of the line that has one is marked `reserved_key`.
pub const STAMPED: &[&str] = &[
    "id",
    "partner",
    "module",
    "instance",
    "csp",
    "environment",
    "version",
    "cluster",
    "node",
    "namespace",
    "pod",
    "container",
    "stream",
    "verdict",
    "problem",
    "problems",
];

/// Names that mean something else in a query. Keys with these names are reached under `attributes.` too, and are no fault of the module's.
pub const USED: &[&str] = &["time", "level", "message", "session", "in", "attributes"];

/// Whether the platform stamps a field of this name.
#[must_use]
pub fn is_stamped(name: &str) -> bool {
    // Longer than every one of them: seen at once.
    name.len() <= 11 && STAMPED.contains(&name)
}

/// Whether an attribute of this name is reached only under `attributes.`.
#[must_use]
pub fn is_used(name: &str) -> bool {
    name.len() <= 11 && (STAMPED.contains(&name) || USED.contains(&name))
}
