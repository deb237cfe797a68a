//! Reads everything back as a partner's developers would, page by page, and holds it against the ledger.
//!
//! A line is *lost* when it is nowhere and its files were not removed, *unnamed* when they were and no gap covers its bytes; *doubled*, *reordered* within its
//! substream by what the store numbers rows with, and *altered* when text, place or source differ.

use crate::harness::api::{Api, Found};
use crate::ledger::{Book, Line};
use crate::pods::Extent;
use crate::text::{self, Id, Kind};
use crate::writer::NAMESPACES;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rows of a page, the most there are.
const PAGE: usize = 10_000;
/// Differences that are shown of a kind.
const SHOWN: usize = 8;

/// A gap as an answer names it.
#[derive(Debug)]
struct Gap {
    /// Pod UID is not told everywhere; names are unique here.
    pod: String,
    container: String,
    substream: usize,
    file: String,
    reason: String,
    from: u64,
    to: u64,
}

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) lines: u64,
    pub(crate) stored: u64,
    /// Lost with a removed file, and named.
    pub(crate) named: u64,
    pub(crate) gaps: BTreeMap<String, u64>,
    /// Lines that crossed into, or out of, a removed file: what is left of them is there.
    pub(crate) torn: u64,
    /// Lines that a gap covers although they are there.
    pub(crate) named_though_there: u64,
    /// Lines lost without a name, by file.
    pub(crate) unnamed_by_file: BTreeMap<u32, u64>,
    /// Kind of difference → how many, and the first ones.
    pub(crate) differences: BTreeMap<&'static str, (u64, Vec<String>)>,
}

impl Outcome {
    fn differs(&mut self, kind: &'static str, what: impl FnOnce() -> String) {
        let (count, shown) = self.differences.entry(kind).or_default();
        *count += 1;
        if shown.len() < SHOWN {
            shown.push(what());
        }
    }
}

/// See the module.
pub(crate) async fn verify(book: &mut Book, api: &Api) -> Outcome {
    let mut outcome = Outcome::default();
    let mut order: BTreeMap<(u32, usize), Vec<(u64, u32)>> = BTreeMap::new();
    let mut gaps = Vec::new();
    for number in 0..NAMESPACES {
        let instance = format!("app-{number}");
        let token = api.create("tokens", json!({"kind": "partner", "partner": "acme", "instances": [instance]})).await;
        let reader = api.with_token(token["token"].as_str().expect("a token"));
        let mut cursor = Value::Null;
        loop {
            let Found { rows, mut summary } = page(&reader, &cursor).await;
            for row in &rows {
                check(book, row, &mut order, &mut outcome);
            }
            cursor = summary["cursor"].take();
            if cursor.is_null() {
                break;
            }
        }
        take_gaps(&reader, &mut gaps).await;
    }
    for ((stream, substream), mut rows) in order {
        rows.sort_unstable();
        for pair in rows.windows(2).filter(|pair| pair[0].1 > pair[1].1) {
            let [before, after] = [pair[0].1, pair[1].1].map(|ordinal| Id { stream, substream, ordinal });
            outcome.differs("reordered", || format!("{after} was stored behind {before}"));
        }
    }
    for gap in &gaps {
        *outcome.gaps.entry(gap.reason.clone()).or_default() += 1;
    }
    account(book, &gaps, &mut outcome);
    outcome
}

async fn page(reader: &Api, cursor: &Value) -> Found {
    let mut body = json!({"query": "", "from": "-30d", "limit": PAGE, "order": "oldest"});
    if !cursor.is_null() {
        body["cursor"] = cursor.clone();
    }
    reader.search_with(body).await
}

async fn take_gaps(reader: &Api, gaps: &mut Vec<Gap>) {
    let mut next = String::new();
    loop {
        let page = reader.get(&format!("gaps?limit=50{next}")).await.json();
        page["gaps"].as_array().expect("gaps").iter().for_each(|gap| take_gap(gap, gaps));
        let Some(cursor) = page["cursor"].as_str() else { return };
        next = format!("&cursor={cursor}");
    }
}

