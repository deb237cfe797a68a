//! Records of who asked what. See [`crate::audit`].

use super::numbers::now_ns;
use super::{Catalog, CatalogError};
use crate::audit::{ALL_MAX, Action, Concerned, Eye, KEPT, OF_ONE_MAX, Record, Who};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};
use std::collections::HashMap;
use std::sync::Arc;

/// Which records.
#[derive(Debug)]
pub(crate) struct AuditPage {
    /// First time, ns, included.
    pub(crate) from_ns: i64,
    /// Last time, ns, excluded.
    pub(crate) to_ns: i64,
    pub(crate) action: Option<&'static str>,
    pub(crate) limit: u32,
}

/// One record; of one that is there, what changes while it is answered. The text stays as it is, for it may have been erased.
const PUT: &str = "INSERT INTO audit (id, last_ns, times, action, weighty, kind, token, note, partner, instances, query, erased, subject, \
    from_ns, to_ns, row_count, byte_count, duration_ms, outcome, remote, request_id, everything, quotable_to) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT DO UPDATE SET last_ns = excluded.last_ns, times = excluded.times, from_ns = excluded.from_ns, to_ns = excluded.to_ns, \
    row_count = excluded.row_count, byte_count = excluded.byte_count, duration_ms = excluded.duration_ms, outcome = excluded.outcome, \
    everything = excluded.everything, quotable_to = excluded.quotable_to";

impl Catalog {
    /// What a crash cut off is told as that; the newest id.
    pub(crate) async fn open_audit(&self) -> Result<i64, CatalogError> {
        let cut_off = sqlx::query("UPDATE audit SET outcome = 'cut off' WHERE outcome = 'begun'").execute(&self.pool).await;
        if let Err(error) = cut_off {
            // On a full disk the store starts all the same; the next start tells it.
            let error = self.failed("cannot change records", error);
            tracing::warn!(%error, "which questions the end of the last run cut off is not told yet");
        }
        let newest = sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM audit").fetch_one(&self.pool).await;
        newest.map_err(|error| self.failed("cannot read who asked what", error))
    }

    /// One transaction: these records are there as they are now.
    pub(crate) async fn put_audit(&self, records: &[Record]) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            for record in records {
                put(&mut transaction, record).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot keep who asked what", error))
    }

    /// Records that somebody may read, newest first.
    pub(crate) async fn audit_page(&self, eye: &Eye<'_>, page: &AuditPage) -> Result<Vec<Record>, CatalogError> {
        let read = async {
            let mut records = select(eye, page, self).await?;
            for record in &mut records {
                record.concerned = concerned(&self.pool, record.id).await?;
            }
            Ok(records)
        };
        read.await.map_err(|error| self.failed("cannot read who asked what", error))
    }

