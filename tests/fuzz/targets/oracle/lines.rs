//! The texts that are logged: of many kinds, and the same in every run, so that an input that was found once fails again.

use std::fmt::Write as _;

/// Numbers without luck: SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("below a usize")
    }

    pub(crate) fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Words that contain each other, fold, compose, and have digits or other scripts.
const WORDS: [&str; 44] = [
    "timeout",
    "Timeout",
    "TIMEOUT",
    "time",
    "timer12345",
    "connection",
    "Connection",
    "refused",
    "retry",
    "retry_after",
    "accepted",
    "queue",
    "a",
    "ab",
    "abc1",
    "404",
    "500",
    "12345",
    "0731",
    "731ms",
    "v2",
    "абонент",
    "Абонент",
    "АБОНЕНТА77",
    "вызов",
    "café",
    "cafe\u{301}",
    "Straße",
    "STRASSE",
    "straße12",
    "連接",
    "連接失敗",
    "ΟΔΟΣ",
    "οδός",
    "null",
    "true",
    "user_id",
    "=\u{338}",
    "İstanbul",
    "ſend",
    "K",
    "naïve",
    "ab-12",
    "x_1",
];
const BETWEEN: [&str; 18] = [" ", " ", " ", " ", ", ", "=", "-", ": ", " '", "\\", "\n", ".", " — ", "/", "\t", " \"", " | ", "\u{a0}"];
/// Ids in their spellings, and words that are nearly the same.
const IDS: [&str; 16] = [
    "463ac35c9f6413ad48485a3953bb6124",
    "463AC35C9F6413AD48485A3953BB6124",
    "062BDBD0 7366C3AD 6ED2EA7A 66D2F473",
    "062bdbd07366c3ad6ed2ea7a66d2f473",
    "062BDBD0-7366C3AD-6ED2EA7A-66D2F473",
    "+7 912 345-67-89",
    "79123456789@msisdn",
    "79123456789",
    "AB-77",
    "ab-77",
    "550e8400-e29b-41d4-a716-446655440000",
    "550E8400-E29B-41D4-A716-446655440000",
    "",
    " AB-77 ",
    "655317beb24211e9971f3863bb43493c_00015D3F5BE814B1",
    "7f3a21",
];
const NUMBERS: [&str; 22] = [
    "0",
    "-0",
    "1",
    "5",
    "404",
    "499",
    "500",
    "503",
    "599",
    "600",
    "1.5",
    "1.50",
    "1500",
    "-3",
    "1e3",
    "2.5E-3",
    "9007199254740993",
    "12345678901234567890",
    "0.001",
    "731",
    "99.9",
    "1e400",
];
const MEASURES: [&str; 16] =
    ["1.5s", "731ms", "2m30s", "10MiB", "512kB", "12%", "1h", "500", "5 ms", "-1s", "1.5 s", "ms", "10 apples", "", "1e3ms", "0.5d"];
const WORDY: [&str; 8] = ["path", "error.type", "user", "logger", "Status", "тема", "note", "error"];
const MEASURED: [&str; 6] = ["duration_ms", "duration_s", "size", "size_kb", "took", "share"];
const RESERVED: [&str; 6] = ["pod", "id", "time_zone", "session", "in", "verdict"];
const LEVELS: [&str; 12] = ["trace", "debug", "info", "INFO", "notice", "warn", "error", "critical", "alert", "fatal", "weird", ""];

/// Words and what stands between them.
fn sentence(dice: &mut Dice, words_max: usize) -> String {
    let mut text = String::new();
    for at in 0..dice.below(words_max + 1) {
        if at > 0 {
            text.push_str(dice.of(&BETWEEN));
        }
        match dice.below(14) {
            0 => text.push_str(dice.of(&IDS)),
            1 => text.push_str(dice.of(&MEASURES)),
            2 => write!(text, "{}", dice.below(100_000)).expect("a string takes it"),
            3 => write!(text, "\u{1b}[3{}m{}\u{1b}[0m", dice.below(8), dice.of(&WORDS)).expect("a string takes it"),
            _ => text.push_str(dice.of(&WORDS)),
        }
    }
    text
}

