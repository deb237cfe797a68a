//! A question under way: what its answer gave is counted here, and recorded when it ends, however it does.

use super::{Action, Audit, CONCERNED_MAX, QUERY_BYTES_MAX, Reach, Record, Who};
use crate::catalog::CatalogError;
use crate::catalog::numbers::now_ns;
use crate::excerpts::Excerpt;
use crate::registry::Scope;
use crate::row::Owner;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// From where a request came.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// The peer's address; behind a proxy, the proxy's.
    pub remote: Option<IpAddr>,
    /// What the request is called, by its sender or else by the server.
    pub request_id: String,
}

/// What is asked.
#[derive(Debug)]
pub struct Question {
    /// What is done.
    pub action: Action,
    /// The text of the query.
    pub query: Option<String>,
    /// `[from, to)`, ns since the epoch.
    pub range: Option<(i64, i64)>,
    /// The id of what is made, opened or revoked.
    pub subject: Option<String>,
    /// Whose lines are looked at.
    pub reach: Reach,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Complete,
    /// With this problem.
    Failed(&'static str),
    /// Its reader went away.
    Cancelled,
}

impl Ended {
    fn text(self) -> Cow<'static, str> {
        match self {
            Self::Complete => "complete".into(),
            Self::Failed(code) => format!("failed: {code}").into(),
            Self::Cancelled => "cancelled".into(),
        }
    }
}

/// See the module. One that is dropped was cancelled.
#[derive(Debug)]
pub struct Open {
    audit: Audit,
    record: Option<Record>,
    began: Instant,
}

impl Audit {
    /// Begins a question; it is recorded when the value ends.
    #[must_use]
    pub fn begin(&self, scope: &Scope, asker: &Asker, question: Question) -> Open {
        let note = self.shared.registry.own_token(&scope.token).and_then(|token| token.note.clone());
        let who = if scope.is_staff() { Who::Staff } else { Who::Partner };
        let mut record = self.record(who, Arc::clone(&scope.token), asker, question);
        record.partner = scope.partner().map(Arc::from);
        record.instances = scope.instances().and_then(|set| serde_json::to_string(set).ok());
        record.note = note;
        if scope.is_staff() && !record.everything {
            record.quotable_to = self.quotable_to(&record);
        }
        Open { audit: self.clone(), record: Some(record), began: Instant::now() }
    }

    /// Begins the reading of an excerpt by somebody who has its secret.
    #[must_use]
    pub fn begin_excerpt(&self, excerpt: &Excerpt, asker: &Asker) -> Open {
        let question = Question {
            action: Action::ExcerptOpened,
            query: None,
            range: None,
            subject: Some(excerpt.id.clone()),
            reach: Reach::nothing(),
        };
        let mut record = self.record(Who::Excerpt, Arc::clone(&excerpt.token), asker, question);
        record.partner.clone_from(&excerpt.partner);
        Open { audit: self.clone(), record: Some(record), began: Instant::now() }
    }

    fn record(&self, who: Who, token: Arc<str>, asker: &Asker, question: Question) -> Record {
        let id = self.shared.memory.lock().next_id();
        let (everything, concerned) = match question.reach {
            Reach::Everything => (true, BTreeMap::new()),
            Reach::Instances(named) => (false, named.into_iter().map(|whose| (whose, (0, 0))).collect()),
        };
        Record {
            id,
            last_ns: id,
            times: 1,
            action: question.action,
            who,
            token,
            note: None,
            partner: None,
            instances: None,
            query: question.query.map(shortened),
            erased: false,
            subject: question.subject,
            range: question.range,
            rows: 0,
            bytes: 0,
            duration_ms: 0,
            outcome: "begun".to_owned(),
            remote: asker.remote.map(|remote| remote.to_string()),
            request_id: Some(asker.request_id.clone()).filter(|id| !id.is_empty()),
            everything,
            quotable_to: None,
            concerned,
        }
    }

    /// Records something that is done already.
    ///
    /// # Errors
    /// When it cannot be written now; it is tried again.
    pub async fn happened(&self, scope: &Scope, asker: &Asker, question: Question) -> Result<(), CatalogError> {
        self.begin(scope, asker, question).end(Ended::Complete);
        self.write().await
    }
}

impl Open {
    /// Keeps the question before it is answered: durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written; then it must not be answered.
    pub async fn keep(&self) -> Result<(), CatalogError> {
        self.tell();
        self.audit.write().await
    }

    /// Has the question be seen before it ends.
    pub fn tell(&self) {
        if let Some(record) = &self.record {
            self.audit.take(record.clone());
        }
    }

    /// A row of the answer, of so many bytes.
    pub fn row(&mut self, owner: &Owner, bytes: usize) {
        let Some(record) = &mut self.record else { return };
        let bytes = bytes as u64;
        record.rows += 1;
        record.bytes += bytes;
        if owner.key.is_quarantine() {
            return;
        }
        let mut whose = (Arc::clone(&owner.key.partner), Arc::clone(&owner.instance));
        if record.concerned.len() >= CONCERNED_MAX && !record.concerned.contains_key(&whose) {
            whose.1 = Arc::default();
        }
        let counts = record.concerned.entry(whose).or_default();
        *counts = (counts.0 + 1, counts.1 + bytes);
    }

    /// So many rows and bytes that are no lines of anybody's: figures, names of fields.
    pub fn figures(&mut self, rows: usize, bytes: usize) {
        if let Some(record) = &mut self.record {
            record.rows += rows as u64;
            record.bytes += bytes as u64;
        }
    }

    /// The answer ended.
    pub fn end(mut self, how: Ended) {
        self.finish(how);
    }

    /// The same for who cannot give it away.
    pub fn finish(&mut self, how: Ended) {
        let Some(mut record) = self.record.take() else { return };
        record.duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        record.last_ns = record.last_ns.max(now_ns());
        record.outcome = how.text().into_owned();
        self.audit.take(record);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.finish(Ended::Cancelled);
    }
}

impl Audit {
    /// Takes a record into memory, without what is of a partner that has left meanwhile.
    fn take(&self, mut record: Record) {
        let registry = &self.shared.registry;
        if record.partner.as_ref().is_some_and(|partner| !registry.has_partner(partner)) {
            return;
        }
        record.concerned.retain(|(partner, _), _| registry.has_partner(partner));
        self.shared.memory.lock().take(record);
    }
}

/// A text that is kept: its beginning, where it is long.
fn shortened(mut text: String) -> String {
    if text.len() > QUERY_BYTES_MAX {
        let end = text.floor_char_boundary(QUERY_BYTES_MAX);
        text.truncate(end);
        text.push('…');
    }
    text
}
