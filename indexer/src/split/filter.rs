//! A Bloom filter per block for what is too various to be a term: long numbers, hex, UUIDs, exact ids.
//!
//! Blocked: the bits of one key lie in one cache line of 64 bytes. About [`BITS_PER_KEY`] bits a key; with eight bits a key
//! set, one absent key in about 300 seems present. A filter without bytes holds nothing.

/// Bits that are spent on a key.
const BITS_PER_KEY: usize = 12;
/// Bits that a key sets.
const PROBES: u32 = 8;
/// Bytes of a line.
const LINE: usize = 64;

/// The filter that holds these keys (any order, doubles allowed).
pub(crate) fn build(keys: &mut Vec<u64>) -> Vec<u8> {
    keys.sort_unstable();
    keys.dedup();
    let lines = (keys.len() * BITS_PER_KEY).div_ceil(LINE * 8);
    let mut bytes = vec![0; lines * LINE];
    for key in keys.iter() {
        let from = line_of(*key, lines) * LINE;
        for at in 0..PROBES {
            let bit = bit_of(*key, at);
            if let Some(byte) = bytes.get_mut(from + bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
    }
    bytes
}

/// Whether the filter may hold the key.
pub(crate) fn may_contain(filter: &[u8], key: u64) -> bool {
    let lines = filter.len() / LINE;
    if lines == 0 {
        return false;
    }
    let from = line_of(key, lines) * LINE;
    (0..PROBES).all(|at| {
        let bit = bit_of(key, at);
        filter.get(from + bit / 8).is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    })
}

/// The line is chosen by the key's upper half.
#[allow(clippy::cast_possible_truncation)] // A product of two numbers below 2^32, shifted by 32, is below 2^32.
fn line_of(key: u64, lines: usize) -> usize {
    (((key >> 32) * lines as u64) >> 32) as usize
}

/// The bits within it by the lower half, nine bits each, stirred once.
#[allow(clippy::cast_possible_truncation)] // Masked to nine bits.
fn bit_of(key: u64, at: u32) -> usize {
    let low = key & 0xffff_ffff;
    let stirred = u128::from(low.wrapping_mul(0x9e37_79b9_7f4a_7c15)) | u128::from(low) << 64;
    (stirred >> (at * 9 + 8)) as usize & 0x1ff
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn every_key_is_found_and_few_others_are() {
        for count in [0_u64, 1, 7, 1_000, 20_000] {
            let mut keys: Vec<u64> = (0..count).map(|key| xxh3_64(&key.to_le_bytes())).collect();
            let filter = build(&mut keys);
            assert!(keys.iter().all(|key| may_contain(&filter, *key)));
            let wrong = (0..20_000_u64).filter(|key| may_contain(&filter, xxh3_64(&(key + 1_000_000).to_le_bytes()))).count();
            assert!(wrong < 250, "{wrong} of 20,000 with {count} keys");
        }
    }
}
