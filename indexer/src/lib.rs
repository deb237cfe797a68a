//! The store: it takes batches exactly once, keeps them, and answers what it is asked within a scope.
//!
//! ```text
//! doors ─► append (marks, seq) ─► wal (fdatasync) ─► live buffers ─► flush ─► splits
//!            ▲                                          │                      │
//!         registry (tokens, owners, scopes)          search: one predicate over both ─► rows, counts, tail
//!            └────────────── catalog: SQLite, one transaction per publication
//! ```

pub mod catalog;
pub mod doors;
pub mod indexer;
pub mod live;
pub mod registry;
pub mod row;
pub mod search;
pub mod split;
pub mod store;

pub use indexer::{Indexer, OpenError, Options, Unavailable};
