//! Search: one predicate over live buffers and splits alike.
//!
//! ```text
//! predicate, matches   what a row must be like, and whether one is                    a row in memory, wherever it came from
//! narrow               what a split's index alone can say of it: surely, maybe, no    three-valued, per block
//! gate                 what of a module may be looked at: scope, time, arrival        the one place where the scope is asked
//! source               which rows of a chunk or split match
//! ordered              a chunk or split as an ordered run of matching rows
//! run                  rows in order over all of them, with an early stop
//! histogram            counts over time
//! tail, catchup        rows as they arrive
//! ```

mod catchup;
mod entry;
#[cfg(test)]
mod entry_tests;
mod gate;
mod histogram;
mod matches;
mod narrow;
#[cfg(test)]
mod narrow_tests;
mod ordered;
pub mod predicate;
pub mod request;
mod run;
pub(crate) mod scalars;
mod source;
mod tail;
#[cfg(test)]
mod tail_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod ticker;
mod turn;

pub use predicate::{Field, Predicate, Test};
pub use request::{Bucket, Event, Histogram, HistogramRequest, Order, SearchRequest, Summary, TailCursor, TailEvent, TailRequest};
