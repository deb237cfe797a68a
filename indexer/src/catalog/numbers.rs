//! Numbers between the program and SQLite, whose integers are signed 64-bit: an unsigned number is kept as the signed one with the
//! same bits, so that every value comes back, also a hostile position beyond 2^63. Such columns are never compared in SQL.

use std::time::{SystemTime, UNIX_EPOCH};

/// As SQLite keeps it.
pub(crate) fn signed(number: u64) -> i64 {
    number.cast_signed()
}

/// As the program has it.
pub(crate) fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}

/// A 32-bit number from SQLite; a value outside its range is a damaged row.
pub(crate) fn small(number: i64, column: &'static str) -> Result<u32, sqlx::Error> {
    u32::try_from(number).map_err(|error| damaged(column, error))
}

/// A row that this program did not write.
pub(crate) fn damaged(column: &'static str, error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(error) }
}

/// The clock, ns since the Unix epoch; 0 for a clock before it.
pub(crate) fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
