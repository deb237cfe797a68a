//! `martlog check`: tells the author of a module what would become of its lines, before anybody collects them.
//!
//! Lines are joined and parsed exactly as the collector does it (only the time-out between lines is missing: a file has no time). Every record that is not
//! `ok` is shown with its place, verdict and reason codes, then a summary: how often each reason occurred, an example and what to change.
//!
//! Invariants: memory does not grow with the input or its lines; what is printed went through redaction; nothing that steers a terminal is printed.

use crate::outcome::{Failure, Outcome};
use martlog_formats::multiline::{Decision, Joiner};
use martlog_formats::{Ending, Problem, Profile, Record, Verdict, limits, parse_ending};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

/// The share of records that must be `ok` unless the user says otherwise.
pub(crate) const MIN_OK_DEFAULT: f64 = 0.97;

/// Characters of an excerpt: enough to find the line, not a second log.
const EXCERPT_CHARS: usize = 120;

/// What is to be checked, and how strictly.
#[derive(Debug, Clone)]
pub(crate) struct CheckArgs {
    /// The files; none, or `-`, is standard input.
    pub(crate) files: Vec<PathBuf>,
    /// One JSON object per record and one for the summary, instead of text.
    pub(crate) json: bool,
    /// The share of records that must be `ok`, 0 to 1.
    pub(crate) min_ok: f64,
    /// The time at which the lines are taken to be printed, ns since the epoch: now, unless the user says otherwise.
    pub(crate) now_ns: i64,
}

/// What the check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// Enough records are `ok`. Exit 0.
    Fine,
    /// Too few are, or there was none. Exit 1.
    Findings,
}

/// Why there is no conclusion.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    /// An input cannot be read. Exit 2.
    #[error("cannot read {name}: {source}; give a readable file, or - for standard input")]
    Read {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Write(#[from] io::Error),
}

/// The command: standard input and output, and the conclusion as the end of the program.
pub(crate) fn command(args: crate::cli::CheckArgs) -> Result<Outcome, Failure> {
    let now_ns = chrono::Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX);
    let args = CheckArgs { files: args.files, json: args.json, min_ok: args.min_ok, now_ns };
    match run(&args, io::stdin().lock(), &mut io::BufWriter::new(io::stdout().lock())) {
        Ok(Conclusion::Fine) => Ok(Outcome::Fine),
        Ok(Conclusion::Findings) => Ok(Outcome::Findings),
        Err(CheckError::Write(error)) => Err(error.into()),
        Err(error) => Err(Failure::Usage(error.to_string())),
    }
}

/// Checks the files, or what `stdin` gives, and writes the findings to `out`.
///
/// # Errors
/// When an input cannot be read or the output cannot be written.
pub(crate) fn run(args: &CheckArgs, stdin: impl BufRead, out: &mut impl Write) -> Result<Conclusion, CheckError> {
    let mut check = Check { args, out, profile: Profile::default(), tally: Tally::default() };
    let mut stdin = Some(stdin);
    let default = [PathBuf::from("-")];
    let files = if args.files.is_empty() { &default[..] } else { &args.files };
    for path in files {
        let name = path.display().to_string();
        if name == "-" {
            if let Some(stdin) = stdin.take() {
                check.input("stdin", stdin)?;
            }
            continue;
        }
        let file = File::open(path).map_err(|source| CheckError::Read { name: printable(&name), source })?;
        check.input(&name, BufReader::with_capacity(64 << 10, file))?;
    }
    check.summary()
}

/// The check while it runs.
struct Check<'a, W> {
    args: &'a CheckArgs,
    out: &'a mut W,
    profile: Profile,
    tally: Tally,
}

/// What was counted.
#[derive(Debug, Default)]
struct Tally {
    lines: u64,
    records: u64,
    by_verdict: [u64; Verdict::ALL.len()],
    reasons: Vec<Reason>,
    /// Lines that look like those of a container runtime's files.
    cri_lines: u64,
}

