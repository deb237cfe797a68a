//! Labels: what Loki's names stand for here. The one table of both; `docs/grafana.md` tells it to users, and a test holds that to this.
//!
//! | label | here |
//! |---|---|
//! | [`STREAM`] | what the platform stamps, by the same name: these make a stream |
//! | [`LEVEL`] | the level that is shown; it stands beside a line, so that the lines around one are those of all levels |
//! | `service_name`, `detected_level` | other names of `module` and `level`, to be asked by; lines are shown without them |
//! | `verdict`, `problem` | the same |
//! | `__error__`, `__error_details__` | never there: lines are read when they come in |
//! | any other, such as `http_status_code` | a field of the line: each `_` stands for `.` or `_` ([`paths`]) |
//! | `pod_extracted` | a field of the line that is called as a label is |
//!
//! A field is shown under [`shown`] of its path: what is no letter, digit or `_` of ASCII becomes `_`.

use martlog_formats::fields::ATTRIBUTES_PREFIX;
use martlog_formats::reserved;

/// The labels of streams, in the order in which they are told.
pub const STREAM: [&str; 12] =
    ["partner", "module", "instance", "csp", "environment", "version", "cluster", "node", "namespace", "pod", "container", "stream"];

/// The label of the level.
pub const LEVEL: &str = "level";

/// Names by which a label is asked for, too.
pub const OTHER_NAMES: [(&str, &str); 2] = [("service_name", "module"), ("detected_level", "level")];

/// Labels with which Loki marks lines that it could not read.
const OF_ERRORS: [&str; 2] = ["__error__", "__error_details__"];
/// What a field's label ends with where the label itself means something else.
const EXTRACTED: &str = "_extracted";
/// Up to so many `_` all readings of a label are asked for; of more, those with two points at most.
const UNDERSCORES_MAX: usize = 3;
/// The most readings of a label.
const PATHS_MAX: usize = 40;

/// What a label stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// The level that is shown.
    Level,
    /// The verdict.
    Verdict,
    /// The reason codes.
    Problem,
    /// What the platform stamps, by the name of the own language.
    Stamp(&'static str),
    /// Nothing that any line has.
    Nothing,
    /// A field of lines: the paths that it may have.
    Field(Vec<String>),
}

/// What a label stands for where no stage has said otherwise.
#[must_use]
pub fn of(name: &str) -> Label {
    let name = OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(name, |(_, own)| own);
    match name {
        LEVEL => return Label::Level,
        "verdict" => return Label::Verdict,
        "problem" => return Label::Problem,
        _ => {}
    }
    if let Some(stamp) = STREAM.iter().find(|stamp| **stamp == name) {
        return Label::Stamp(stamp);
    }
    if OF_ERRORS.contains(&name) {
        return Label::Nothing;
    }
    let name = name.strip_suffix(EXTRACTED).filter(|base| is_taken(base)).unwrap_or(name);
    Label::Field(paths(name))
}

/// Whether the name means something else than a field of that name.
#[must_use]
pub fn is_taken(name: &str) -> bool {
    reserved::is_used(name) || OTHER_NAMES.iter().any(|(other, _)| *other == name) || OF_ERRORS.contains(&name)
}

/// The name under which what a stage reads out of lines is kept.
#[must_use]
pub fn read_as(name: &str) -> String {
    if is_taken(name) { format!("{name}{EXTRACTED}") } else { name.to_owned() }
}

/// The paths that a field with this label may have, the likeliest first: that with no point and that with all of them, then those between.
#[must_use]
pub fn paths(name: &str) -> Vec<String> {
    // A name that begins or ends with `_` begins or ends with it.
    let inner = name.trim_matches('_');
    let begin = name.find(inner).unwrap_or(0);
    let places: Vec<usize> = inner.match_indices('_').map(|(at, _)| begin + at).filter(|at| is_between(name, *at)).collect();
    let mut paths = vec![of_field(name.to_owned())];
    if places.len() <= UNDERSCORES_MAX {
        for points in (1..1_usize << places.len()).rev() {
            let chosen = places.iter().enumerate().filter(|(nth, _)| points >> nth & 1 == 1).map(|(_, at)| *at);
            paths.push(of_field(with_points(name, chosen)));
        }
    } else {
        for (nth, first) in places.iter().enumerate() {
            paths.push(of_field(with_points(name, [*first].into_iter())));
            paths.extend(places[nth + 1..].iter().map(|second| of_field(with_points(name, [*first, *second].into_iter()))));
        }
        paths.truncate(PATHS_MAX);
    }
    paths
}

/// A point stands between two characters of names.
fn is_between(name: &str, at: usize) -> bool {
    let bytes = name.as_bytes();
    bytes.get(at.wrapping_sub(1)).is_some_and(|byte| *byte != b'_') && bytes.get(at + 1).is_some_and(|byte| *byte != b'_')
}

fn with_points(name: &str, places: impl Iterator<Item = usize>) -> String {
    let mut bytes = name.as_bytes().to_vec();
    for at in places {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = b'.';
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// A path as the own language asks for it: its first name may be one of its words.
pub(super) fn of_field(path: String) -> String {
    let first = path.split('.').next().unwrap_or_default();
    if reserved::is_used(&first.to_ascii_lowercase()) { format!("{ATTRIBUTES_PREFIX}{path}") } else { path }
}

/// The label under which a field is shown.
#[must_use]
pub fn shown(path: &str) -> String {
    let path = path.strip_prefix(ATTRIBUTES_PREFIX).unwrap_or(path);
    let mut label: String = path.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if label.starts_with(|c: char| c.is_ascii_digit()) || label.is_empty() {
        label.insert(0, '_');
    }
    read_as(&label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(name: &str) -> Vec<String> {
        match of(name) {
            Label::Field(paths) => paths,
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn a_label_is_what_the_table_says() {
        assert_eq!((of("service_name"), of("csp")), (Label::Stamp("module"), Label::Stamp("csp")));
        assert_eq!((of("detected_level"), of("__error__")), (Label::Level, Label::Nothing));
        assert_eq!(field("status"), ["status"]);
        assert_eq!(field("http_status_code"), ["http_status_code", "http.status.code", "http_status.code", "http.status_code"]);
        assert_eq!(field("_msg"), ["_msg"]);
        assert_eq!(field("a__b_c"), ["a__b_c", "a__b.c"]);
        assert_eq!(field("pod_extracted"), ["attributes.pod"]);
        assert_eq!(field("service_name_extracted"), ["service_name", "service.name"]);
        assert_eq!(field("pod_ip"), ["pod_ip", "attributes.pod.ip"]);
        assert_eq!(field("a_b_c_d_e_f_g_h_i_j_k_l").len(), PATHS_MAX);
        assert_eq!(shown("http.status_code"), "http_status_code");
        assert_eq!((shown("attributes.pod"), shown("service.name")), ("pod_extracted".to_owned(), "service_name_extracted".to_owned()));
        assert_eq!((shown("user-agent"), shown("2fa")), ("user_agent".to_owned(), "_2fa".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_asked_for(path in "[a-z]{1,4}([_.][a-z]{1,4}){0,3}") {
            let own = of_field(path.clone());
            let label = shown(&own);
            if !STREAM.contains(&path.as_str()) {
                prop_assert!(field(&label).contains(&own), "{} is {:?}", label, of(&label));
            }
        }
    }
}
