//! Lays lines out as the container runtime does: one pod per instance, one CRI file each.

use super::{GeneratedLine, Stream};
use chrono::{DateTime, SecondsFormat};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) files: u64,
    pub(crate) lines: u64,
    /// Of the files.
    pub(crate) bytes: u64,
    /// Of the modules' own text, newline included.
    pub(crate) text_bytes: u64,
}

/// Writes the lines below `root`, as `<namespace>_<pod>_<uid>/app/0.log`; names and UIDs follow from the instances.
pub(crate) fn write_pods(root: &Path, lines: impl Iterator<Item = GeneratedLine>) -> io::Result<Written> {
    let mut files: HashMap<Arc<str>, BufWriter<File>> = HashMap::new();
    let mut written = Written::default();
    for line in lines {
        if !files.contains_key(&line.instance) {
            let folder = root.join(folder(&line, files.len()));
            std::fs::create_dir_all(&folder)?;
            files.insert(line.instance.clone(), BufWriter::new(File::create_new(folder.join("0.log"))?));
            written.files += 1;
        }
        let Some(file) = files.get_mut(&line.instance) else { continue };
        let stream = match line.stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        let time = DateTime::from_timestamp_nanos(line.time_ns).to_rfc3339_opts(SecondsFormat::Nanos, true);
        let head = format!("{time} {stream} F ");
        for piece in [head.as_bytes(), line.json.as_bytes(), b"\n"] {
            file.write_all(piece)?;
            written.bytes += piece.len() as u64;
        }
        written.lines += 1;
        written.text_bytes += line.json.len() as u64 + 1;
    }
    for (_, mut file) in files {
        file.flush()?;
    }
    Ok(written)
}

fn folder(line: &GeneratedLine, number: usize) -> String {
    format!("{}_{}-7d9f8b6c4-x2k9p_5b1c9d0e-8f6a-4c58-9f57-{number:012x}/app", line.namespace, line.module)
}
