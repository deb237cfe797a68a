//! The corpus of `testdata/`: every line becomes what its case says. `testdata/README.md` has the form.

use martlog_formats::fields::{self, Scalar};
use martlog_formats::{Problem, Profile, Record, RedactionKind, Verdict, parse};
use std::path::Path;

pub(crate) const RUNTIME_NS: i64 = 1_795_342_370_400_000_000;

/// One case: a line and what is said of it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) line: Vec<u8>,
    pub(crate) says: Vec<(String, String)>,
}

impl Case {
    pub(crate) fn verdict(&self) -> &str {
        self.says.iter().find(|(key, _)| key == "verdict").map_or("", |(_, value)| value)
    }

    pub(crate) fn problems(&self) -> Vec<&str> {
        self.says.iter().filter(|(key, _)| key == "problems").flat_map(|(_, value)| value.split_whitespace()).collect()
    }
}

/// All cases of the corpus.
pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    files.iter().flat_map(|file| read(&std::fs::read_to_string(file).unwrap(), &file.file_name().unwrap().to_string_lossy())).collect()
}

fn read(text: &str, file: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = 0;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case { name: format!("{file}: {name}"), line: Vec::new(), says: Vec::new() });
            lines = 0;
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        let bytes = if let Some(text) = line.strip_prefix("| ").or_else(|| (line == "|").then_some("")) {
            text.as_bytes().to_vec()
        } else if let Some(text) = line.strip_prefix("\\ ") {
            unescape(text)
        } else if let Some(text) = line.strip_prefix("* ") {
            let (count, text) = text.split_once(' ').unwrap();
            case.line.extend(unescape(text).repeat(count.parse().unwrap()));
            continue;
        } else if let Some((key, value)) = line.split_once(':') {
            assert!(
                ["verdict", "problems", "level", "time", "message", "attributes", "redacted", "absent", "field"].contains(&key),
                "{}: unknown key in {line:?}",
                case.name
            );
            case.says.push((key.to_owned(), value.trim().to_owned()));
            continue;
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{}: {line:?} is nothing of the form", case.name);
            continue;
        };
        if lines > 0 {
            case.line.push(b'\n');
        }
        lines += 1;
        case.line.extend(bytes);
    }
    cases
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend(rest[..at].bytes());
        let (escape, after) = rest[at + 1..].split_at(1);
        rest = after;
        match escape {
            "n" => bytes.push(b'\n'),
            "t" => bytes.push(b'\t'),
            "r" => bytes.push(b'\r'),
            "\\" => bytes.push(b'\\'),
            "x" => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                rest = &rest[2..];
            }
            "u" => {
                let end = rest.find('}').unwrap();
                let character = char::from_u32(u32::from_str_radix(&rest[1..end], 16).unwrap()).unwrap();
                bytes.extend(character.to_string().bytes());
                rest = &rest[end + 1..];
            }
            other => panic!("unknown escape {other:?}"),
        }
    }
    bytes.extend(rest.bytes());
    bytes
}

/// The record in the words of the corpus.
fn told(record: &Record, line: &str) -> String {
    let mut told = format!("verdict: {}\n", record.verdict.as_str());
    let codes: Vec<_> = record.problems.iter().map(Problem::code).collect();
    if !codes.is_empty() {
        told += &format!("problems: {}\n", codes.join(" "));
    }
    told += &format!("level: {}\ntime: {}\n", level(record), time(record));
    told += &format!("message: {}\n", if record.message == line { "=" } else { &record.message });
    told += &format!("attributes: {}\n", if record.attributes.is_empty() { "-" } else { &record.attributes });
    let redacted: Vec<_> = record.redactions.iter().map(|(kind, count)| format!("{}={count}", kind.as_str())).collect();
    if !redacted.is_empty() {
        told += &format!("redacted: {}\n", redacted.join(" "));
    }
    told
}

fn level(record: &Record) -> String {
    let Some(severity) = record.severity else { return "-".into() };
    let plain = matches!(severity.number() % 4, 1) && severity.number() != 19;
    if plain { severity.level().into() } else { format!("{}/{}", severity.level(), severity.number()) }
}

