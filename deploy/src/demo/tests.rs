//! The command's arguments, and its folder.

use super::*;
use calendar::Calendar;
use clap::Parser;
use scene::Act;
use traffic::Traffic;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    demo: DemoArgs,
}

fn args(line: &[&str]) -> Result<DemoArgs, String> {
    Line::try_parse_from(std::iter::once("demo").chain(line.iter().copied())).map(|line| line.demo).map_err(|error| error.to_string())
}

#[test]
fn wrong_arguments_are_told_what_to_write() {
    assert!(args(&["--listen", "0.0.0.0:80"]).unwrap_err().contains("loopback"));
    assert!(args(&["--start", "yesterday"]).unwrap_err().contains("RFC 3339"));
    assert!(args(&["--rate", "0"]).unwrap_err().contains("between 0.1 and 5000"));
    assert_eq!(args(&["--start", "2026-11-22T10:12:50Z"]).unwrap().start, Some(1_795_342_370_000_000_000));
}

#[test]
fn a_folder_of_another_seed_is_not_mixed() {
    let dir = tempfile::tempdir().unwrap();
    Simulation::new(5, None).save(dir.path()).unwrap();
    let data = dir.path().to_str().unwrap();
    let going_on = simulation(dir.path(), &args(&["--data", data]).unwrap()).unwrap();
    assert_eq!(going_on.seed, 5);
    let Err(Failure::Usage(text)) = simulation(dir.path(), &args(&["--data", data, "--seed", "6"]).unwrap()) else { panic!("mixed") };
    assert!(text.contains("of seed 5") && text.contains("--data"), "{text}");
}

#[test]
fn no_secret_that_a_module_leaks_is_left_in_its_record() {
    let (world, calendar) = (World::new(2), Calendar { start_ns: 1_795_342_370_000_000_000 });
    let (mut leaks, mut left) = (0, Vec::new());
    Traffic::new(&world, calendar, 2, 2.0, calendar.history_ns()).until(calendar.start_ns, |event| {
        let (Act::Out(text) | Act::Err(text)) = &event.act else { return };
        let is_secret = |text: &str| text.contains(scene::SECRET) || text.contains(scene::SECRET_HEX);
        if !is_secret(text) {
            return;
        }
        leaks += 1;
        let record = martlog_formats::parse(text.as_bytes(), event.at_ns, &martlog_formats::Profile::default());
        if is_secret(&record.message) || is_secret(&record.attributes) {
            left.push(format!("{text}\n  became {} {}", record.message, record.attributes));
        }
    });
    assert!(leaks > 300, "{leaks} lines leak");
    left.truncate(3);
    assert!(left.is_empty(), "{}", left.join("\n"));
}

/// Whether a write of a module is of this shape.
type Shape = (&'static str, fn(&str) -> bool);

#[test]
fn every_shape_that_was_seen_in_the_field_is_in_the_history() {
    const SHAPES: [Shape; 19] = [
        ("conforming JSON", |text| text.starts_with("{\"timestamp\":\"") && serde_json::from_str::<serde_json::Value>(text).is_ok()),
        ("ids that are empty", |text| text.contains("\"request_id\":\"\"")),
        ("other names", |text| text.starts_with("{\"ts\":")),
        ("broken JSON", |text| text.starts_with('{') && serde_json::from_str::<serde_json::Value>(text).is_err()),
        ("no time", |text| text.starts_with("{\"level\":\"info\",\"message\":\"webhook")),
        ("an unknown level word", |text| text.contains("\"level\":\"SECURITY\"")),
        ("a duplicate key", |text| text.matches("\"rule\":").count() == 2),
        ("Python logging", |text| text.starts_with("INFO:root:REQ <")),
        ("brackets with a time", |text| text.starts_with("[2026-") && text.contains("[Req-ID: ")),
        ("brackets without a time", |text| text.starts_with("INFO [Req-ID: ")),
        ("uvicorn", |text| text.starts_with("INFO:     10.42.")),
        ("nginx", |text| text.contains(" - - [22/Nov/2026:")),
        ("logfmt", |text| text.starts_with("ts=2026-")),
        ("58 lines of Java", |text| text.split('\n').count() == 58 && text.contains("Caused by: ")),
        ("a Python traceback", |text| text.starts_with("Traceback (most recent call last):\n")),
        ("longer than 16 KiB", |text| text.len() > cri::PIECE_BYTES_MAX),
        ("a Digest and an SRTP key", |text| text.contains("response=\\\"") || text.contains("inline:")),
        ("a bearer token", |text| text.contains("Bearer eyJ")),
        ("a password in JSON in text", |text| text.contains("\\\"password\\\":\\\"")),
    ];
    let (world, calendar) = (World::new(1), Calendar { start_ns: 1_795_342_370_000_000_000 });
    let mut seen = [false; SHAPES.len()];
    Traffic::new(&world, calendar, 1, 10.0, calendar.history_ns()).until(calendar.start_ns, |event| {
        if let Act::Out(text) | Act::Err(text) = &event.act {
            for ((_, is), seen) in SHAPES.iter().zip(&mut seen) {
                *seen = *seen || is(text);
            }
        }
    });
    let missing: Vec<&str> = SHAPES.iter().zip(seen).filter(|(_, seen)| !seen).map(|((name, _), _)| *name).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}
