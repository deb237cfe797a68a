//! Pipelines over lines in memory: what each pipe makes of them, and that bounds are told. The figures of the store are compared with these in `http/tests`.

use super::*;
use crate::plan::{Plan, Setting, plan};
use crate::time::{DAY, TimeRange};
use martlog_formats::wire::{FileId, Substream};
use martlog_formats::{Problems, Record, Severity, Verdict};
use martlog_indexer::row::{ModuleKey, Origin, Owner};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

/// 2026-11-22T10:12:50Z.
const NOW: i64 = 1_795_342_370_000_000_000;

fn planned(text: &str) -> Plan {
    let setting = Setting { now_ns: NOW, range: TimeRange::since(NOW - DAY, NOW), range_given: false, staff: false, epoch: 1 };
    plan(text, &setting).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

/// A line of `NOW` and so many milliseconds.
fn line(seq: u64, ms: i64, message: &str, attributes: &str) -> Item {
    let key = ModuleKey { partner: "acme".into(), module: if seq.is_multiple_of(2) { "sms".into() } else { "voice".into() } };
    let owner = Owner { key, instance: "i".into(), csp: "434".into(), environment: "".into(), version: "2".into() };
    let origin = Origin {
        cluster: "c".into(),
        node: "n".into(),
        namespace: "ns".into(),
        pod: "p".into(),
        pod_uid: "u".into(),
        container: "app".into(),
        restart: 0,
        substream: Substream::Stdout,
        file: FileId(1),
        file_name: "0.log".into(),
    };
    let record = Record {
        time_ns: NOW + ms * 1_000_000,
        runtime_time_ns: NOW,
        severity: message.contains("failed").then_some(Severity::ERROR),
        verdict: Verdict::Ok,
        problems: Problems::default(),
        redactions: Vec::new(),
        message: message.to_owned(),
        attributes: attributes.to_owned(),
    };
    let row = Row { seq, arrived_ns: NOW, owner: Arc::new(owner), origin: Arc::new(origin), offset: seq, record };
    Item::Line(Box::new(Line { row, found: true }))
}

/// The table of a query over these lines, all of its steps in memory.
fn table(query: &str, lines: &[Item]) -> (Value, Notes) {
    let plan = planned(query);
    let mut chain = Chain::new(&plan.steps.steps, 1);
    for line in lines {
        if chain.push(line.clone()).unwrap() == Flow::Enough {
            break;
        }
    }
    let (items, notes) = chain.finish().unwrap();
    let rows: Vec<Value> = items
        .iter()
        .map(|item| match item {
            Item::Cells(cells) => cells.iter().map(Cell::json).collect(),
            Item::Line(_) => panic!("the last step makes a table"),
        })
        .collect();
    assert!(rows.iter().all(|row| row.as_array().unwrap().len() == plan.steps.columns.len()), "a cell for each column: {rows:?}");
    (json!(rows), notes)
}

fn few() -> Vec<Item> {
    vec![
        line(4, 4_000, "REQ <t4> done status=404", r#"{"status":404,"duration_s":120,"account_id":"+7 912 345-67-89"}"#),
        line(3, 2_500, "REQ <t3> done status=200", r#"{"status":200,"duration_s":60,"account_id":"79123456789"}"#),
        line(2, 2_000, "REQ <t2> failed status=404", r#"{"status":404,"duration_s":"30s"}"#),
        line(1, 0, "unlike the others", ""),
    ]
}

#[test]
fn each_pipe_makes_its_table() {
    let table_of = [
        ("| stats count()", json!([[4]])),
        ("| stats count(), uniq(account_id) by module", json!([["sms", 2, 1], ["voice", 2, 1]])),
        ("| stats sum(duration_s)/60 as minutes, max(duration_s), avg(duration_s)", json!([[3.5, 120, 70]])),
        ("| stats p50(duration_s), min(status), avg(nothing), sum(nothing)", json!([[60, 200, null, 0]])),
        ("| stats count() by level", json!([["error", 1], ["none", 3]])),
        ("| stats count()/(count()-count())", json!([[null]])),
        ("| stats count() by time(1h)", json!([["2026-11-22T10:00:00Z", 4]])),
        ("| top status", json!([["404", 2, 66.67], ["200", 1, 33.33]])),
        ("| top 1 status", json!([["404", 2, 66.67]])),
        ("| fields status, level | limit 2", json!([[404, null], [200, null]])),
        ("| where status:404 | where duration_s>1m | fields status", json!([[404]])),
        ("| dedup status | fields status", json!([[404], [200], [null]])),
        ("| sort duration_s | fields duration_s", json!([["30s"], [60], [120], [null]])),
        ("| sort -status, message | limit 2 | fields message", json!([["REQ <t2> failed status=404"], ["REQ <t4> done status=404"]])),
        ("| extract \"REQ <*trace> * status=*code\" | where code!=200 code:* | top code", json!([["404", 2, 100]])),
        ("| extract \"<*trace>\" | fields trace, status | limit 1", json!([["t4", 404]])),
        ("| extract ~\"(?P<word>[a-z]+ed)\" | where word:* | fields word", json!([["failed"]])),
        (
            "| gaps 1s | fields gap_ms, before, after",
            json!([
                [2000, "unlike the others", "REQ <t2> failed status=404"],
                [1500, "REQ <t3> done status=200", "REQ <t4> done status=404"]
            ]),
        ),
        (
            "| patterns | fields pattern, count, share",
            json!([["REQ <t<num>> done status=<num>", 2, 50], ["REQ <t<num>> failed status=<num>", 1, 25], ["unlike the others", 1, 25]]),
        ),
        ("| stats count() as n by module, level | where level>=warn module:sms | fields n", json!([[1]])),
        ("| stats count() as n by module | stats sum(n), count()", json!([[4, 2]])),
        ("| stats max(duration_s) by module | where max_duration_s>1m | sort -max(duration_s)", json!([["sms", 120]])),
        ("| stats count() by module | sort -module | limit 1", json!([["voice", 2]])),
    ];
    for (query, expected) in table_of {
        // The store would ask the lines for what a filter right behind another asks.
        let plan = planned(query);
        let matching = |item: &Item| matches!(item, Item::Line(line) if plan.predicate.matches(&line.row));
        let lines: Vec<Item> = few().into_iter().filter(matching).collect();
        assert_eq!(table(query, &lines).0, expected, "{query}");
    }
}

#[test]
fn lines_without_figures_come_as_a_table_of_their_own() {
    let lines = few();
    let (rows, _) = table("| extract \"status=*code\"", &lines[..1]);
    assert_eq!(planned("| extract \"status=*code\"").steps.columns, ["time", "level", "module", "instance", "message", "code", "id"]);
    assert_eq!(rows, json!([["2026-11-22T10:12:54Z", null, "sms", "i", "REQ <t4> done status=404", "404", "sms/1/4"]]));
    let chart = planned("time:2026-11-22T10:00..2026-11-22T10:03 | timechart 1m count()");
    let mut chain = Chain::new(&chart.steps.steps, 1);
    chain.push(line(0, -730_000, "x", "")).unwrap();
    let (items, _) = chain.finish().unwrap();
    let counts: Vec<Value> = items.iter().map(|item| if let Item::Cells(cells) = item { cells[1].json() } else { panic!() }).collect();
    assert_eq!(json!(counts), json!([1, 0, 0]), "empty buckets are there");
}

#[test]
fn what_a_bound_leaves_out_is_told() {
    let many = |count: u64| {
        (0..count).map(|seq| {
            line(seq, seq as i64, &format!("word{} x", "y".repeat(usize::try_from(seq % 7).unwrap())), &format!("{{\"n\":{seq}}}"))
        })
    };
    let lines: Vec<Item> = many(10_500).collect();
    let (rows, notes) = table("| fields n", &lines);
    assert_eq!((rows.as_array().unwrap().len(), notes.truncated), (10_000, true));
    assert!(notes.warnings[0].1.contains("the first 10000 rows"), "{:?}", notes.warnings);
    let (rows, notes) = table("| sort -n | fields n", &lines);
    assert_eq!((&rows[0][0], rows.as_array().unwrap().len(), notes.truncated), (&json!(10_499), 10_000, true));
    let (rows, notes) = table("| sort -n | limit 2 | fields n", &lines);
    assert_eq!((rows, notes.truncated), (json!([[10_499], [10_498]]), false));
    let (rows, notes) = table("| extract \"wordy*rest\" | limit 3 | fields rest", &lines[..10]);
    assert_eq!((rows.as_array().unwrap().len(), notes.warnings.len()), (3, 1), "{notes:?}");
    let (_, notes) = table("| top nothing", &lines[..10]);
    assert!(notes.warnings[0].1.starts_with("10 of 10 rows do not have"), "{:?}", notes.warnings);
    let plan = planned("| stats count() by n");
    let mut chain = Chain::new(&plan.steps.steps, 1);
    let error = many(30_000).find_map(|line| chain.push(line).err()).expect("too many groups");
    assert!(error.to_string().contains("over 20000 groups"), "{error}");
}

#[test]
fn far_more_values_than_fit_are_estimated_and_it_is_said_how_well() {
    let plan = planned("| stats uniq(n), p50(n), count()");
    let mut chain = Chain::new(&plan.steps.steps, 1);
    for seq in 0..150_000 {
        chain.push(line(seq, 0, "x", &format!("{{\"n\":{}}}", seq as f64 + 0.5))).unwrap();
    }
    let (items, notes) = chain.finish().unwrap();
    let Item::Cells(cells) = &items[0] else { panic!() };
    let number = |at: usize| cells[at].as_number("").unwrap();
    assert!((number(0) / 150_000.0 - 1.0).abs() < 0.04 && (number(1) / 75_000.0 - 1.0).abs() < 0.02, "{cells:?}");
    assert_eq!(cells[2], Cell::Int(150_000));
    let names: Vec<&str> = notes.approximate.keys().map(String::as_str).collect();
    assert_eq!(names, ["p50_n", "uniq_n"]);
    assert!(notes.approximate.values().all(|error| (0.001..0.05).contains(error)), "{notes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Sorting and limiting in pieces is sorting all of it.
    #[test]
    fn a_sorted_limit_is_the_front_of_all_sorted(numbers in prop::collection::vec(-50_i64..50, 0..700), limit in 1_usize..40) {
        let lines: Vec<Item> = numbers.iter().enumerate().map(|(at, n)| line(at as u64, 0, "x", &format!("{{\"n\":{n}}}"))).collect();
        let (rows, notes) = table(&format!("| sort n | limit {limit} | fields n"), &lines);
        let mut sorted = numbers;
        sorted.sort();
        sorted.truncate(limit);
        prop_assert_eq!(rows, json!(sorted.iter().map(|n| vec![*n]).collect::<Vec<_>>()));
        prop_assert!(!notes.truncated);
    }

    /// Figures of groups are those of a loop.
    #[test]
    fn figures_are_what_a_loop_computes(values in prop::collection::vec((0_u8..4, -100_i32..100), 1..200)) {
        let lines: Vec<Item> =
            values.iter().map(|(group, n)| line(0, 0, "x", &format!("{{\"g\":\"g{group}\",\"n\":{n}}}"))).collect();
        let (rows, _) = table("| stats count(), sum(n), min(n), max(n), uniq(n), p50(n) by g", &lines);
        let mut expected = Vec::new();
        for group in 0..4 {
            let mut own: Vec<i32> = values.iter().filter(|(other, _)| *other == group).map(|(_, n)| *n).collect();
            if own.is_empty() {
                continue;
            }
            own.sort();
            let unique: std::collections::BTreeSet<_> = own.iter().collect();
            let median = own[own.len().div_ceil(2) - 1];
            expected.push(json!([format!("g{group}"), own.len(), own.iter().sum::<i32>(), own[0], own[own.len() - 1], unique.len(), median]));
        }
        prop_assert_eq!(rows, json!(expected));
    }
}
