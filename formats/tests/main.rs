//! The tests of the format, as its users see it.

mod basics;
mod corpus;
mod joining;
mod properties;
mod schema;
mod wire;
