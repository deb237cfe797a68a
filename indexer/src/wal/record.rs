//! The bytes of a record: see the module above for the layout.

use super::writer::Payload;

/// Bytes before the payload.
pub(super) const HEADER: usize = 24;
/// Records begin at multiples of this, bytes.
pub(super) const ALIGN: usize = 8;

/// A valid record found in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) lsn: u64,
    pub(super) durable: u64,
    pub(super) payload: &'a [u8],
    /// Where the next one begins.
    pub(super) next: usize,
}

/// The bytes that a record with this payload takes in a segment.
pub(super) const fn size(payload: usize) -> usize {
    (HEADER + payload).next_multiple_of(ALIGN)
}

/// Adds a record to a group.
pub(super) fn encode(out: &mut Vec<u8>, salt: u64, lsn: u64, durable: u64, payload: &Payload) {
    let start = out.len();
    // `Wal::submit` lets no payload in that does not fit.
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&lsn.to_le_bytes());
    out.extend_from_slice(&durable.to_le_bytes());
    out.extend_from_slice(&payload.head);
    out.extend_from_slice(&payload.body);
    let crc = checksum(salt, &out[start..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    out.resize(start + size(payload.len()), 0);
}

/// The record at a place of a segment's bytes, when a valid one is there.
pub(super) fn read(image: &[u8], at: usize, salt: u64) -> Option<Found<'_>> {
    let found = peek(image, at)?;
    let crc = u32::from_le_bytes(*image.get(at + 4..)?.first_chunk::<4>()?);
    let end = at + HEADER + found.payload.len();
    (checksum(salt, &image[at..end]) == crc).then_some(found)
}

/// What a record at this place would be, its checksum not compared: enough to pass over places that cannot hold one.
pub(super) fn peek(image: &[u8], at: usize) -> Option<Found<'_>> {
    let header = image.get(at..)?.first_chunk::<HEADER>()?;
    let number = |from: usize| header[from..].first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    let len = u32::from_le_bytes(*header.first_chunk::<4>()?) as usize;
    let (lsn, durable) = (number(8)?, number(16)?);
    let payload = image.get(at + HEADER..)?.get(..len)?;
    (lsn > durable).then_some(Found { lsn, durable, payload, next: at + size(len) })
}

/// The checksum of a record's bytes (header and payload); the place of the checksum itself is left out.
fn checksum(salt: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&record[..4]);
    hasher.update(&record[8..]);
    hasher.finalize()
}
