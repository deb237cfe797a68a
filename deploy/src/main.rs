//! The binary `martlog`.
fn main() {}