/// A reason code that occurred.
#[derive(Debug)]
struct Reason {
    problem: Problem,
    count: u64,
    /// Where it was first seen, and an excerpt.
    file: String,
    line: u64,
    excerpt: String,
}

/// The record that is being put together from its lines.
#[derive(Debug, Default)]
struct Pending {
    /// The number of its first line, from 1; 0 while there is none.
    first_line: u64,
    lines: u64,
    bytes: Vec<u8>,
    /// The size before anything was cut, bytes.
    whole_bytes: usize,
}

impl<W: Write> Check<'_, W> {
    fn input(&mut self, name: &str, mut reader: impl BufRead) -> Result<(), CheckError> {
        let mut joiner = Joiner::new();
        let mut pending = Pending::default();
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            line.clear();
            let read = read_line(&mut reader, &mut line).map_err(|source| CheckError::Read { name: printable(name), source })?;
            let Some(whole_bytes) = read else { break };
            number += 1;
            self.tally.lines += 1;
            self.tally.cri_lines += u64::from(is_cri(&line));
            let waits = match joiner.push(&line) {
                Decision::Start { waits } => {
                    self.record(name, &mut pending)?;
                    pending = Pending { first_line: number, lines: 1, bytes: std::mem::take(&mut line), whole_bytes };
                    waits
                }
                Decision::Continue { waits } => {
                    pending.bytes.push(b'\n');
                    pending.bytes.extend_from_slice(&line);
                    pending.whole_bytes += 1 + whole_bytes;
                    pending.lines += 1;
                    waits
                }
            };
            if !waits {
                self.record(name, &mut pending)?;
            }
        }
        self.record(name, &mut pending)
    }

    /// Parses what is pending, if anything is, and tells what became of it.
    fn record(&mut self, file: &str, pending: &mut Pending) -> Result<(), CheckError> {
        let pending = std::mem::take(pending);
        if pending.first_line == 0 {
            return Ok(());
        }
        let cut = pending.whole_bytes > pending.bytes.len();
        let ending = if cut { Ending::Cut { whole_bytes: pending.whole_bytes } } else { Ending::Whole };
        let record = parse_ending(&pending.bytes, ending, self.args.now_ns, &self.profile);
        self.tally.add(&record, file, pending.first_line);
        if self.args.json {
            self.tell_json(file, &pending, &record)?;
        } else if record.verdict != Verdict::Ok {
            let codes: Vec<_> = record.problems.iter().map(Problem::code).collect();
            let verdict = record.verdict.as_str();
            writeln!(self.out, "{}:{}: {verdict}: {}: {}", printable(file), pending.first_line, codes.join(", "), excerpt(&record))?;
        }
        Ok(())
    }

    fn tell_json(&mut self, file: &str, pending: &Pending, record: &Record) -> Result<(), CheckError> {
        let codes: Vec<_> = record.problems.iter().map(Problem::code).collect();
        let redactions: serde_json::Map<_, _> =
            record.redactions.iter().map(|(kind, count)| (kind.as_str().to_owned(), json!(count))).collect();
        let told = json!({
            "file": file, "line": pending.first_line, "lines": pending.lines, "verdict": record.verdict.as_str(), "problems": codes,
            "level": record.severity.map(martlog_formats::Severity::level), "redactions": redactions, "excerpt": excerpt(record),
        });
        Ok(writeln!(self.out, "{told}")?)
    }

    fn summary(mut self) -> Result<Conclusion, CheckError> {
        let fine = self.tally.records > 0 && self.tally.share(self.tally.ok()) >= self.args.min_ok;
        // The commonest first; among equals the order of the codes.
        self.tally.reasons.sort_by_key(|reason| (std::cmp::Reverse(reason.count), reason.problem));
        if self.args.json {
            self.summary_json(fine)?
        } else {
            self.summary_text(fine)?
        }
        Ok(if fine { Conclusion::Fine } else { Conclusion::Findings })
    }

    fn summary_json(&mut self, fine: bool) -> Result<(), CheckError> {
        let tally = &self.tally;
        let reasons: Vec<_> = tally
            .reasons
            .iter()
            .map(|reason| {
                json!({
                    "code": reason.problem.code(), "count": reason.count, "share": tally.share(reason.count),
                    "example": {"file": reason.file, "line": reason.line, "excerpt": reason.excerpt}, "fix": reason.problem.fix(),
                })
            })
            .collect();
        let [ok, repaired, raw, _] = tally.by_verdict;
        let told = json!({"summary": {
            "lines": tally.lines, "records": tally.records, "ok": ok, "repaired": repaired, "raw": raw,
            "share_ok": tally.share(ok), "min_ok": self.args.min_ok, "fine": fine, "reasons": reasons, "hints": tally.hints(),
        }});
        Ok(writeln!(self.out, "{told}")?)
    }

    fn summary_text(&mut self, fine: bool) -> Result<(), CheckError> {
        let tally = &self.tally;
        if tally.records == 0 {
            return Ok(writeln!(self.out, "There are no lines to check.")?);
        }
        let [ok, repaired, raw, _] = tally.by_verdict;
        if ok < tally.records {
            writeln!(self.out)?;
        }
        let share = percent(tally.share(ok));
        writeln!(self.out, "{} records in {} lines: {ok} ok ({share}), {repaired} repaired, {raw} raw.", tally.records, tally.lines)?;
        for reason in &tally.reasons {
            writeln!(self.out, "\n{:>7}  {:>6}  {}", reason.count, percent(tally.share(reason.count)), reason.problem.code())?;
            writeln!(self.out, "{:17}example: {}:{}: {}", "", printable(&reason.file), reason.line, reason.excerpt)?;
            writeln!(self.out, "{:17}fix: {}", "", reason.problem.fix())?;
        }
        for hint in tally.hints() {
            writeln!(self.out, "\nHint: {hint}")?;
        }
        let (wanted, verdict) = (percent(self.args.min_ok), if fine { "are enough" } else { "are too few" });
        writeln!(self.out, "\n{share} ok {verdict}: at least {wanted} are wanted.")?;
        Ok(())
    }
}

