//! The integration tests.

mod generator;
