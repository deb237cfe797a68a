//! What was told of a push, as it is kept under its key.
//!
//! ```text
//! version 1 | postcard(Told)
//! ```

use martlog_formats::push::Told;

const VERSION: u8 = 1;

/// As it is kept.
pub(super) fn encode(told: &Told) -> Vec<u8> {
    // No maps and no unsized sequences: postcard into a growing buffer cannot fail.
    postcard::to_extend(told, vec![VERSION]).unwrap_or_default()
}

/// As it was; `None` for what another version kept.
pub(super) fn decode(bytes: &[u8]) -> Option<Told> {
    let (version, rest) = bytes.split_first()?;
    (*version == VERSION).then(|| postcard::from_bytes(rest).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlog_formats::Profile;
    use martlog_formats::push::Batch;

    #[test]
    fn what_is_kept_comes_back_and_other_versions_do_not() {
        let profile = Profile::default();
        let mut batch = Batch::new(&profile, None, 0, 100);
        batch.line(1, b"plain").unwrap();
        let told = batch.finish().1;
        let kept = encode(&told);
        assert_eq!(decode(&kept), Some(told));
        assert!(kept.len() < 64);
        assert_eq!(decode(&[&[2], &kept[1..]].concat()), None);
        assert_eq!((decode(b""), decode(&[1])), (None, None));
    }
}
