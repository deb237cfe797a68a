//! Splits of real texts: what do lines take that no generator made up?
//!
//! ```text
//! cargo bench -p martlog-indexer --bench texts -- FILE…
//! ```
//!
//! Each file of lines becomes a split of one module, which is read back and compared; beside it stands what zstd makes of the same text in blocks of 256 KiB. Few lines share few patterns: a
//! file of some thousand lines says how bad it can be, not what a day's worth takes.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use clap::Parser;
use martlog_formats::wire::{FileId, Substream};
use martlog_formats::{Profile, parse};
use martlog_indexer::row::{ModuleKey, Origin, Owner, Row, RowRef};
use martlog_indexer::split::{Split, build};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug, Parser)]
struct Args {
    files: Vec<PathBuf>,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// zstd compresses blocks of so many bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// ns, of the first line.
const TIME_NS: i64 = 1_780_000_000_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    println!(
        "| text | lines | bytes a line | patterns a line | split, bytes a line | of it rows | zstd 3 of the text | building, µs a line |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for file in &args.files {
        let text = String::from_utf8_lossy(&std::fs::read(file)?).into_owned();
        let rows = rows(&text);
        told(&file.file_stem().unwrap_or_default().to_string_lossy(), &text, &rows)?;
    }
    Ok(())
}

fn rows(text: &str) -> Vec<Row> {
    let key = ModuleKey { partner: "partner".into(), module: "module".into() };
    let owner = Arc::new(Owner { key, instance: "instance".into(), csp: "csp".into(), environment: "".into(), version: "".into() });
    let origin = Arc::new(Origin {
        cluster: "main".into(),
        node: "node".into(),
        namespace: "namespace".into(),
        pod: "pod".into(),
        pod_uid: "pod-uid".into(),
        container: "app".into(),
        restart: 0,
        substream: Substream::Stdout,
        file: FileId(0),
        file_name: "0.log".into(),
    });
    let (profile, mut offset) = (Profile::default(), 0);
    let row = |(seq, line): (u64, &str)| {
        let time_ns = TIME_NS.saturating_add_unsigned(seq * 1_000_000);
        let record = parse(line.as_bytes(), time_ns, &profile);
        let row = Row {
            seq,
            arrived_ns: TIME_NS + i64::try_from(seq / 500).unwrap_or(0),
            owner: owner.clone(),
            origin: origin.clone(),
            offset,
            record,
        };
        offset += line.len() as u64 + 1;
        row
    };
    (0..).zip(text.lines()).map(row).collect()
}

fn told(name: &str, text: &str, rows: &[Row]) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("1.split");
    let key = &rows.first().ok_or("a file without lines")?.owner.key;
    let begun = Instant::now();
    let meta = build(key, "1", &rows.iter().map(RowRef::from).collect::<Vec<_>>(), &path)?;
    let took = begun.elapsed();
    let split = Split::open(Path::new(&path), meta)?;
    if split.rows()? != rows {
        return Err(format!("{name}: the rows did not come back").into());
    }
    let zstd: usize =
        text.as_bytes().chunks(BLOCK_BYTES).map(|block| zstd::bulk::compress(block, 3).map(|stored| stored.len())).sum::<Result<_, _>>()?;
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let a_line = |count: usize| count as f64 / rows.len() as f64;
    let of_rows = split.sections().find(|(name, _)| *name == "rows").map_or(0, |(_, bytes)| usize::try_from(bytes).unwrap_or(0));
    println!(
        "| {name} | {} | {:.0} | {:.3} | {:.1} | {:.1} | {:.1} | {:.1} |",
        rows.len(),
        a_line(text.len()),
        a_line(split.patterns()?),
        a_line(usize::try_from(split.meta.bytes)?),
        a_line(of_rows),
        a_line(zstd),
        took.as_secs_f64() * 1e6 / a_line(1).recip(),
    );
    Ok(())
}
