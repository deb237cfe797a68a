//! What a part meets: the table of the append protocol, as a pure function.

use martlog_formats::wire::Extent;

/// What becomes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Append it without its first `skip` records, which are stored already; then the marks are at the ends of the extents.
    Append {
        /// Records to leave out.
        skip: usize,
    },
    /// All of it is stored already.
    Duplicate,
    /// It does not fit the marks: tell them.
    Conflict,
}

/// A record's place: its first byte, in the first extent's file, and one past its last, in the last extent's.
pub type Place = (u64, u64);

/// Decides by the marks of a part's extents, which are as many. The part is sound (`Part::is_sound`).
///
/// | case | decision |
/// |---|---|
/// | every extent ends at or below its mark | duplicate |
/// | an extent begins above its mark | conflict |
/// | each begins at its mark | append |
/// | one extent, the mark inside | records that end at or below the mark are left out; one that straddles it is a conflict |
/// | two extents, the first's mark inside, before the record | append: only bytes of the other substream lie below the mark |
/// | two extents, otherwise | conflict: both move or neither does |
#[must_use]
pub fn decide(extents: &[Extent], records: &[Place], marks: &[u64]) -> Decision {
    if extents.iter().zip(marks).all(|(extent, mark)| extent.to <= *mark) {
        return Decision::Duplicate;
    }
    if extents.iter().zip(marks).any(|(extent, mark)| extent.from > *mark) {
        return Decision::Conflict;
    }
    let mark = marks.first().copied().unwrap_or(0);
    let skip = match extents {
        [_] => records.iter().take_while(|(_, end)| *end <= mark).count(),
        [first, second] if mark <= first.to && marks.get(1) == Some(&second.from) => 0,
        _ => return Decision::Conflict,
    };
    if records.get(skip).is_some_and(|(offset, _)| *offset < mark) { Decision::Conflict } else { Decision::Append { skip } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlog_formats::wire::FileId;

    fn extent(file: u128, from: u64, to: u64) -> Extent {
        Extent { file: FileId(file), name: "0.log".into(), from, to }
    }

    fn one(from: u64, to: u64, records: &[Place], mark: u64) -> Decision {
        decide(&[extent(1, from, to)], records, &[mark])
    }

    #[test]
    fn one_extent_follows_the_table() {
        let records = [(10, 20), (20, 30)];
        assert_eq!(one(10, 30, &records, 10), Decision::Append { skip: 0 });
        assert_eq!(one(10, 30, &records, 30), Decision::Duplicate);
        assert_eq!(one(10, 30, &records, 40), Decision::Duplicate);
        assert_eq!(one(10, 30, &records, 20), Decision::Append { skip: 1 });
        assert_eq!(one(10, 30, &records, 15), Decision::Conflict, "the first record straddles the mark");
        assert_eq!(one(10, 30, &records, 25), Decision::Conflict, "the second record straddles the mark");
        assert_eq!(one(10, 30, &records, 9), Decision::Conflict, "a hole");
    }

    #[test]
    fn bytes_of_the_other_substream_belong_to_nobody() {
        // Records at 12..20 and 25..30 of 10..40: the mark may lie between them.
        let records = [(12, 20), (25, 30)];
        assert_eq!(one(10, 40, &records, 11), Decision::Append { skip: 0 });
        assert_eq!(one(10, 40, &records, 22), Decision::Append { skip: 1 });
        assert_eq!(one(10, 40, &records, 35), Decision::Append { skip: 2 }, "only the mark moves");
        assert_eq!(one(10, 40, &[], 10), Decision::Append { skip: 0 }, "an empty part moves the mark");
        assert_eq!(one(10, 10, &[], 10), Decision::Duplicate, "nothing to move");
    }

    #[test]
    fn two_extents_move_together_or_not_at_all() {
        let extents = [extent(1, 90, 100), extent(2, 0, 10)];
        let records = [(95, 10)];
        let two = |marks: [u64; 2]| decide(&extents, &records, &marks);
        assert_eq!(two([90, 0]), Decision::Append { skip: 0 });
        assert_eq!(two([93, 0]), Decision::Append { skip: 0 });
        assert_eq!(two([97, 0]), Decision::Conflict);
        assert_eq!(two([100, 10]), Decision::Duplicate);
        assert_eq!(two([100, 0]), Decision::Conflict);
        assert_eq!(two([90, 10]), Decision::Conflict);
        assert_eq!(two([90, 5]), Decision::Conflict);
        assert_eq!(two([80, 0]), Decision::Conflict);
    }
}