impl Tally {
    fn add(&mut self, record: &Record, file: &str, line: u64) {
        self.records += 1;
        if let Some(count) = self.by_verdict.get_mut(record.verdict as usize) {
            *count += 1;
        }
        for problem in record.problems.iter() {
            match self.reasons.iter_mut().find(|reason| reason.problem == problem) {
                Some(reason) => reason.count += 1,
                None => self.reasons.push(Reason { problem, count: 1, file: file.to_owned(), line, excerpt: excerpt(record) }),
            }
        }
    }

    fn ok(&self) -> u64 {
        self.by_verdict[0]
    }

    fn share(&self, count: u64) -> f64 {
        // Counts of lines stay far below 2^53, where a float becomes inexact.
        #[allow(clippy::cast_precision_loss)]
        if self.records == 0 { 0.0 } else { count as f64 / self.records as f64 }
    }

    /// What the counts say about the input as a whole.
    fn hints(&self) -> Vec<&'static str> {
        let mut hints = Vec::new();
        if self.cri_lines * 2 > self.lines {
            hints.push(
                "this looks like a container runtime's file, with a time, stdout or stderr, and F or P before each line. \
                 Check what the module itself prints: cut -d' ' -f4- FILE | martlog check",
            );
        }
        let skewed = self.reasons.iter().find(|reason| reason.problem == Problem::ClockSkew).map_or(0, |reason| reason.count);
        if skewed * 2 > self.records {
            hints.push(
                "most times are more than 24 h from now. An old file always looks so: check lines as they are printed, or a fresh file",
            );
        }
        hints
    }
}

