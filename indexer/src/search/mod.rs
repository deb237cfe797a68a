//! Search: one predicate over live buffers and splits alike.

pub mod predicate;
pub mod request;

pub use predicate::{Field, Predicate, Test};
pub use request::{Bucket, Event, Histogram, HistogramRequest, Order, SearchRequest, Summary, TailCursor, TailEvent, TailRequest};