    /// How often each of these excerpts was opened, and when the last time.
    pub(crate) async fn times_opened(&self, excerpts: &[String]) -> Result<HashMap<String, (u64, Option<i64>)>, CatalogError> {
        let read = async {
            let all = "SELECT subject, count(*), max(id) FROM audit WHERE action = ?1 AND subject IN (SELECT value FROM json_each(?2)) GROUP BY subject";
            let excerpts = serde_json::to_string(excerpts).unwrap_or_default();
            let rows = sqlx::query(all).bind(Action::ExcerptOpened.as_str()).bind(excerpts).fetch_all(&self.pool).await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, (count(row.try_get(1)?), row.try_get(2)?)))).collect::<Result<_, sqlx::Error>>()
        };
        read.await.map_err(|error| self.failed("cannot read who opened an excerpt", error))
    }

    /// Removes what is too old or too much.
    pub(crate) async fn prune_audit(&self) -> Result<(), CatalogError> {
        let work = async {
            let kept_ns = i64::try_from(KEPT.as_nanos()).unwrap_or(i64::MAX);
            sqlx::query("DELETE FROM audit WHERE id < ?").bind(now_ns().saturating_sub(kept_ns)).execute(&self.pool).await?;
            let over = "SELECT DISTINCT partner, weighty FROM audit GROUP BY partner, weighty HAVING count(*) > ?";
            for row in sqlx::query(over).bind(OF_ONE_MAX).fetch_all(&self.pool).await? {
                let (partner, weighty): (Option<&str>, i64) = (row.try_get(0)?, row.try_get(1)?);
                let first_kept = "SELECT id FROM audit WHERE partner IS ?1 AND weighty = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3";
                let remove = format!("DELETE FROM audit WHERE partner IS ?1 AND weighty = ?2 AND id <= ({first_kept})");
                sqlx::query(AssertSqlSafe(remove)).bind(partner).bind(weighty).bind(OF_ONE_MAX).execute(&self.pool).await?;
            }
            let remove = "DELETE FROM audit WHERE id <= (SELECT id FROM audit ORDER BY id DESC LIMIT 1 OFFSET ?)";
            sqlx::query(remove).bind(ALL_MAX).execute(&self.pool).await
        };
        work.await.map(drop).map_err(|error| self.failed("cannot remove old records", error))
    }

    /// One transaction: nothing of a partner is in the records, and those that `gone` picks have lost their texts.
    pub(crate) async fn forget_partner_in_audit(&self, partner: &str, gone: impl Fn(&Record) -> bool) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            for statement in [
                "DELETE FROM audit WHERE partner = ?",
                "DELETE FROM audit_concerned WHERE partner = ?",
                "UPDATE audit SET quotable_to = NULL, query = NULL, note = NULL, erased = 1 WHERE quotable_to = ?",
            ] {
                sqlx::query(statement).bind(partner).execute(&mut *transaction).await?;
            }
            forget_texts(&mut transaction, gone).await?;
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot forget what a partner asked", error))
    }

    /// One transaction: the records that `gone` picks have lost their texts.
    pub(crate) async fn forget_texts_in_audit(&self, gone: impl Fn(&Record) -> bool) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            forget_texts(&mut transaction, gone).await?;
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot forget what was asked", error))
    }
}

