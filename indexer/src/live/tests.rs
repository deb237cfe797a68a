//! What a carried row does to a buffer, before and after a replay.

use super::*;
use crate::flush::testing::row;
use crate::row::Row;

fn chunk(seqs: std::ops::Range<u64>, lsn: u64) -> Arc<Chunk> {
    let origin = row(0, 0).origin;
    let rows: Vec<Row> = seqs.map(|seq| Row { origin: origin.clone(), ..row(seq, 1) }).collect();
    Chunk::of(rows.iter().map(RowRef::from), lsn).remove(0)
}

fn chunks(buffer: &Buffer) -> Vec<Arc<Chunk>> {
    buffer.packs().iter().flat_map(|pack| pack.chunks().to_vec()).collect()
}

fn seqs(buffer: &Buffer) -> Vec<u64> {
    buffer.packs().iter().flat_map(|pack| pack.rows().map(|row| row.seq)).collect()
}

#[test]
fn small_chunks_are_searched_together() {
    let mut buffer = Buffer::default();
    (0..600).for_each(|seq| buffer.push(chunk(seq..seq + 1, seq)));
    buffer.push(chunk(600..1_000, 600));
    let lengths = |buffer: &Buffer| buffer.packs().iter().map(|pack| pack.rows_len()).collect::<Vec<_>>();
    assert_eq!((lengths(&buffer), seqs(&buffer)), ([vec![64; 9], vec![424]].concat(), (0..1_000).collect()));
    buffer.drop_below(300);
    assert_eq!((lengths(&buffer), seqs(&buffer)), ([vec![20], vec![64; 4], vec![424]].concat(), (300..1_000).collect()));
    buffer.drop_below(999);
    assert_eq!((lengths(&buffer), buffer.rows()), (vec![400], 400), "a chunk stays whole");
    buffer.drop_below(1_000);
    assert_eq!((buffer.packs().len(), buffer.bytes()), (0, 0));
    buffer.push(chunk(1_000..1_001, 700));
    assert_eq!(seqs(&buffer), [1_000]);
}

#[test]
fn what_is_there_needs_the_new_record_only() {
    let mut buffer = Buffer::default();
    buffer.push(chunk(0..3, 5));
    buffer.push(chunk(3..5, 7));
    let (bytes, live) = (buffer.bytes(), chunks(&buffer));
    assert_eq!(buffer.carry(&live, 0, 50), 0);
    buffer.push(chunk(5..6, 60));
    assert_eq!((seqs(&buffer), buffer.oldest_lsn(), buffer.rows()), ((0..6).collect(), Some(50), 6));
    assert!(buffer.bytes() > bytes);
    buffer.drop_below(5);
    assert_eq!((seqs(&buffer), buffer.oldest_lsn()), (vec![5], Some(60)));
}

#[test]
fn what_is_published_meanwhile_does_not_come_back() {
    let mut buffer = Buffer::default();
    buffer.push(chunk(0..3, 5));
    buffer.push(chunk(3..5, 7));
    let live = chunks(&buffer);
    buffer.drop_below(3);
    assert_eq!(buffer.carry(&live, 3, 50), 0);
    assert_eq!((seqs(&buffer), buffer.oldest_lsn()), (vec![3, 4], Some(50)));
    buffer.drop_below(5);
    assert_eq!((buffer.carry(&live, 5, 60), buffer.bytes(), buffer.rows()), (0, 0, 0));
}

#[test]
fn a_replay_that_begins_in_the_middle_gets_each_row_once_and_in_order() {
    let mut buffer = Buffer::default();
    buffer.push(chunk(3..5, 40));
    assert_eq!(buffer.seq_from(), Some(3), "a hole before it");
    let came = buffer.carry(&[chunk(0..3, 50), chunk(3..5, 50)], 1, 50);
    assert_eq!((seqs(&buffer), buffer.oldest_lsn(), buffer.rows()), (vec![1, 2, 3, 4], Some(50), 4));
    assert!(came > 0 && came < buffer.bytes());
    assert_eq!(buffer.drop_below(5), came + chunk(3..5, 0).bytes);
    assert_eq!(buffer.bytes(), 0);
}