/// Reads one line without its end into `line`, at most [`limits::LINE_BYTES_MAX`] bytes of it; its whole size, or `None` at the end of the input.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut whole_bytes = 0;
    let mut begun = false;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(begun.then_some(whole_bytes));
        }
        begun = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let piece = &available[..end.unwrap_or(available.len())];
        let room = limits::LINE_BYTES_MAX - line.len();
        line.extend_from_slice(&piece[..piece.len().min(room)]);
        whole_bytes += piece.len();
        let consumed = piece.len() + usize::from(end.is_some());
        reader.consume(consumed);
        if end.is_some() {
            return Ok(Some(whole_bytes));
        }
    }
}

/// Whether a line begins as the files of a container runtime do: `2026-11-22T10:12:50.353Z stdout F …`.
fn is_cri(line: &[u8]) -> bool {
    let mut places = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tag) = (places.next().unwrap_or_default(), places.next(), places.next());
    time.first().is_some_and(u8::is_ascii_digit)
        && time.contains(&b'T')
        && matches!(stream, Some(b"stdout" | b"stderr"))
        && matches!(tag, Some(b"F" | b"P"))
}

/// The beginning of the record, without its secrets: of the message, or of the attributes where there is none.
fn excerpt(record: &Record) -> String {
    let text = if record.message.trim().is_empty() { &record.attributes } else { &record.message };
    let mut excerpt: String = printable(text.trim()).chars().take(EXCERPT_CHARS + 1).collect();
    if let Some((end, _)) = excerpt.char_indices().nth(EXCERPT_CHARS) {
        excerpt.truncate(end);
        excerpt.push('…');
    }
    excerpt
}

/// A text without characters that steer a terminal or turn its direction; each is shown as a space.
fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