async fn forget_texts(connection: &mut SqliteConnection, gone: impl Fn(&Record) -> bool) -> Result<(), sqlx::Error> {
    // A piece at a time: there may be half a million.
    let mut after = i64::MIN;
    loop {
        let some = "SELECT * FROM audit WHERE id > ? AND (query IS NOT NULL OR note IS NOT NULL) ORDER BY id LIMIT 5000";
        let rows = sqlx::query(some).bind(after).fetch_all(&mut *connection).await?;
        for row in &rows {
            let record = read(row)?;
            after = record.id;
            if gone(&record) {
                let forget = "UPDATE audit SET query = NULL, note = NULL, erased = 1 WHERE id = ?";
                sqlx::query(forget).bind(record.id).execute(&mut *connection).await?;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
    }
}

async fn put(connection: &mut SqliteConnection, record: &Record) -> Result<(), sqlx::Error> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query(PUT)
        .bind(record.id)
        .bind(record.last_ns)
        .bind(number(record.times))
        .bind(record.action.as_str())
        .bind(!record.action.is_ordinary())
        .bind(record.who.as_str())
        .bind(&*record.token)
        .bind(&record.note)
        .bind(record.partner.as_deref())
        .bind(&record.instances)
        .bind(&record.query)
        .bind(record.erased)
        .bind(&record.subject)
        .bind(record.range.map(|(from, _)| from))
        .bind(record.range.map(|(_, to)| to))
        .bind(number(record.rows))
        .bind(number(record.bytes))
        .bind(number(record.duration_ms))
        .bind(&record.outcome)
        .bind(&record.remote)
        .bind(&record.request_id)
        .bind(record.everything)
        .bind(record.quotable_to.as_deref())
        .execute(&mut *connection)
        .await?;
    for ((partner, instance), (rows, bytes)) in &record.concerned {
        let statement = "INSERT INTO audit_concerned (record, partner, instance, row_count, byte_count) VALUES (?, ?, ?, ?, ?) \
            ON CONFLICT DO UPDATE SET row_count = excluded.row_count, byte_count = excluded.byte_count";
        let bound = sqlx::query(statement).bind(record.id).bind(&**partner).bind(&**instance).bind(number(*rows)).bind(number(*bytes));
        bound.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn select(eye: &Eye<'_>, page: &AuditPage, catalog: &Catalog) -> Result<Vec<Record>, sqlx::Error> {
    const RANGE: &str = "id >= ?1 AND id < ?2 AND (?3 IS NULL OR action = ?3)";
    const LAST: &str = "ORDER BY id DESC LIMIT ?4";
    let own = match eye {
        Eye::Staff => "1",
        Eye::Partner { .. } => {
            "(partner = ?5 OR (partner IS NULL AND id >= ?6 AND (everything = 1 OR id IN (SELECT record FROM audit_concerned WHERE partner = ?5))))"
        }
        Eye::Instances { .. } => {
            "(token = ?7 OR ((partner = ?5 OR partner IS NULL) AND id >= ?6 AND (everything = 1 OR id IN \
             (SELECT record FROM audit_concerned WHERE partner = ?5 AND instance IN (SELECT value FROM json_each(?8))))))"
        }
    };
    let statement = format!("SELECT * FROM audit WHERE {RANGE} AND {own} {LAST}");
    let query = sqlx::query(AssertSqlSafe(statement)).bind(page.from_ns).bind(page.to_ns).bind(page.action).bind(page.limit);
    let query = match eye {
        Eye::Staff => query,
        Eye::Partner { partner, since_ns } => query.bind(*partner).bind(*since_ns),
        Eye::Instances { partner, since_ns, token, instances } => {
            let instances = serde_json::to_string(instances).unwrap_or_default();
            query.bind(*partner).bind(*since_ns).bind(*token).bind(instances)
        }
    };
    query.fetch_all(&catalog.pool).await?.iter().map(read).collect()
}

async fn concerned(pool: &sqlx::SqlitePool, id: i64) -> Result<Concerned, sqlx::Error> {
    let rows = sqlx::query("SELECT partner, instance, row_count, byte_count FROM audit_concerned WHERE record = ?").bind(id);
    let one = |row: &SqliteRow| {
        let (partner, instance): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        Ok(((partner.into(), instance.into()), (count(row.try_get(2)?), count(row.try_get(3)?))))
    };
    rows.fetch_all(pool).await?.iter().map(one).collect()
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A record without whom it concerned.
fn read(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let (action, who): (&str, &str) = (row.try_get("action")?, row.try_get("kind")?);
    let shared = |column: &'static str| row.try_get::<Option<&str>, _>(column).map(|text| text.map(Arc::<str>::from));
    let range: (Option<i64>, Option<i64>) = (row.try_get("from_ns")?, row.try_get("to_ns")?);
    Ok(Record {
        id: row.try_get("id")?,
        last_ns: row.try_get("last_ns")?,
        times: count(row.try_get("times")?),
        // Written by a later version: it is told at least that there was something.
        action: Action::from_word(action).unwrap_or(Action::Lost),
        who: Who::from_word(who),
        token: shared("token")?.unwrap_or_default(),
        note: row.try_get("note")?,
        partner: shared("partner")?,
        instances: row.try_get("instances")?,
        query: row.try_get("query")?,
        erased: row.try_get("erased")?,
        subject: row.try_get("subject")?,
        range: range.0.zip(range.1),
        rows: count(row.try_get("row_count")?),
        bytes: count(row.try_get("byte_count")?),
        duration_ms: count(row.try_get("duration_ms")?),
        outcome: row.try_get("outcome")?,
        remote: row.try_get("remote")?,
        request_id: row.try_get("request_id")?,
        everything: row.try_get("everything")?,
        quotable_to: shared("quotable_to")?,
        concerned: Concerned::new(),
    })
}