/// A string in JSON, sometimes with more escapes than it needs.
fn quoted(dice: &mut Dice, text: &str) -> String {
    let mut out = String::from("\"");
    let spelled_out = dice.below(6) == 0;
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '/' if spelled_out => out.push_str("\\/"),
            c if (c as u32) < 32 || (spelled_out && !c.is_ascii()) => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| write!(out, "\\u{unit:04x}").expect("a string takes it"));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn scalar(dice: &mut Dice) -> String {
    match dice.below(10) {
        0 => "true".to_owned(),
        1 => "null".to_owned(),
        2 => "\"\"".to_owned(),
        3..=5 => dice.of(&NUMBERS).to_owned(),
        _ => {
            let text = sentence(dice, 3);
            quoted(dice, &text)
        }
    }
}

fn value(dice: &mut Dice, depth: usize) -> String {
    match dice.below(8) {
        0 if depth > 0 => format!("[{}]", (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect::<Vec<_>>().join(",")),
        1 if depth > 0 => object(dice, depth - 1, 3),
        _ => scalar(dice),
    }
}

fn object(dice: &mut Dice, depth: usize, keys_max: usize) -> String {
    let mut members = Vec::new();
    for _ in 0..dice.below(keys_max + 1) {
        members.push(member(dice, depth));
    }
    format!("{{{}}}", members.join(if dice.below(3) == 0 { ", " } else { "," }))
}

fn member(dice: &mut Dice, depth: usize) -> String {
    const ID_FIELDS: [&str; 11] = [
        "request_id",
        "trace_id",
        "traceId",
        "unique_id",
        "call_id",
        "session_id",
        "h323_conf_id",
        "event_id",
        "account_id",
        "msisdn",
        "imsi",
    ];
    match dice.below(12) {
        0..=2 => {
            let id = dice.of(&IDS);
            format!("\"{}\":{}", dice.of(&ID_FIELDS), quoted(dice, id))
        }
        3 | 4 => format!("\"status\":{}", dice.of(&NUMBERS)),
        5 => format!("\"status\":\"{}\"", dice.of(&NUMBERS)),
        6 => format!("\"{}\":\"{}\"", dice.of(&MEASURED), dice.of(&MEASURES)),
        7 => format!("\"{}\":{}", dice.of(&MEASURED), dice.of(&NUMBERS)),
        8 => format!("\"{}\":{}", dice.of(&RESERVED), scalar(dice)),
        9 if depth > 0 => format!("\"{}\":{}", dice.of(&["extra", "http", "data", "a.b"]), object(dice, depth - 1, 4)),
        _ => format!("\"{}\":{}", dice.of(&WORDY), value(dice, depth)),
    }
}

/// The `n`th line as it is printed; a tenth of the lines are no JSON. `time` is RFC 3339.
pub(crate) fn line(n: usize, time: &str) -> String {
    let mut dice = Dice(n as u64 * 7_919 + 1);
    // One of them is long, and one has a word that is longer than words are kept.
    let message = match n % 97 {
        41 => sentence(&mut dice, 600),
        42 => format!("{} {}", "long".repeat(300), sentence(&mut dice, 3)),
        _ => sentence(&mut dice, 8),
    };
    if dice.below(10) == 0 {
        return match dice.below(3) {
            0 => format!("{time} [{}] REQ <{}> {}", dice.of(&LEVELS), dice.of(&IDS), message.replace('\n', " ")),
            1 => format!("[Req-ID: {}] {}", dice.of(&IDS), message.replace('\n', " ")),
            _ => message.replace('\n', " "),
        };
    }
    let level = dice.of(&LEVELS);
    let mut members = vec![format!("\"timestamp\":\"{time}\"")];
    members.extend((!level.is_empty()).then(|| format!("\"level\":\"{level}\"")));
    members.push(format!("\"message\":{}", quoted(&mut dice, &message)));
    for _ in 0..dice.below(7) {
        members.push(member(&mut dice, 3));
    }
    format!("{{{}}}", members.join(","))
}
