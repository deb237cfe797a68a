//! The collector between a fake node and a fake server, over real files and real sockets.

// A test fails loudly, and so does its harness; what is skipped is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "cases/basics.rs"]
mod basics;
#[path = "cases/field.rs"]
mod field;
#[path = "cases/kubelet.rs"]
mod kubelet;
#[path = "cases/kubernetes.rs"]
mod kubernetes;
#[path = "cases/outages.rs"]
mod outages;
#[path = "cases/policies.rs"]
mod policies;
#[path = "cases/random.rs"]
mod random;
#[path = "cases/rotation.rs"]
mod rotation;
#[path = "cases/spool.rs"]
mod spool;
mod support;
