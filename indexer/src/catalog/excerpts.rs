//! Excerpts: rows that were copied for somebody else to read. See [`crate::excerpts`].

use super::numbers::{damaged, now_ns, signed, unsigned};
use super::{Catalog, CatalogError};
use crate::excerpts::{Excerpt, Taken};
use crate::row::{QUARANTINE, Row};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use std::sync::Arc;

/// The version of a row's bytes, ahead of them.
const VERSION: u8 = 1;
/// Rows that are looked at together.
const PIECE: i64 = 500;

impl Catalog {
    /// One transaction: an excerpt with its rows.
    pub(crate) async fn put_excerpt(&self, excerpt: &Excerpt, digest: &[u8], rows: &[Row]) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            sqlx::query(
                "INSERT INTO excerpts (id, digest, token, partner, note, query, from_ns, to_ns, created_ns, expires_ns, epoch, byte_count, complete, erased) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            )
            .bind(&excerpt.id)
            .bind(digest)
            .bind(&*excerpt.token)
            .bind(excerpt.partner.as_deref())
            .bind(&excerpt.note)
            .bind(&excerpt.query)
            .bind(excerpt.range.0)
            .bind(excerpt.range.1)
            .bind(excerpt.created_ns)
            .bind(excerpt.expires_ns)
            .bind(signed(excerpt.epoch))
            .bind(signed(excerpt.bytes))
            .bind(&excerpt.complete)
            .execute(&mut *transaction)
            .await?;
            for (place, row) in (0_i64..).zip(rows) {
                let statement = "INSERT INTO excerpt_rows (excerpt, place, partner, module, content) VALUES (?, ?, ?, ?, ?)";
                let key = &row.owner.key;
                let bound = sqlx::query(statement).bind(&excerpt.id).bind(place).bind(&*key.partner).bind(&*key.module);
                bound.bind(encode(row)?).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot keep an excerpt", error))
    }

    /// How many excerpts there are and what they take, of one partner or of staff, and the bytes of all.
    pub(crate) async fn excerpts_taken(&self, partner: Option<&str>) -> Result<Taken, CatalogError> {
        let read = async {
            let own = "SELECT count(*), coalesce(sum(byte_count), 0) FROM excerpts WHERE partner IS ?";
            let row = sqlx::query(own).bind(partner).fetch_one(&self.pool).await?;
            let all: i64 = sqlx::query_scalar("SELECT coalesce(sum(byte_count), 0) FROM excerpts").fetch_one(&self.pool).await?;
            Ok(Taken { own: unsigned(row.try_get(0)?), own_bytes: unsigned(row.try_get(1)?), all_bytes: unsigned(all) })
        };
        read.await.map_err(|error| self.failed("cannot read the excerpts", error))
    }

    /// The excerpts, newest first, each with how many rows it has.
    pub(crate) async fn excerpts(&self) -> Result<Vec<Excerpt>, CatalogError> {
        let all =
            "SELECT *, (SELECT count(*) FROM excerpt_rows WHERE excerpt = id) AS row_count FROM excerpts ORDER BY created_ns DESC, id";
        let rows = sqlx::query(all).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|error| self.failed("cannot read the excerpts", error))
    }

    /// The excerpt with this id that this secret opens, and its rows.
    pub(crate) async fn open_excerpt(&self, id: &str, digest: &[u8]) -> Result<Option<(Excerpt, Vec<Row>)>, CatalogError> {
        let work = async {
            let one = "SELECT *, 0 AS row_count FROM excerpts WHERE id = ? AND digest = ?";
            let Some(row) = sqlx::query(one).bind(id).bind(digest).fetch_optional(&self.pool).await? else { return Ok(None) };
            let excerpt = read(&row)?;
            let rows =
                sqlx::query("SELECT content FROM excerpt_rows WHERE excerpt = ? ORDER BY place").bind(id).fetch_all(&self.pool).await?;
            let rows = rows.iter().map(|row| decode(row.try_get("content")?)).collect::<Result<_, _>>()?;
            Ok(Some((excerpt, rows)))
        };
        work.await.map_err(|error| self.failed("cannot read an excerpt", error))
    }

    /// Takes an excerpt away; whether it was there.
    pub(crate) async fn remove_excerpt(&self, id: &str) -> Result<bool, CatalogError> {
        let work = sqlx::query("DELETE FROM excerpts WHERE id = ?").bind(id).execute(&self.pool).await;
        work.map(|done| done.rows_affected() > 0).map_err(|error| self.failed("cannot take an excerpt away", error))
    }

    /// Removes what has expired.
    pub(crate) async fn expire_excerpts(&self) -> Result<(), CatalogError> {
        let work = sqlx::query("DELETE FROM excerpts WHERE expires_ns <= ?").bind(now_ns()).execute(&self.pool).await;
        work.map(drop).map_err(|error| self.failed("cannot remove expired excerpts", error))
    }

