//! Records as their readers see them.
//!
//! ```text
//! staff             everything
//! a partner         what its own tokens asked, whole; of what staff asked and concerned it: what, when, and what of its own was in the answer
//! some instances    what its own token asked, whole; of others' questions that concerned its instances, the same
//! ```
//!
//! Invariant: what is told of somebody else's question is computed from what is the reader's own: no count, name or text of another partner's is in it.

use super::{Audit, Record};
use crate::catalog::{AuditPage, CatalogError};
use crate::registry::{Scope, time_text};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Which records.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// First time, ns, included.
    pub from_ns: i64,
    /// Last time, ns, excluded.
    pub to_ns: i64,
    /// Of this action alone.
    pub action: Option<super::Action>,
    /// Records at most.
    pub limit: u32,
    /// Only those before the one with this id.
    pub before: Option<i64>,
}

/// Who looks.
pub(crate) enum Eye<'a> {
    Staff,
    Partner { partner: &'a str, since_ns: i64 },
    Instances { partner: &'a str, since_ns: i64, token: &'a str, instances: Vec<Arc<str>> },
}

impl Audit {
    /// The records that the scope may read, newest first, as JSON, and the id to go on from, where there are more.
    ///
    /// # Errors
    /// When they cannot be read, or, before that, what is in memory cannot be written.
    pub async fn read(&self, scope: &Scope, wanted: &Wanted) -> Result<(Vec<Value>, Option<i64>), CatalogError> {
        self.write().await?;
        let eye = match scope.partner() {
            None => Eye::Staff,
            Some(partner) => {
                // A name that was given again does not show what was before.
                let since_ns = self.shared.registry.partner(scope, partner).map_or(i64::MAX, |partner| partner.created_ns);
                match scope.instances() {
                    None => Eye::Partner { partner, since_ns },
                    Some(instances) => {
                        Eye::Instances { partner, since_ns, token: scope.token_id(), instances: instances.iter().cloned().collect() }
                    }
                }
            }
        };
        let page = AuditPage {
            from_ns: wanted.from_ns,
            to_ns: wanted.to_ns.min(wanted.before.unwrap_or(i64::MAX)),
            action: wanted.action.map(super::Action::as_str),
            limit: wanted.limit.saturating_add(1),
        };
        let mut records = self.shared.catalog.audit_page(&eye, &page).await?;
        let more = records.len() > wanted.limit as usize;
        records.truncate(wanted.limit as usize);
        let next = records.last().map(|record| record.id).filter(|_| more);
        Ok((records.iter().map(|record| eye.show(record)).collect(), next))
    }
}

impl Audit {
    /// How often each of these excerpts was opened, and when the last time, ns since the epoch.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn times_opened(&self, excerpts: &[String]) -> Result<HashMap<String, (u64, Option<i64>)>, CatalogError> {
        self.write().await?;
        self.shared.catalog.times_opened(excerpts).await
    }
}

impl Eye<'_> {
    fn owns(&self, record: &Record) -> bool {
        match self {
            Self::Staff => true,
            Self::Partner { partner, .. } => record.partner.as_deref() == Some(*partner),
            Self::Instances { token, .. } => *record.token == **token,
        }
    }

    fn may_see(&self, partner: &str, instance: &str) -> bool {
        match self {
            Self::Staff => true,
            Self::Partner { partner: own, .. } => partner == *own,
            Self::Instances { partner: own, instances, .. } => partner == *own && instances.iter().any(|own| **own == *instance),
        }
    }

    fn show(&self, record: &Record) -> Value {
        let owns = self.owns(record);
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                shown.insert(name.to_owned(), value);
            }
        };
        put("id", record.id.to_string().into());
        put("time", time_text(record.id).into());
        put("last", (record.times > 1).then(|| time_text(record.last_ns)).into());
        put("times", record.times.into());
        put("action", record.action.as_str().into());
        put("kind", record.who.as_str().into());
        let quotable = match self {
            Self::Partner { partner, .. } => record.quotable_to.as_deref() == Some(*partner),
            Self::Staff | Self::Instances { .. } => false,
        };
        put("token", if owns { json!(record.token) } else { json!(record.who.as_str()) });
        if owns {
            put("partner", json!(record.partner));
            put("instances", record.instances.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default());
            // Else it would tell that there is something beside the reader's own.
            put("everything", record.everything.into());
            put("duration_ms", record.duration_ms.into());
            put("remote", json!(record.remote));
            put("request_id", json!(record.request_id));
        }
        if owns || quotable {
            put("note", json!(record.note));
            put("query", json!(record.query));
            put("query_erased", record.erased.then_some(true).into());
            put("subject", json!(record.subject));
        }
        put("from", record.range.map(|(from, _)| time_text(from)).into());
        put("to", record.range.map(|(_, to)| time_text(to)).into());
        put("outcome", json!(record.outcome));
        let concerned: Vec<_> = record.concerned.iter().filter(|((partner, instance), _)| self.may_see(partner, instance)).collect();
        let (rows, bytes) = match owns {
            true => (record.rows, record.bytes),
            false => concerned.iter().fold((0, 0), |sum, (_, (rows, bytes))| (sum.0 + rows, sum.1 + bytes)),
        };
        put("rows", rows.into());
        put("bytes", bytes.into());
        put("concerned", concerned.into_iter().map(|((partner, instance), counts)| part(partner, instance, *counts)).collect());
        Value::Object(shown)
    }
}

/// What of an answer was of one instance; an empty one is all of the partner's.
fn part(partner: &str, instance: &str, (rows, bytes): (u64, u64)) -> Value {
    let mut part = json!({ "partner": partner, "rows": rows, "bytes": bytes });
    if !instance.is_empty() {
        part["instance"] = json!(instance);
    }
    part
}
