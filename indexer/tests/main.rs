//! The integration tests of the store: real folders, the real WAL, the real catalog.

mod append_model;
mod append_random;
mod disk_faults;
mod harness;
mod protocol;
mod release;
mod restart;
