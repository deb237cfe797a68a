//! The query language, the HTTP API for readers, and the web page.
//!
//! ```text
//! text ─► lang (a tree with spans) ─► plan (predicate, time, steps, warnings) ─► indexer, within the scope of the token ─► rows, counts, tail
//!                                        http: one file for each endpoint                                             └► pipes ─► a table
//! ```
//!
//! `openid` lets people sign in through a provider, without a token of their own: it says who somebody is, and the registry makes the scope.
//! `logql` makes text of the own language out of Loki's, and `http/loki` answers Grafana and `logcli` in Loki's forms.
//!
//! The scope is not part of the plan: it is a value that only the registry makes, handed beside the plan to `Indexer::search`, `histogram` and `tail`,
//! which have no form without it. So there is one place where a query and what its author may read come together, and it is not here.

pub mod buckets;
pub mod http;
pub mod lang;
pub mod logql;
pub mod openid;
mod pipes;
pub mod plan;
pub mod time;
