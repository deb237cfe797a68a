//! The generator is what the figures say it is.

use super::*;
use std::collections::BTreeSet;

const LINES: usize = 60_000;

#[test]
fn a_line_has_about_385_bytes_and_conforms() {
    let mut bytes = 0;
    for line in Generator::new(1).take(LINES) {
        bytes += line.json.len();
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line.json).unwrap();
        for key in ["timestamp", "level", "message", "request_id", "unique_id"] {
            assert!(object[key].is_string(), "{}", line.json);
        }
        let time: chrono::DateTime<chrono::Utc> = object["timestamp"].as_str().unwrap().parse().unwrap();
        assert_eq!(time.timestamp_micros(), line.time_ns / 1000);
    }
    let average = bytes / LINES;
    assert!((370..=400).contains(&average), "{average} bytes a line");
}

#[test]
fn the_same_seed_gives_the_same_lines() {
    let lines = |seed| Generator::new(seed).take(2000).collect::<Vec<_>>();
    assert_eq!(lines(7), lines(7));
    assert_ne!(lines(7), lines(8));
}

#[test]
fn the_fleet_is_as_large_as_the_figures_say() {
    let generator = Generator::new(1);
    let fleet = generator.fleet();
    let count = |of: fn(&Instance) -> &Arc<str>| fleet.instances.iter().map(of).collect::<BTreeSet<_>>().len();
    assert_eq!((count(|i| &i.partner), count(|i| &i.module), count(|i| &i.csp), count(|i| &i.id)), (30, 60, 20, 600));
    assert_eq!((fleet.partners().count(), fleet.modules().count()), (30, 60));
    let seen: BTreeSet<_> = generator.take(LINES).map(|line| line.instance).collect();
    assert_eq!(seen.len(), 600, "every instance prints");
}

#[test]
fn a_fleet_of_any_size_prints_evenly_from_any_moment() {
    let from_ns = DAY_NS - 30 * DAY_LENGTH_NS;
    let lines: Vec<_> = Generator::of_fleet(1, 10_000, Fleet::even(200, 1), from_ns).take(20_000).collect();
    let modules: BTreeSet<_> = lines.iter().map(|line| line.module.clone()).collect();
    assert_eq!(modules.len(), 200);
    let of_one = lines.iter().filter(|line| line.module == lines[0].module).count();
    assert!((60..=140).contains(&of_one), "{of_one} lines, of 100 on average");
    let days = (lines.last().unwrap().time_ns - from_ns) / 1_000_000_000;
    assert!((172_000..=174_000).contains(&days), "20,000 lines take two days, not {days} s");
}

#[test]
fn sessions_are_forty_thousand_in_a_million_lines() {
    let (mut sessions, mut lines) = (BTreeSet::new(), 0_u64);
    for line in Generator::new(3).take(200_000) {
        if let Some((_, rest)) = line.json.split_once("\"session_id\":\"") {
            sessions.insert(rest[..12].to_owned());
        }
        lines += 1;
    }
    let in_a_million = sessions.len() as u64 * 1_000_000 / lines;
    assert!((37_000..=47_000).contains(&in_a_million), "{in_a_million} sessions");
}

#[test]
fn the_truth_is_what_a_search_through_the_text_finds() {
    let mut generator = Generator::over_a_day(5, 100_000);
    let lines: Vec<_> = generator.by_ref().take(100_000).collect();
    let truth = generator.truth();
    let with = |text: &str| lines.iter().filter(|line| line.json.contains(text)).count() as u64;
    assert_eq!((truth.rare_word, truth.id, truth.phrase, truth.prefix, truth.literal), (2, 3, 10, 20, 4));
    assert_eq!((with(RARE_WORD), with(ID), with(PHRASE), with(PREFIX), with(LITERAL)), (2, 3, 10, 20, 4));
    assert_eq!(truth.common_word, with(COMMON_WORD), "the word is in no attribute and in no other word");
    assert!((800..3000).contains(&truth.common_word), "{}", truth.common_word);
    assert!(truth.error_without_common_word > 2000 && truth.numbers > 500, "{truth:?}");
    assert_eq!(truth.by_minute.values().sum::<u64>(), 100_000);
    assert!((1435..=1445).contains(&truth.by_minute.len()), "a day has 1,440 minutes, not {}", truth.by_minute.len());
    assert_eq!(truth.frequent_piece, with(FREQUENT_PIECE));
    assert_eq!(truth.gave_up, with("giving up: timeout") + with("giving up: no route to"));
    let vowels = |value: &serde_json::Value| {
        let text = value.as_str().unwrap_or_default();
        (0..text.len()).any(|at| text.as_bytes()[at..].iter().take_while(|letter| "aeiou".contains(**letter as char)).count() >= 3)
    };
    let object = |line: &GeneratedLine| serde_json::from_str::<serde_json::Map<_, _>>(&line.json).unwrap();
    assert_eq!(truth.vowels, lines.iter().filter(|line| object(line).values().any(vowels)).count() as u64);
    let (partner, both) = truth.two_words.clone().unwrap();
    let of_partner = lines.iter().filter(|line| line.partner == partner && line.json.contains("giving up: timeout")).count() as u64;
    assert!(both >= of_partner && of_partner > 10, "{both} of at least {of_partner}");
    let sessions: BTreeSet<_> =
        lines.iter().filter_map(|line| line.json.split_once("\"session_id\":\"")).map(|(_, rest)| &rest[..12]).collect();
    assert_eq!(truth.sessions, sessions.len() as u64);
    assert_eq!(truth.errors_by_module.values().sum::<u64>(), with("\"level\":\"error\""));
    let durations = truth.durations_by_module.values().flat_map(|module| module.values()).sum::<u64>();
    assert_eq!(durations, with("\"duration_ms\":"));
    assert_eq!(truth.by_instance.values().sum::<u64>(), truth.lines);
    let (busiest, count) = truth.busiest.clone().unwrap();
    assert_eq!(count, lines.iter().filter(|line| line.instance == busiest).count() as u64);
}

#[test]
fn several_scripts_are_among_the_lines() {
    let lines: Vec<_> = Generator::new(1).take(20_000).collect();
    for (letters, what) in [('а'..='я', "Cyrillic"), ('一'..='鿿', "CJK"), ('á'..='ú', "Spanish")] {
        let count = lines.iter().filter(|line| line.json.chars().any(|letter| letters.contains(&letter))).count();
        assert!(count > 200, "{count} lines with {what} letters");
    }
}

#[test]
fn lines_are_laid_out_as_pods() {
    let root = tempfile::tempdir().unwrap();
    let written = write_pods(root.path(), Generator::new(1).take(500)).unwrap();
    let folders: Vec<_> = std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!((folders.len() as u64, written.lines), (written.files, 500));
    let mut bytes = 0;
    for folder in folders {
        let text = std::fs::read_to_string(folder.join("app/0.log")).unwrap();
        assert!(text.lines().all(|line| line.contains("Z stdout F {") || line.contains("Z stderr F {")));
        bytes += text.len() as u64;
    }
    assert_eq!(bytes, written.bytes);
}
