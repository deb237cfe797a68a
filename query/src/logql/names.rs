//! Words of Loki's language that mean nothing here, each with what does the same in the own language.

/// Stages of the pipeline.
const STAGES: [(&str, &str); 5] = [
    ("line_format", "lines are shown as they were logged: the own language shows chosen fields with | fields time, level, message"),
    ("label_format", "labels keep their names: ask for a field by its own name, or write | json new=\"name\""),
    ("unpack", "lines are read when they come in, so their fields are there already: leave it out"),
    ("decolorize", "colours are no part of what is searched: leave it out"),
    ("unwrap", "numbers of a label are taken inside of a function over time, such as sum_over_time({…} | unwrap duration_ms [5m])"),
];

/// Functions.
const FUNCTIONS: [(&str, &str); 19] = [
    ("absent_over_time", "write count_over_time and look for gaps; the own language shows pauses with | gaps 5m"),
    ("stddev_over_time", "the own language has | stats p50(field), p95(field), p99(field)"),
    ("stdvar_over_time", "the own language has | stats p50(field), p95(field), p99(field)"),
    ("first_over_time", "ask for the lines themselves, with limit=1 and direction=forward"),
    ("last_over_time", "ask for the lines themselves, with limit=1"),
    ("rate_counter", "write max_over_time and min_over_time of the label"),
    ("stddev", "write avg, min and max, or quantile_over_time"),
    ("stdvar", "write avg, min and max, or quantile_over_time"),
    ("sort", "write topk(100, …), which sorts"),
    ("sort_desc", "write topk(100, …), which sorts"),
    ("approx_topk", "write topk, which is exact here"),
    ("count_values", "the own language counts values with | top 10 field"),
    ("label_replace", "labels keep their values: the own language reads parts of a text with | extract \"…*name…\""),
    ("label_join", "labels keep their values: group by several labels"),
    ("quantile", "write quantile_over_time"),
    ("group", "write count"),
    ("ip", "write the expression of the address with =~; the own language has field:10.0.0.*"),
    ("variants", "ask for each figure by itself; the own language has several in one: | stats count(), p95(field)"),
    ("absent", "write count_over_time and look for gaps; the own language shows pauses with | gaps 5m"),
];

/// Words of the grammar.
const KEYWORDS: [&str; 20] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "bool",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "offset",
    "json",
    "logfmt",
    "pattern",
    "regexp",
    "unwrap",
    "drop",
    "keep",
    "vector",
    "duration",
];

/// What to write instead of a stage.
pub(super) fn stage(name: &str) -> Option<String> {
    instead(&STAGES, name)
}

/// What to write instead of a function.
pub(super) fn function(name: &str) -> Option<String> {
    instead(&FUNCTIONS, name)
}

fn instead(of: &[(&str, &str)], name: &str) -> Option<String> {
    of.iter().find(|(known, _)| *known == name).map(|(known, hint)| format!("{known} is not supported here: {hint}"))
}

/// Whether the grammar uses the word.
pub(super) fn is_keyword(name: &str) -> bool {
    let is_function = |functions: &[(&str, &str)]| functions.iter().any(|(known, _)| *known == name);
    KEYWORDS.contains(&name) || is_function(&STAGES) || is_function(&FUNCTIONS)
}
