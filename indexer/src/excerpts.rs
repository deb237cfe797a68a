//! Excerpts: rows that a reader copied for somebody who has no token, such as for a ticket.
//!
//! An excerpt is frozen: its rows stay as they were when it was made, whatever retention removes. It is opened by its id and a secret that is told once, of which the SHA-256 is kept.
//! It ends when it expires, when it is revoked, and with the token that made it: nobody's link reaches further than its maker.
//!
//! Invariants: it holds rows of its maker's scope alone, since they come from a search within it. What an erasure takes out of the store it takes out of excerpts. Absent, revoked,
//! expired and opened with another secret are one answer.
//!
//! Bounds: see the constants; a store with all excerpts that may be there has a catalog of that much more.

use crate::Indexer;
use crate::audit::{Account, names_any};
use crate::catalog::CatalogError;
use crate::catalog::numbers::now_ns;
use crate::erase::AccountErasure;
use crate::registry::{Link, Scope};
use crate::row::Row;
use std::sync::Arc;
use std::time::Duration;

/// Rows of one at most: what somebody reads, no export.
pub const ROWS_MAX: usize = 1_000;
/// What the rows of one may take, bytes of their texts.
pub const BYTES_MAX: usize = 2 << 20;
/// Excerpts of one partner, or of staff, and bytes of them.
pub const OF_ONE_MAX: u64 = 200;
const OF_ONE_BYTES_MAX: u64 = 16 << 20;
/// All excerpts together, bytes: the catalog is copied whole for a backup.
const ALL_BYTES_MAX: u64 = 256 << 20;
/// The longest that one lasts: a ticket is closed by then.
pub const AGE_MAX: Duration = Duration::from_secs(90 * 86_400);

/// An excerpt without its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Its id, no secret.
    pub id: String,
    /// The token that made it.
    pub token: Arc<str>,
    /// The partner of that token's scope; `None` for staff.
    pub partner: Option<Arc<str>>,
    /// What its maker says about it.
    pub note: Option<String>,
    /// The query; `None` where an erasure took it away.
    pub query: Option<String>,
    /// `[from, to)`, ns since the epoch.
    pub range: (i64, i64),
    /// When it was made, ns since the epoch.
    pub created_ns: i64,
    /// When it ends, ns since the epoch.
    pub expires_ns: i64,
    /// The store's epoch, a part of its rows' ids.
    pub epoch: u64,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of their texts.
    pub bytes: u64,
    /// How complete the store was, as JSON.
    pub complete: String,
    /// Rows that were erased.
    pub erased: u64,
}

/// An excerpt to be made.
#[derive(Debug)]
pub struct NewExcerpt {
    /// Its id: [`new_id`].
    pub id: String,
    /// What its maker says about it.
    pub note: Option<String>,
    /// The query.
    pub query: String,
    /// `[from, to)`, ns since the epoch.
    pub range: (i64, i64),
    /// When it ends, ns since the epoch.
    pub expires_ns: i64,
    /// How complete the store was, as JSON.
    pub complete: String,
    /// The rows, which a search within the maker's scope found.
    pub rows: Vec<Row>,
}

/// Held from before the search for its rows until an excerpt is kept: an erasure waits for it, and takes out what it brought.
#[derive(Debug)]
pub struct Turn {
    _held: tokio::sync::OwnedRwLockReadGuard<()>,
}

/// What is there already.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) own: u64,
    pub(crate) own_bytes: u64,
    pub(crate) all_bytes: u64,
}

/// Why there is no excerpt.
#[derive(Debug, thiserror::Error)]
pub enum ExcerptError {
    /// A bound is met; the sentence says which and what to do.
    #[error("{0}")]
    Full(String),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// A new id.
#[must_use]
pub fn new_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// What a row takes in an excerpt, about.
#[must_use]
pub fn bytes_of(row: &Row) -> usize {
    256 + row.record.message.len() + row.record.attributes.len()
}

impl Indexer {
    /// The turn of one who makes an excerpt.
    pub async fn excerpt_turn(&self) -> Turn {
        Turn { _held: Arc::clone(&self.engine.excerpts).read_owned().await }
    }

