//! The store: it takes batches exactly once, keeps them, and answers what it is asked within a scope.
//!
//! ```text
//! doors ─► append (marks, seq) ─► wal (fdatasync) ─► live buffers ─► flush ─► splits
//!            ▲                                          │                      │
//!         registry (tokens, owners, scopes)          search: one predicate over both ─► rows, counts, tail
//!            └────────────── catalog: SQLite, one transaction per publication
//! ```

pub mod append;
pub mod audit;
pub mod backup;
pub mod catalog;
mod completeness;
pub mod doors;
mod engine;
pub mod erase;
pub mod excerpts;
mod filter;
mod flush;
mod folder;
pub mod indexer;
mod instances;
mod lag;
pub mod live;
mod nodes;
pub mod overview;
pub mod registry;
mod release;
mod replay;
mod reserve;
pub mod row;
pub mod search;
pub mod shelf;
pub mod split;
pub mod stats;
pub mod store;
pub mod usage;
pub mod wal;
mod watermark;

pub use folder::{FolderError, MANIFEST};
pub use indexer::{Indexer, OpenError, Options, Unavailable};
pub use watermark::Room;
