//! The guide for partners is true: each reason has a section whose example shows it and whose remedy conforms.

use crate::corpus::RUNTIME_NS;
use martlog_formats::{Ending, Problem, Profile, Verdict, parse, parse_ending};

const GUIDE: &str = include_str!("../../docs/format.md");

/// The content of the fenced blocks of this language in a text.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).map(str::trim_end).collect()
}

#[test]
fn every_reason_has_a_section_with_an_example_and_a_remedy() {
    let profile = Profile::default();
    for problem in Problem::ALL {
        let heading = format!("\n### `{}`\n", problem.code());
        let (_, section) = GUIDE.split_once(&heading).unwrap_or_else(|| panic!("no section {heading:?}"));
        let section = section.split("\n### ").next().unwrap();
        let [example] = blocks(section, "text")[..] else { panic!("{}: one example", problem.code()) };
        // An example that would fill pages is shortened.
        let record = match example.split_once('…') {
            None => parse(example.as_bytes(), RUNTIME_NS, &profile),
            Some((head, "")) if *problem == Problem::Incomplete => parse_ending(head.as_bytes(), Ending::Incomplete, RUNTIME_NS, &profile),
            Some((head, "")) => parse([head, &"x".repeat(300_000)].concat().as_bytes(), RUNTIME_NS, &profile),
            Some((head, tail)) => {
                let filler: String = (3..200).map(|n| format!("\"k{n}\":{n},")).collect();
                parse([head, &filler, tail.trim_start_matches(',')].concat().as_bytes(), RUNTIME_NS, &profile)
            }
        };
        assert!(record.problems.contains(*problem), "{}: {record:?}", problem.code());
        let [remedy] = blocks(section, "json")[..] else { panic!("{}: one remedy", problem.code()) };
        let record = parse(remedy.as_bytes(), RUNTIME_NS, &profile);
        assert_eq!(record.verdict, Verdict::Ok, "{}: {record:?}", problem.code());
    }
}

#[test]
fn every_line_of_json_in_the_guide_conforms() {
    let profile = Profile::default();
    for line in blocks(GUIDE, "json") {
        assert_eq!(parse(line.as_bytes(), RUNTIME_NS, &profile).verdict, Verdict::Ok, "{line}");
    }
}

#[test]
fn the_guide_names_every_verdict_alias_and_reserved_key() {
    for verdict in Verdict::ALL {
        assert!(GUIDE.contains(&format!("| `{}` |", verdict.as_str())));
    }
    let aliases = [
        martlog_formats::aliases::TIMESTAMP,
        martlog_formats::aliases::LEVEL,
        martlog_formats::aliases::MESSAGE,
        martlog_formats::aliases::REQUEST_ID,
    ];
    for alias in aliases.concat() {
        assert!(GUIDE.contains(&format!("`{alias}`")), "{alias}");
    }
    for name in martlog_formats::reserved::STAMPED {
        assert!(GUIDE.contains(name), "{name}");
    }
}
