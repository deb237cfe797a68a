//! Rows for the tests of this folder.

use crate::row::{ModuleKey, Origin, Owner, Row};
use martlog_formats::wire::{FileId, Substream};
use martlog_formats::{Problems, Record, Verdict};
use std::sync::Arc;

/// A row of module `sms` with this seq and time, arrived when it was said.
pub(crate) fn row(seq: u64, time_ns: i64) -> Row {
    let none: Arc<str> = "".into();
    let key = ModuleKey { partner: "acme".into(), module: "sms".into() };
    let owner = Owner { key, instance: "sms-1".into(), csp: none.clone(), environment: none.clone(), version: none.clone() };
    let origin = Origin {
        cluster: none.clone(),
        node: none.clone(),
        namespace: none.clone(),
        pod: none.clone(),
        pod_uid: none.clone(),
        container: none.clone(),
        restart: 0,
        substream: Substream::Stdout,
        file: FileId(0),
        file_name: none,
    };
    let record = Record {
        time_ns,
        runtime_time_ns: time_ns,
        severity: None,
        verdict: Verdict::Ok,
        problems: Problems::default(),
        redactions: Vec::new(),
        message: format!("line {seq}"),
        attributes: String::new(),
    };
    Row { seq, arrived_ns: time_ns, owner: Arc::new(owner), origin: Arc::new(origin), offset: 0, record }
}
