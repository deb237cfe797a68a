//! An answer that comes in lines of JSON, cut into them as its pieces come.

/// Bytes cut into lines.
#[derive(Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Up to here there is no line end.
    searched: usize,
}

impl Lines {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Whether the line that is on its way is longer than this, bytes.
    pub(super) fn is_longer_than(&self, max: usize) -> bool {
        self.bytes.len() > max
    }

    /// The next whole line that is not empty.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let Some(at) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.bytes.len();
                return None;
            };
            let rest = self.bytes.split_off(self.searched + at + 1);
            let line = std::mem::replace(&mut self.bytes, rest);
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                return Some(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_pieces(lines in prop::collection::vec("[a-z]{0,5}", 0..10), cuts in prop::collection::vec(1..7usize, 1..20)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let (mut rest, mut reader, mut read, mut cuts) = (text.as_bytes(), Lines::default(), Vec::new(), cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                rest = tail;
                reader.push(piece);
                while let Some(line) = reader.next() {
                    read.push(String::from_utf8(line).unwrap().trim_end().to_owned());
                }
            }
            prop_assert_eq!(read, lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>());
        }
    }
}
