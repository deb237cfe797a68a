//! The query language, the HTTP API for readers, and the web page.

pub mod http;
