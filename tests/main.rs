//! The integration tests: real processes of the binary, real files, real sockets. One binary, so that it links once.
//!
//! Each file tells one kind of story; the harness starts and kills the processes and keeps their data folder when a test fails.

#[path = "generator/mod.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod generator;
mod harness;

mod capture;
mod crash;
mod demo;
mod field;
mod isolation;
mod journeys;
mod mistakes;
mod tidy;
