//! What a node said, as the catalog keeps it: a version byte, then postcard, zstd: the owners, each once, and the files with the number of theirs.

use super::Followed;
use crate::row::Owner;
use martlog_formats::wire::FileProgress;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

const VERSION: u8 = 1;
/// The greatest that is read, bytes: some 100,000 files.
const BYTES_MAX: usize = 64 << 20;

type Said = (i64, Vec<Owner>, Vec<(FileProgress, u32)>);

/// Encodes; nothing of this can fail but for want of memory, and then a node's word is empty.
pub(super) fn encode(time_ns: i64, files: &[Followed]) -> Vec<u8> {
    let (mut owners, mut numbers) = (Vec::new(), HashMap::new());
    let mut number_of = |owner: &Arc<Owner>| {
        *numbers.entry(owner.clone()).or_insert_with(|| {
            owners.push(Owner::clone(owner));
            u32::try_from(owners.len() - 1).unwrap_or(u32::MAX)
        })
    };
    let files: Vec<(FileProgress, u32)> = files.iter().map(|file| (file.progress.clone(), number_of(&file.owner))).collect();
    let said: Said = (time_ns, owners, files);
    let packed = postcard::to_allocvec(&said).ok().and_then(|bytes| zstd::bulk::compress(&bytes, 1).ok()).unwrap_or_default();
    [&[VERSION], packed.as_slice()].concat()
}

/// The time by the node's clock, and its files.
pub(super) fn decode(said: &[u8]) -> io::Result<(i64, Vec<Followed>)> {
    let malformed = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let Some((&VERSION, packed)) = said.split_first() else { return Err(malformed("it has an unknown form".to_owned())) };
    let bytes = zstd::bulk::decompress(packed, BYTES_MAX)?;
    let (time_ns, owners, files): Said = postcard::from_bytes(&bytes).map_err(|error| malformed(error.to_string()))?;
    let owners: Vec<Arc<Owner>> = owners.into_iter().map(Arc::new).collect();
    let file = |(progress, number): (FileProgress, u32)| {
        let owner = usize::try_from(number).ok().and_then(|at| owners.get(at)).cloned();
        owner.map(|owner| Followed { progress, owner }).ok_or_else(|| malformed(format!("it has no owner {number}")))
    };
    Ok((time_ns, files.into_iter().map(file).collect::<io::Result<_>>()?))
}
