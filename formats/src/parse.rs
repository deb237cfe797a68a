//! Placeholder signature.
use crate::record::Record;
/// How an instance's lines are read.
#[derive(Debug, Clone, Default)]
pub struct Profile {}
/// Turns one line into a record.
#[must_use]
pub fn parse(_line: &[u8], _runtime_time_ns: i64, _profile: &Profile) -> Record {
    unimplemented!()
}