fn time(record: &Record) -> String {
    if record.time_ns == record.runtime_time_ns {
        return "runtime".into();
    }
    chrono::DateTime::from_timestamp_nanos(record.time_ns).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// Everything of a record that a reader could see, JSON strings decoded.
pub(crate) fn visible(record: &Record) -> String {
    let mut text = format!("{}\n{}\n", record.message, record.attributes);
    fields::for_each(&record.attributes, |path, scalar| {
        text.push_str(path);
        text.push('=');
        text.push_str(scalar.text());
        text.push('\n');
    });
    text
}

fn check(case: &Case, record: &Record) -> Result<(), String> {
    let line = String::from_utf8_lossy(&case.line).into_owned();
    let verdict = record.verdict.as_str();
    if verdict != case.verdict() {
        return Err(format!("verdict {verdict}"));
    }
    let codes: Vec<_> = record.problems.iter().map(Problem::code).collect();
    let mut wanted = case.problems();
    wanted.sort_by_key(|code| Problem::from_code(code).unwrap_or_else(|| panic!("{}: no code {code}", case.name)));
    if codes != wanted {
        return Err(format!("problems {codes:?}"));
    }
    for (key, value) in &case.says {
        let holds = match key.as_str() {
            "level" => level(record) == *value,
            "time" => time(record) == *value,
            "message" => match value.strip_prefix("\\ ") {
                Some(escaped) => record.message.as_bytes() == unescape(escaped),
                None => record.message == if value == "=" { line.as_str() } else { value },
            },
            "attributes" => record.attributes == if value == "-" { "" } else { value },
            "redacted" => {
                let redacted: Vec<_> = record.redactions.iter().map(|(kind, count)| format!("{}={count}", kind.as_str())).collect();
                redacted.join(" ") == *value
            }
            "absent" => !visible(record).contains(value.as_str()),
            "field" => {
                let (path, value) = value.split_once('=').unwrap();
                let mut found = Vec::new();
                fields::visit(&record.attributes, path, |scalar: Scalar<'_>| found.push(scalar.text().to_owned()));
                found.iter().any(|found| found == value)
            }
            _ => true,
        };
        if !holds {
            return Err(format!("{key}: {value}"));
        }
    }
    if record.redactions.is_empty() == record.problems.contains(Problem::SecretRedacted) {
        return Err("redactions without their code, or the reverse".into());
    }
    Ok(())
}

#[test]
fn every_line_becomes_what_its_case_says() {
    let profile = Profile::default();
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let record = parse(&case.line, RUNTIME_NS, &profile);
        if let Err(reason) = check(case, &record) {
            wrong.push(format!("## {}\nnot as said: {reason}\n{}", case.name, told(&record, &String::from_utf8_lossy(&case.line))));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= 120, "only {} cases", cases.len());
}

#[test]
fn every_verdict_code_and_kind_of_secret_has_a_case() {
    let profile = Profile::default();
    let records: Vec<_> = cases().iter().map(|case| parse(&case.line, RUNTIME_NS, &profile)).collect();
    for verdict in [Verdict::Ok, Verdict::Repaired, Verdict::Raw] {
        assert!(records.iter().any(|record| record.verdict == verdict), "no case for {verdict:?}");
    }
    for problem in Problem::ALL {
        // An ending that is no property of the bytes is tested where it is told.
        if *problem != Problem::Incomplete {
            assert!(records.iter().any(|record| record.problems.contains(*problem)), "no case for {}", problem.code());
        }
    }
    // Personal data stay without a policy: see `personal`.
    for kind in RedactionKind::ALL.iter().filter(|kind| **kind < RedactionKind::Phone) {
        assert!(records.iter().any(|record| record.redactions.iter().any(|(found, _)| found == kind)), "no case for {}", kind.as_str());
    }
}

#[test]
fn redacting_a_record_again_changes_nothing() {
    let profile = Profile::default();
    for case in cases() {
        let record = parse(&case.line, RUNTIME_NS, &profile);
        assert_eq!(profile.redact(&record.message), record.message, "{}", case.name);
        let again =
            parse(format!(r#"{{"x":{}}}"#, if record.attributes.is_empty() { "0" } else { &record.attributes }).as_bytes(), 0, &profile);
        if record.attributes.contains("redacted") {
            assert!(again.redactions.is_empty(), "{}: {}", case.name, record.attributes);
        }
    }
}
