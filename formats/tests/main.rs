//! The tests of the format, as its users see it.

// Tests may fail loudly, in their helpers too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod basics;
mod corpus;
mod docs;
mod joining;
mod personal;
mod places;
mod policies;
mod properties;
mod schema;
mod values;
mod wire;
