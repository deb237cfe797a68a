//! The append protocol as the server keeps it, in memory: high-water marks, and what was appended.
//!
//! Used by the fake server and, without HTTP, by the property tests in the crate. A record is stored at most once by position alone.

use martlog_formats::wire::{Extent, FileId, Gap, GapReason, Part, PartAnswer, PartRecord, Stream, Substream};
use std::collections::BTreeMap;

/// A record as it was appended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) stream: Stream,
    pub(crate) substream: Substream,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) extents: Vec<Extent>,
    pub(crate) record: PartRecord,
}

/// A hole as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) stream: Stream,
    pub(crate) substream: Substream,
    pub(crate) extent: Extent,
    pub(crate) reason: GapReason,
}

/// What the server has.
#[derive(Debug, Default, Clone)]
pub(crate) struct Log {
    pub(crate) marks: BTreeMap<(FileId, Substream), u64>,
    pub(crate) rows: Vec<Row>,
    pub(crate) holes: Vec<Hole>,
}

impl Log {
    /// The mark of a file's substream.
    pub(crate) fn mark(&self, file: FileId, substream: Substream) -> u64 {
        self.marks.get(&(file, substream)).copied().unwrap_or(0)
    }

    /// Appends a part by the rules of the protocol.
    pub(crate) fn append(&mut self, part: &Part) -> PartAnswer {
        assert!(part.is_sound(), "an unsound part came over the wire: {part:?}");
        let marks: Vec<u64> = part.extents.iter().map(|extent| self.mark(extent.file, part.substream)).collect();
        let past = part.extents.iter().zip(&marks).all(|(extent, mark)| extent.to <= *mark);
        let at = part.extents.iter().zip(&marks).all(|(extent, mark)| extent.from == *mark);
        if past && !at {
            return PartAnswer::Durable { marks };
        }
        if at {
            self.take(part, part.records.iter());
            return self.durable(part);
        }
        // Within the part: of one extent, records from the mark on are new, and one that straddles it is refused.
        if let ([extent], [mark]) = (part.extents.as_slice(), marks.as_slice())
            && extent.from < *mark
            && *mark < extent.to
            && part.records.iter().all(|record| record.end <= *mark || record.offset >= *mark)
        {
            let mark = *mark;
            self.take(part, part.records.iter().filter(|record| record.offset >= mark));
            return self.durable(part);
        }
        PartAnswer::Conflict { marks }
    }

    fn take<'a>(&mut self, part: &Part, records: impl Iterator<Item = &'a PartRecord>) {
        for record in records {
            self.rows.push(Row {
                stream: part.stream.clone(),
                substream: part.substream,
                labels: part.labels.clone(),
                extents: part.extents.clone(),
                record: record.clone(),
            });
        }
        if let Some(Gap { reason, .. }) = part.gap {
            let extent = part.extents[0].clone();
            self.holes.push(Hole { stream: part.stream.clone(), substream: part.substream, extent, reason });
        }
    }

    fn durable(&mut self, part: &Part) -> PartAnswer {
        for extent in &part.extents {
            self.marks.insert((extent.file, part.substream), extent.to);
        }
        PartAnswer::Durable { marks: part.extents.iter().map(|extent| extent.to).collect() }
    }

    /// The messages of one substream of a container's life, in the order of their arrival.
    pub(crate) fn messages(&self, pod_uid: &str, restart: u32, substream: Substream) -> Vec<String> {
        let of = |row: &&Row| row.stream.pod_uid == pod_uid && row.stream.restart == restart && row.substream == substream;
        self.rows.iter().filter(of).map(|row| row.record.record.message.clone()).collect()
    }
}
