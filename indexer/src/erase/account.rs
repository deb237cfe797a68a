//! One account's rows: found by the search that readers use, taken out of the splits that have them.
//!
//! A row is the account's when a field for accounts, phone numbers or subscribers (`account_id`, `msisdn`, `imsi`, aliases and spellings included) equals the value, or when
//! its text has the value as words side by side. A short value (fewer than [`TEXT_CHARS_MIN`] letters and digits) is looked for in fields alone: "42" is a word of many
//! lines that are nobody's. A value inside a longer word is another one.

use super::{DryRun, EraseError, Erased, Erasure, Kind, scrub};
use crate::Indexer;
use crate::flush::Built;
use crate::registry::{RegistryError, Scope};
use crate::row::{ModuleKey, Owner, Row, RowRef};
use crate::search::predicate::{Field, Predicate, Stamp, Test};
use crate::search::request::{Event, Order, SearchError, SearchRequest};
use martlog_formats::{fields, words};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Letters and digits from which a value is looked for in texts, too.
const TEXT_CHARS_MIN: usize = 6;
/// The longest value, bytes.
const ACCOUNT_BYTES_MAX: usize = 200;
/// The fields that name somebody.
const IDENTITIES: [&str; 3] = ["account_id", "msisdn", "imsi"];
/// How long finding the rows may take.
const SEARCH_MAX: Duration = Duration::from_secs(6 * 3600);
const DAY_NS: i64 = 86_400_000_000_000;

/// Which rows are to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountErasure {
    /// The account's id, phone number or subscriber's number, in any spelling.
    pub account: String,
    /// Of this telco alone.
    pub csp: Option<String>,
    /// Of this partner's modules alone.
    pub partner: Option<String>,
    /// First time, ns, included.
    pub from_ns: i64,
    /// Last time, ns, excluded.
    pub to_ns: i64,
}

/// Rows by whose they were and the UTC day: how many.
type Counts = BTreeMap<(ModuleKey, Arc<str>, i64), u64>;

impl AccountErasure {
    /// Whether texts are searched, too.
    #[must_use]
    pub fn looks_at_texts(&self) -> bool {
        self.account.chars().filter(|char| char.is_alphanumeric()).count() >= TEXT_CHARS_MIN
    }

    fn check(&self) -> Result<(), RegistryError> {
        let invalid = |field: &str, reason: &str| Err(RegistryError::Invalid { field: field.to_owned(), reason: reason.to_owned() });
        if self.account.len() > ACCOUNT_BYTES_MAX || words::words(&self.account).next().is_none() {
            return invalid("account", "must be an id of 1 to 200 bytes, with letters or digits in it");
        }
        if self.from_ns >= self.to_ns {
            return invalid("to", "must be after `from`");
        }
        Ok(())
    }

    pub(crate) fn predicate(&self) -> Predicate {
        let equals = |name: &&str| Predicate::Field(Field::Attribute((*name).to_owned()), Test::Equals(self.account.clone()));
        let mut any: Vec<Predicate> = IDENTITIES.iter().map(equals).collect();
        if self.looks_at_texts() {
            any.extend(fields::EXACT_FIELDS.iter().filter(|name| !IDENTITIES.contains(name)).map(equals));
            let spelled: HashSet<Vec<String>> = IDENTITIES
                .iter()
                .map(|name| fields::normalise_id(name, &self.account).into_owned())
                .chain([self.account.clone()])
                .map(|text| words::words(&text).map(std::borrow::Cow::into_owned).collect())
                .collect();
            any.extend(spelled.into_iter().filter(|phrase| !phrase.is_empty()).map(Predicate::Phrase));
        }
        let stamped = |stamp, value: &Option<String>| value.clone().map(|value| Predicate::Field(Field::Stamp(stamp), Test::Equals(value)));
        let mut all = vec![Predicate::Or(any)];
        all.extend(stamped(Stamp::Csp, &self.csp));
        all.extend(stamped(Stamp::Partner, &self.partner));
        Predicate::And(all)
    }
}

impl Indexer {
    /// How many rows an erasure would take away now, and whose: `{"dry_run":true,"rows","texts","erased":[…]}`.
    ///
    /// # Errors
    /// When the request is invalid or the rows cannot be found.
    pub async fn count_account(&self, scope: &Scope, wanted: &AccountErasure) -> Result<DryRun, EraseError> {
        wanted.check()?;
        let mut counts = Counts::new();
        self.each_row(scope, wanted, None, |row| *counts.entry(place(RowRef::from(row))).or_default() += 1).await?;
        let erased: Vec<_> = tombstones("", counts).iter().map(Erased::told).collect();
        let rows: u64 = erased.iter().map(|erased| erased.rows).sum();
        Ok(DryRun { dry_run: true, rows, texts: wanted.looks_at_texts(), erased })
    }

    /// Begins to erase an account's rows: all that had arrived by now. Returns the id under which it is reported.
    ///
    /// # Errors
    /// When the request is invalid or cannot be kept; then nothing is erased.
    pub async fn begin_account_erasure(
        &self,
        scope: &Scope,
        wanted: &AccountErasure,
        reference: Option<String>,
    ) -> Result<String, EraseError> {
        wanted.check()?;
        let request = serde_json::to_string(wanted).map_err(io::Error::other)?;
        let erasure = Erasure::new(Kind::Account, request, reference, scope);
        self.engine.catalog.begin_erasure(&erasure).await?;
        let id = erasure.id.clone();
        self.start(erasure);
        Ok(id)
    }