    /// Keeps an excerpt; it and the secret that opens it, which is told now alone.
    ///
    /// # Errors
    /// When there are too many, or it cannot be kept.
    pub async fn make_excerpt(&self, scope: &Scope, turn: Turn, new: NewExcerpt) -> Result<(Excerpt, String), ExcerptError> {
        let bytes: u64 = new.rows.iter().map(|row| bytes_of(row) as u64).sum();
        // One at a time, so that the bounds hold.
        let _one = self.engine.excerpting.lock().await;
        self.catalog().expire_excerpts().await?;
        let taken = self.catalog().excerpts_taken(scope.partner()).await?;
        if taken.own >= OF_ONE_MAX || taken.own_bytes + bytes > OF_ONE_BYTES_MAX {
            let most = OF_ONE_BYTES_MAX >> 20;
            return Err(ExcerptError::Full(format!(
                "there are {} excerpts already: at most {OF_ONE_MAX}, and {most} MiB, are kept; revoke some, or let them expire",
                taken.own
            )));
        }
        if taken.all_bytes + bytes > ALL_BYTES_MAX {
            return Err(ExcerptError::Full("the server keeps no more excerpts now: its operator can revoke some".to_owned()));
        }
        let (secret, link) = Link::mint();
        // What is told of its end holds: it ends with its maker's token.
        let token_ends_ns = self.registry().own_token(scope.token_id()).and_then(|token| token.expires_ns);
        let excerpt = Excerpt {
            id: new.id,
            token: scope.token_id().into(),
            partner: scope.partner().map(Arc::from),
            note: new.note,
            query: Some(new.query),
            range: new.range,
            created_ns: now_ns(),
            expires_ns: new.expires_ns.min(token_ends_ns.unwrap_or(i64::MAX)),
            epoch: self.store().epoch(),
            rows: new.rows.len() as u64,
            bytes,
            complete: new.complete,
            erased: 0,
        };
        self.catalog().put_excerpt(&excerpt, link.digest(), &new.rows).await?;
        // A partner that began to leave meanwhile takes it along.
        if !self.registry().still_valid(scope) {
            self.catalog().remove_excerpt(&excerpt.id).await?;
            return Err(ExcerptError::Full("the token was revoked meanwhile".to_owned()));
        }
        drop(turn);
        Ok((excerpt, secret))
    }

    /// The excerpts that the scope made, newest first: those of its partner, of its own token where it is narrowed to instances, and all for staff.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn excerpts(&self, scope: &Scope) -> Result<Vec<Excerpt>, CatalogError> {
        let mut excerpts = self.catalog().excerpts().await?;
        excerpts.retain(|excerpt| self.holds(excerpt) && made_by(scope, excerpt));
        Ok(excerpts)
    }

    /// An excerpt with its rows, for whoever has its secret; `None` when there is none any more, or the secret is another's.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn open_excerpt(&self, id: &str, link: &Link) -> Result<Option<(Excerpt, Vec<Row>)>, CatalogError> {
        let opened = self.catalog().open_excerpt(id, link.digest()).await?;
        Ok(opened.filter(|(excerpt, _)| self.holds(excerpt)))
    }

    /// Takes an excerpt back at once; whether the scope had made it.
    ///
    /// # Errors
    /// When it is still there.
    pub async fn revoke_excerpt(&self, scope: &Scope, id: &str) -> Result<bool, CatalogError> {
        let own = self.excerpts(scope).await?.into_iter().any(|excerpt| excerpt.id == id);
        Ok(own && self.catalog().remove_excerpt(id).await?)
    }

    /// Whether it is still to be read.
    fn holds(&self, excerpt: &Excerpt) -> bool {
        now_ns() < excerpt.expires_ns && self.registry().token_holds(&excerpt.token)
    }
}

impl Indexer {
    /// Takes an account's rows out of every excerpt, and the texts that have its id. Called when the store has none of them any more.
    pub(crate) async fn forget_account_in_excerpts(&self, wanted: &AccountErasure) -> Result<(), CatalogError> {
        let _alone = self.engine.excerpts.write().await;
        let predicate = wanted.predicate();
        let erased = |row: &Row| (wanted.from_ns..wanted.to_ns).contains(&row.record.time_ns) && predicate.matches(row);
        let account = Account::new(&wanted.account);
        self.catalog().forget_rows_in_excerpts(erased, |text| account.is_in(text)).await
    }

    /// Takes everything of a partner out of every excerpt. Called when the store has nothing of it any more.
    pub(crate) async fn forget_partner_in_excerpts(
        &self,
        partner: &str,
        quarantines: &[Arc<str>],
        names: &[String],
    ) -> Result<(), CatalogError> {
        let _alone = self.engine.excerpts.write().await;
        self.catalog().forget_partner_in_excerpts(partner, quarantines, |text| names_any(text, names)).await
    }
}

fn made_by(scope: &Scope, excerpt: &Excerpt) -> bool {
    match scope.partner() {
        None => true,
        Some(_) if scope.instances().is_some() => *excerpt.token == *scope.token_id(),
        Some(own) => excerpt.partner.as_deref() == Some(own),
    }
}