fn take_gap(gap: &Value, gaps: &mut Vec<Gap>) {
    let text = |name: &str| gap[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| gap[name].as_u64().expect("a byte");
    let substream = usize::from(text("stream") == "stderr");
    let (from, to) = (number("from"), number("to"));
    gaps.push(Gap { pod: text("pod"), container: text("container"), substream, file: text("file"), reason: text("reason"), from, to });
}

/// Holds a row against its line.
fn check(book: &mut Book, row: &Value, order: &mut BTreeMap<(u32, usize), Vec<(u64, u32)>>, outcome: &mut Outcome) {
    outcome.stored += 1;
    let message = row["message"].as_str().unwrap_or_default();
    let source = &row["source"];
    let known = Id::within(message).and_then(|id| Some((id, book.streams.get_mut(id.stream as usize)?)));
    let Some((id, stream)) = known else {
        if is_rest_of_torn(book, row) {
            outcome.torn += 1;
            return;
        }
        return outcome.differs("altered", || format!("nobody printed {row}"));
    };
    let from_there = [("node", &stream.node), ("namespace", &stream.namespace), ("pod", &stream.pod), ("container", &stream.container)]
        .iter()
        .all(|(name, value)| source[*name] == ***value)
        && source["restart"].as_u64().unwrap_or(0) == u64::from(stream.restart)
        && source["pod_uid"].as_str().is_none_or(|uid| uid == stream.uid)
        && source["stream"] == ["stdout", "stderr"][id.substream];
    let Some(line) = stream.lines[id.substream].get_mut(id.ordinal as usize) else {
        return outcome.differs("altered", || format!("nobody printed {row}"));
    };
    line.found += 1;
    if line.found == 2 {
        outcome.differs("doubled", || format!("{id} {line:?}: {row}"));
    }
    let whole = message == text::message(line.kind, id, line.length)
        && (line.kind != Kind::Json || row["attributes"]["filler"] == text::filler(id, line.length));
    if !whole && from_there && line.pieces.get(1).is_some_and(|piece| book.files[piece.file as usize].gone.is_some()) && is_incomplete(row)
    {
        outcome.torn += 1;
    } else if !whole || !from_there || source["offset"].as_u64() != Some(line.pieces[0].from) {
        outcome.differs("altered", || format!("{id} {line:?}: {row}"));
    }
    let seq = row["id"].as_str().and_then(|id| id.rsplit('/').next()?.parse().ok()).expect("a row's number");
    order.entry((id.stream, id.substream)).or_default().push((seq, id.ordinal));
}

fn is_incomplete(row: &Value) -> bool {
    row["problems"].as_array().is_some_and(|problems| problems.iter().any(|problem| problem == "incomplete"))
}

/// Whether a row is the end of a line whose beginning was in a file that was removed. Seldom asked, so it looks at all lines.
fn is_rest_of_torn(book: &Book, row: &Value) -> bool {
    let (source, message) = (&row["source"], row["message"].as_str().unwrap_or_default());
    let of_it = |line: &Line, id: Id| {
        line.pieces.len() == 2
            && source["offset"] == line.pieces[1].from
            && book.files[line.pieces[0].file as usize].gone.is_some()
            && text::printed(line.kind, id, line.length, "").concat().ends_with(message)
    };
    let streams =
        book.streams.iter().enumerate().filter(|(_, stream)| source["pod"] == *stream.pod && source["container"] == *stream.container);
    streams.into_iter().any(|(number, stream)| {
        let id = |ordinal| Id { stream: u32::try_from(number).expect("few"), substream: 0, ordinal };
        stream.lines[0].iter().zip(0_u32..).any(|(line, ordinal)| of_it(line, id(ordinal)))
    })
}

/// Accounts for every line of the ledger.
fn account(book: &Book, gaps: &[Gap], outcome: &mut Outcome) {
    let holes = holes(book, gaps);
    for (number, stream) in book.streams.iter().enumerate() {
        for (substream, lines) in stream.lines.iter().enumerate() {
            for (ordinal, line) in lines.iter().enumerate() {
                outcome.lines += 1;
                let id = || Id { stream: u32::try_from(number).expect("few"), substream, ordinal: u32::try_from(ordinal).expect("few") };
                let of = |piece: &Extent| holes.get(&(piece.file, substream)).map_or(&[][..], Vec::as_slice);
                let covered = |piece: &Extent| of(piece).iter().any(|(from, to)| *from <= piece.from && piece.to <= *to);
                // What is left of a line that was torn by a removal is accounted for where it was found.
                let needs = |piece: &&Extent| line.pieces.len() == 1 || book.files[piece.file as usize].gone.is_some();
                match line.found {
                    0 if !is_gone(book, line) => {
                        outcome.differs("lost", || format!("{} {line:?} of {} {}", id(), stream.pod, stream.container))
                    }
                    0 if line.pieces.iter().filter(needs).all(covered) => outcome.named += 1,
                    0 => {
                        let file = line.pieces[0].file;
                        *outcome.unnamed_by_file.entry(file).or_default() += 1;
                        if outcome.unnamed_by_file[&file] > 1 {
                            // The first line of each file is shown.
                            outcome.differences.entry("unnamed").or_default().0 += 1;
                        } else {
                            let file = &book.files[file as usize];
                            let gaps: Vec<_> = line.pieces.iter().map(of).collect();
                            outcome.differs("unnamed", || {
                                format!("{} {line:?} of {} {}: {file:?}; gaps {gaps:?}", id(), stream.pod, stream.container)
                            });
                        }
                    }
                    _ if line.pieces.iter().all(covered) => outcome.named_though_there += 1,
                    _ => {}
                }
            }
        }
    }
}

/// Bytes that gaps name, by file and substream.
type Holes = BTreeMap<(u32, usize), Vec<(u64, u64)>>;

/// Which file each gap is of. It names the file by the last name that was known of it, which several files of a container had one after the other: it is the one with
/// most lines missing and fewest there in its range.
fn holes(book: &Book, gaps: &[Gap]) -> Holes {
    let mut missing: BTreeMap<(u32, usize), Vec<(Extent, i64)>> = BTreeMap::new();
    let mut files: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
    for stream in &book.streams {
        for (substream, lines) in stream.lines.iter().enumerate() {
            for line in lines {
                for piece in &line.pieces {
                    missing.entry((piece.file, substream)).or_default().push((*piece, if line.found == 0 { 1 } else { -1 }));
                }
            }
        }
    }
    for (number, file) in (0_u32..).zip(&book.files) {
        if let Some(stream) = book.streams.get(file.stream).filter(|_| !file.names.is_empty()) {
            files.entry((&stream.pod, &stream.container)).or_default().push(number);
        }
    }
    let mut holes = Holes::new();
    for gap in gaps {
        let score = |file: &u32| {
            let lines = missing.get(&(*file, gap.substream)).map_or(&[][..], Vec::as_slice);
            lines.iter().filter(|(piece, _)| gap.from <= piece.from && piece.to <= gap.to).map(|(_, score)| score).sum::<i64>()
        };
        let named = files.get(&(gap.pod.as_str(), gap.container.as_str())).into_iter().flatten();
        let best = named.filter(|file| book.files[**file as usize].names.contains(&gap.file)).max_by_key(|file| score(file));
        if let Some(file) = best {
            holes.entry((*file, gap.substream)).or_default().push((gap.from, gap.to));
        }
    }
    holes
}

fn is_gone(book: &Book, line: &Line) -> bool {
    line.pieces.iter().any(|piece| book.files[piece.file as usize].gone.is_some())
}
