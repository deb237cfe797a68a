//! The commands that ask a server: search, stats, export, tail, admin.
//!
//! Log text is hostile: whatever of it reaches a terminal goes through [`render::clean`].

pub(crate) mod admin;
pub(crate) mod api;
mod audit;
pub(crate) mod export;
mod lines;
mod problem;
mod render;
pub(crate) mod search;
mod span;
mod sse;
pub(crate) mod stats;
pub(crate) mod tail;
mod tally;
mod why;