fn percent(share: f64) -> String {
    // Rounded down, so that 96.99 % does not read as the 97 % that it missed.
    format!("{:.1} %", (share * 1000.0).floor() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_NS: i64 = 1_795_342_370_400_000_000;
    const OK: &str = r#"{"timestamp":"2026-11-22T10:12:50Z","level":"info","message":"sent"}"#;

    fn check(input: &[u8], json: bool, min_ok: f64) -> (Conclusion, String) {
        let args = CheckArgs { files: vec![], json, min_ok, now_ns: NOW_NS };
        let mut out = Vec::new();
        let conclusion = run(&args, input, &mut out).unwrap();
        (conclusion, String::from_utf8(out).unwrap())
    }

    #[test]
    fn conforming_lines_are_fine_and_only_counted() {
        let (conclusion, out) = check(format!("{OK}\n{OK}\n").as_bytes(), false, MIN_OK_DEFAULT);
        assert_eq!(conclusion, Conclusion::Fine);
        assert_eq!(out, "2 records in 2 lines: 2 ok (100.0 %), 0 repaired, 0 raw.\n\n100.0 % ok are enough: at least 97.0 % are wanted.\n");
    }

    #[test]
    fn findings_have_a_place_a_count_an_example_and_a_fix() {
        let input = format!("{OK}\nplain text\n{{\"msg\":\"x\"}}\nERROR failed\n  at a\n  at b\n{OK}");
        let (conclusion, out) = check(input.as_bytes(), false, MIN_OK_DEFAULT);
        assert_eq!(conclusion, Conclusion::Findings);
        assert!(out.contains("stdin:2: raw: not_json: plain text\n"), "{out}");
        assert!(out.contains("stdin:3: repaired: missing_timestamp, missing_level, alias_used: x\n"), "{out}");
        assert!(out.contains("stdin:4: raw: not_json: ERROR failed   at a   at b\n"), "{out}");
        assert!(out.contains("5 records in 7 lines: 2 ok (40.0 %), 1 repaired, 2 raw."), "{out}");
        assert!(out.contains("      2  40.0 %  not_json\n                 example: stdin:2: plain text\n"), "{out}");
        assert!(out.contains(Problem::AliasUsed.fix()), "{out}");
        assert!(out.ends_with("40.0 % ok are too few: at least 97.0 % are wanted.\n"), "{out}");
    }

    #[test]
    fn the_share_decides() {
        let input = format!("{}plain text\n", format!("{OK}\n").repeat(32));
        assert_eq!(check(input.as_bytes(), false, 0.97).0, Conclusion::Findings);
        assert_eq!(check(input.as_bytes(), false, 0.96).0, Conclusion::Fine);
        assert_eq!(check(b"plain text\n", false, 0.0).0, Conclusion::Fine);
        assert_eq!(check(b"", false, 0.0), (Conclusion::Findings, "There are no lines to check.\n".into()));
    }

    #[test]
    fn json_gives_an_object_per_record_and_a_summary() {
        let (conclusion, out) = check(format!("{OK}\n{{\"level\":\"odd\",\"message\":\"a\",\"pin\":1234}}\n").as_bytes(), true, 0.5);
        assert_eq!(conclusion, Conclusion::Fine);
        let told: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told.len(), 3);
        assert_eq!(told[0]["verdict"], "ok");
        assert_eq!((&told[1]["line"], &told[1]["redactions"]["otp"]), (&json!(2), &json!(1)));
        assert_eq!(told[1]["problems"], json!(["missing_timestamp", "unknown_level", "secret_redacted"]));
        let summary = &told[2]["summary"];
        assert_eq!((&summary["ok"], &summary["repaired"], &summary["fine"]), (&json!(1), &json!(1), &json!(true)));
        assert_eq!(summary["reasons"][0]["example"]["line"], 2);
    }

    #[test]
    fn secrets_and_control_characters_are_not_printed() {
        let (_, out) = check("ERROR: \u{1b}[2Jpassword=hunter2 \u{202e}x\u{7}\n{\"p\\u0061ssword\":\"hunter2\"}\n".as_bytes(), false, 1.0);
        assert!(!out.contains("hunter2"), "{out}");
        assert!(!out.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{out:?}");
    }

    #[test]
    fn a_line_of_any_length_takes_bounded_memory() {
        struct Endless(usize);
        impl io::Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = buffer.len().min(self.0);
                buffer[..count].fill(b'x');
                self.0 -= count;
                Ok(count)
            }
        }
        let mut line = Vec::new();
        let mut reader = BufReader::new(Endless(50 << 20));
        assert_eq!(read_line(&mut reader, &mut line).unwrap(), Some(50 << 20));
        assert!(line.len() == limits::LINE_BYTES_MAX && line.capacity() <= 2 * limits::LINE_BYTES_MAX);
        let long = [vec![b'x'; 300_000], b"\nnext\n".to_vec()].concat();
        let (_, out) = check(&long, false, 1.0);
        assert!(out.contains("raw: not_json, too_long") && out.contains("stdin:2"), "{out}");
    }

    #[test]
    fn a_runtimes_file_and_an_old_one_are_recognised() {
        let (_, out) = check(b"2026-11-22T10:12:50.353Z stdout F {\"message\":\"a\"}\n", false, 1.0);
        assert!(out.contains("Hint: this looks like a container runtime's file"), "{out}");
        let (_, out) = check(OK.replace("2026", "2025").as_bytes(), false, 1.0);
        assert!(out.contains("Hint: most times are more than 24 h"), "{out}");
    }

    #[test]
    fn files_are_read_in_turn_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.log");
        std::fs::write(&file, "plain\n").unwrap();
        let mut args = CheckArgs { files: vec![file.clone(), PathBuf::from("-")], json: false, min_ok: 0.5, now_ns: NOW_NS };
        let mut out = Vec::new();
        assert_eq!(run(&args, OK.as_bytes(), &mut out).unwrap(), Conclusion::Fine);
        assert!(String::from_utf8(out).unwrap().starts_with(&format!("{}:1: raw: not_json: plain\n", file.display())));
        args.files = vec![folder.path().join("missing.log")];
        let error = run(&args, io::empty(), &mut Vec::new()).unwrap_err();
        assert!(matches!(&error, CheckError::Read { .. }) && error.to_string().contains("missing.log"), "{error}");
        args.files = vec![folder.path().to_owned()];
        assert!(matches!(run(&args, io::empty(), &mut Vec::new()), Err(CheckError::Read { .. })), "a folder is no file");
    }
}
