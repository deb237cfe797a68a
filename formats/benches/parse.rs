//! How long does one line take, from its bytes to its record?
//!
//! Prints µs a line and MB/s, one thread, for a conforming JSON line of 385 bytes, the same with a secret, and lines of text, each also under a policy; then what the
//! fields and words of a record cost to read.

#![allow(clippy::print_stdout, clippy::expect_used)]

use martlog_formats::parse::Settings;
use martlog_formats::policy::{HashKey, Policy};
use martlog_formats::{Profile, fields, parse, words};
use std::hint::black_box;
use std::time::Instant;

const RUNTIME_NS: i64 = 1_795_342_370_400_000_000;

/// Everything is looked for, and what is found hashed.
const POLICY: &str = r#"{"redaction":{"phone":"hash","imsi":"hash","email":"hash","ip":"hash","account":"hash","sms":"hash"}}"#;

fn main() {
    let profile = Profile::default();
    let json = r#"{"timestamp":"2026-11-22T10:12:50.353218Z","level":"info","logger":"sms.gateway.worker","message":"Message delivered to the operator after 2 attempts, status 200, route eu-west-3","request_id":"463ac35c9f6413ad48485a3953bb6124","unique_id":"7f3a21c09d4e4b6d9c55","account_id":"79123456789@msisdn","i_account":434,"duration_ms":182.5,"http":{"method":"POST","path":"/v1/sms","status_code":200}}"#;
    let secret = json.replace("route eu-west-3", "password=hunter2");
    let lines = [
        ("JSON", json.to_owned()),
        ("JSON with a secret", secret),
        (
            "bracketed text",
            "[2026-11-22 10:12:50,353] INFO [Req-ID: 9b2c8a4e-11aa]: Message delivered to the operator after 2 attempts".to_owned(),
        ),
        ("access line", r#"INFO:     10.0.0.7:52044 - "GET /health HTTP/1.1" 200 OK"#.to_owned()),
        ("plain text", "Message delivered to the operator after 2 attempts, status 200, route eu-west-3".to_owned()),
    ];
    for (name, line) in &lines {
        time(name, line.len(), || {
            black_box(parse(black_box(line.as_bytes()), RUNTIME_NS, &profile));
        });
    }
    let policy: Policy = serde_json::from_str(POLICY).expect("a policy");
    let policed = Profile::with_redaction(Settings::default(), &policy.redaction, Some(&HashKey::new([7; 32]))).expect("usual settings");
    for (name, line) in &lines {
        time(&format!("{name}, under a policy"), line.len(), || {
            black_box(parse(black_box(line.as_bytes()), RUNTIME_NS, &policed));
        });
    }
    let record = parse(json.as_bytes(), RUNTIME_NS, &profile);
    time("one field of it", record.attributes.len(), || {
        black_box(fields::get(black_box(&record.attributes), "http.status_code"));
    });
    time("all its fields", record.attributes.len(), || {
        fields::for_each(black_box(&record.attributes), |path, scalar| {
            black_box((path, scalar));
        });
    });
    time("the words of its message", record.message.len(), || {
        black_box(words::words(black_box(&record.message)).count());
    });
    time("a word that it does not have", record.message.len(), || {
        black_box(words::has_word(black_box(&record.message), "timeout"));
    });
}

/// The best of several rounds: what the machine does besides only adds.
fn time(name: &str, bytes: usize, mut once: impl FnMut()) {
    const ROUNDS: u32 = 20;
    const TIMES: u32 = 20_000;
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..TIMES).for_each(|_| once());
            start.elapsed()
        })
        .min()
        .unwrap_or_default();
    let seconds = best.as_secs_f64() / f64::from(TIMES);
    let mb = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e6;
    println!("{name:<30} {bytes:>4} bytes {:>8.3} µs {:>8.0} MB/s", seconds * 1e6, mb / seconds);
}
