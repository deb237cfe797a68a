//! The integration tests: real processes of the binary, real files, real sockets. One binary, so that it links once.
//!
//! Each file tells one kind of story; the harness starts and kills the processes and keeps their data folder when a test fails.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails loudly and says what it measured; the exception for tests does not reach their helpers"
)]

#[path = "generator/mod.rs"]
mod generator;
mod harness;

mod backup;
mod broken_disk;
mod capture;
mod container;
mod crash;
mod deaths;
mod demo;
mod deployment;
mod disk;
mod erasure;
mod export;
mod field;
mod isolation;
mod journeys;
mod mistakes;
mod openid;
mod pipes;
mod runtime;
mod tail;
mod tidy;
mod tls;