    /// One transaction: nothing of a partner is in any excerpt, nor of these quarantines, and texts that `gone` picks are away.
    pub(crate) async fn forget_partner_in_excerpts(
        &self,
        partner: &str,
        quarantines: &[Arc<str>],
        gone: impl Fn(&str) -> bool,
    ) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            sqlx::query("DELETE FROM excerpts WHERE partner = ?").bind(partner).execute(&mut *transaction).await?;
            remove_rows(&mut transaction, "partner = ?", &[partner]).await?;
            for pod in quarantines {
                remove_rows(&mut transaction, "partner = ? AND module = ?", &[QUARANTINE, pod]).await?;
            }
            forget_texts(&mut transaction, gone).await?;
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot forget a partner's excerpts", error))
    }

    /// One transaction: rows that `erased` picks are in no excerpt, and texts that `gone` picks are away.
    pub(crate) async fn forget_rows_in_excerpts(
        &self,
        erased: impl Fn(&Row) -> bool,
        gone: impl Fn(&str) -> bool,
    ) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            let mut after = 0_i64;
            loop {
                let some = "SELECT rowid, excerpt, content FROM excerpt_rows WHERE rowid > ? ORDER BY rowid LIMIT ?";
                let rows = sqlx::query(some).bind(after).bind(PIECE).fetch_all(&mut *transaction).await?;
                for row in &rows {
                    after = row.try_get("rowid")?;
                    if erased(&decode(row.try_get("content")?)?) {
                        let excerpt: &str = row.try_get("excerpt")?;
                        sqlx::query("UPDATE excerpts SET erased = erased + 1 WHERE id = ?")
                            .bind(excerpt)
                            .execute(&mut *transaction)
                            .await?;
                        sqlx::query("DELETE FROM excerpt_rows WHERE rowid = ?").bind(after).execute(&mut *transaction).await?;
                    }
                }
                if rows.is_empty() {
                    break;
                }
            }
            forget_texts(&mut transaction, gone).await?;
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot erase rows of excerpts", error))
    }
}

/// Removes rows by whose they are, and says in their excerpts how many.
async fn remove_rows(connection: &mut SqliteConnection, of: &str, names: &[&str]) -> Result<(), sqlx::Error> {
    let count = format!(
        "UPDATE excerpts SET erased = erased + (SELECT count(*) FROM excerpt_rows WHERE excerpt = excerpts.id AND {of}) \
         WHERE id IN (SELECT excerpt FROM excerpt_rows WHERE {of})"
    );
    let twice = names.iter().chain(names);
    twice.fold(sqlx::query(sqlx::AssertSqlSafe(count)), |query, name| query.bind(*name)).execute(&mut *connection).await?;
    let remove = format!("DELETE FROM excerpt_rows WHERE {of}");
    names.iter().fold(sqlx::query(sqlx::AssertSqlSafe(remove)), |query, name| query.bind(*name)).execute(connection).await.map(drop)
}

async fn forget_texts(connection: &mut SqliteConnection, gone: impl Fn(&str) -> bool) -> Result<(), sqlx::Error> {
    for row in sqlx::query("SELECT id, note, query, complete FROM excerpts").fetch_all(&mut *connection).await? {
        let texts = [row.try_get::<Option<&str>, _>("note")?, row.try_get("query")?];
        if texts.into_iter().flatten().any(&gone) {
            let id: &str = row.try_get("id")?;
            sqlx::query("UPDATE excerpts SET note = NULL, query = NULL WHERE id = ?").bind(id).execute(&mut *connection).await?;
        }
        // The gaps that it names.
        if gone(row.try_get("complete")?) {
            let id: &str = row.try_get("id")?;
            sqlx::query("UPDATE excerpts SET complete = 'null' WHERE id = ?").bind(id).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

fn encode(row: &Row) -> Result<Vec<u8>, sqlx::Error> {
    postcard::to_extend(row, vec![VERSION]).map_err(|error| damaged("content", error))
}

fn decode(bytes: &[u8]) -> Result<Row, sqlx::Error> {
    match bytes.split_first() {
        Some((&VERSION, row)) => postcard::from_bytes(row).map_err(|error| damaged("content", error)),
        _ => Err(damaged("content", std::io::Error::other("a row of another version"))),
    }
}

fn read(row: &SqliteRow) -> Result<Excerpt, sqlx::Error> {
    Ok(Excerpt {
        id: row.try_get("id")?,
        token: row.try_get::<&str, _>("token")?.into(),
        partner: row.try_get::<Option<&str>, _>("partner")?.map(Arc::from),
        note: row.try_get("note")?,
        query: row.try_get("query")?,
        range: (row.try_get("from_ns")?, row.try_get("to_ns")?),
        created_ns: row.try_get("created_ns")?,
        expires_ns: row.try_get("expires_ns")?,
        epoch: unsigned(row.try_get("epoch")?),
        rows: unsigned(row.try_get("row_count")?),
        bytes: unsigned(row.try_get("byte_count")?),
        complete: row.try_get("complete")?,
        erased: unsigned(row.try_get("erased")?),
    })
}