    pub(super) async fn erase_account(&self, id: &str, request: &str) -> Result<u64, EraseError> {
        let wanted: AccountErasure = serde_json::from_str(request).map_err(io::Error::other)?;
        let engine = &self.engine;
        let begun = scrub::begin(engine).await?;
        engine.flush().await?;
        let scope = engine.registry.upkeep_scope();
        let as_of_ns = self.store.view(&scope, false).as_of_ns;
        let mut found: HashMap<ModuleKey, HashSet<u64>> = HashMap::new();
        self.each_row(&scope, &wanted, Some(as_of_ns), |row| {
            found.entry(row.owner.key.clone()).or_default().insert(row.seq);
        })
        .await?;
        for (key, seqs) in found {
            self.take_out(id, &key, Arc::new(seqs)).await?;
        }
        engine.audit.forget_account(&wanted.account).await?;
        self.forget_account_in_excerpts(&wanted).await?;
        // A merge that read the rows before has not published them, and its file is gone when this is had.
        drop(engine.publisher.hold_rewriting().await);
        scrub::drop_snapshot(engine).await?;
        scrub::finish(engine, &begun).await?;
        let erased = engine.catalog.erased().await?;
        Ok(erased.iter().filter(|erased| erased.erasure == id).map(|erased| erased.rows).sum())
    }

    /// Hands out every row that is to go, in the quarantine too.
    async fn each_row(
        &self,
        scope: &Scope,
        wanted: &AccountErasure,
        as_of_ns: Option<i64>,
        mut each: impl FnMut(&Row),
    ) -> Result<(), EraseError> {
        let predicate = Arc::new(wanted.predicate());
        for quarantine in [false, true] {
            let request = SearchRequest {
                predicate: Arc::clone(&predicate),
                from_ns: wanted.from_ns,
                to_ns: wanted.to_ns,
                order: Order::OldestFirst,
                limit: usize::MAX,
                after: None,
                as_of_ns,
                count: false,
                quarantine,
                deadline: Instant::now() + SEARCH_MAX,
            };
            let mut events = self.search(scope, request);
            loop {
                match events.recv().await {
                    Some(Event::Row(row)) => each(&row),
                    Some(Event::Progress { .. }) => {}
                    Some(Event::Summary(_)) => break,
                    Some(Event::Error(error)) => return Err(error.into()),
                    None => return Err(SearchError::Store("the search broke off".to_owned()).into()),
                }
            }
        }
        Ok(())
    }

    /// Takes rows out of every split of a module that has some of them.
    async fn take_out(&self, id: &str, key: &ModuleKey, seqs: Arc<HashSet<u64>>) -> Result<(), EraseError> {
        let mut clean: HashSet<String> = HashSet::new();
        loop {
            // Asked anew each time: a merge may have put others in their place.
            let splits = self.store.module(key).map(|module| module.splits).unwrap_or_default();
            let Some(split) = splits.into_iter().find(|split| !clean.contains(&split.meta.id)) else { return Ok(()) };
            clean.insert(split.meta.id.clone());
            if !seqs.iter().any(|seq| (split.meta.seq_from..split.meta.seq_to).contains(seq)) {
                continue;
            }
            let (module, gone, reading) = (key.clone(), Arc::clone(&seqs), Arc::clone(&split));
            let built = self.engine.publisher.build(move |folder| {
                let rows = reading.open()?.rows()?;
                let (gone, left): (Vec<_>, Vec<_>) = rows.iter().map(RowRef::from).partition(|row| gone.contains(&row.seq));
                if gone.is_empty() {
                    return Ok(None);
                }
                let mut counts = Counts::new();
                gone.iter().for_each(|row| *counts.entry(place(*row)).or_default() += 1);
                let built = if left.is_empty() { None } else { Some(Built::of(folder, &module, &left)?) };
                Ok(Some((built, counts)))
            });
            let Some((left, counts)) = built.await? else { continue };
            let replaced = self.engine.publisher.replace_erased(key, left, &split.meta, &tombstones(id, counts)).await?;
            tracing::debug!(module = &*key.module, split = split.meta.id, replaced, "took rows out of a split");
        }
    }
}

/// Whose a row is, and its day.
fn place(row: RowRef<'_>) -> (ModuleKey, Arc<str>, i64) {
    let day = row.time_ns.div_euclid(DAY_NS).saturating_mul(DAY_NS);
    (row.owner.key.clone(), Arc::clone(&row.owner.instance), day)
}

fn tombstones(id: &str, counts: Counts) -> Vec<Erased> {
    let one = |((key, instance, day_ns), rows): ((ModuleKey, Arc<str>, i64), u64)| {
        let owner = Owner { key, instance, csp: Arc::default(), environment: Arc::default(), version: Arc::default() };
        Erased { erasure: id.to_owned(), owner: Arc::new(owner), day_ns, rows }
    };
    counts.into_iter().map(one).collect()
}
