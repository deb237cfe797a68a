//! The integration tests of the store: real folders, the real WAL, the real catalog.

// Helpers of tests may fail as loudly as tests.
#![allow(clippy::unwrap_used, clippy::panic)]

mod append_model;
mod append_random;
mod carry;
mod disk_faults;
mod erase;
mod harness;
mod merging;
mod old_stores;
mod protocol;
mod release;
mod restart;
mod retention;
mod small;
