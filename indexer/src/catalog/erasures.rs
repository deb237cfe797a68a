//! Erasures: what is to be erased until it is, and how much was.
//!
//! The tombstones of a split's rows are written in the transaction that replaces the split, so they are counted once whatever is cut off where.

use super::numbers::{now_ns, signed, unsigned};
use super::{Catalog, CatalogError, FileMarks, Listing, marks, swap};
use crate::erase::{Erased, Erasure, Kind};
use crate::row::{ModuleKey, Owner, QUARANTINE};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use std::sync::Arc;

impl Catalog {
    /// Keeps what is to be erased, before anything is.
    pub(crate) async fn begin_erasure(&self, erasure: &Erasure) -> Result<(), CatalogError> {
        let statement =
            "INSERT INTO erasures (id, kind, request, reference, token, begun_ns, ended_ns, row_count) VALUES (?, ?, ?, ?, ?, ?, NULL, 0)";
        let work = sqlx::query(statement)
            .bind(&erasure.id)
            .bind(erasure.kind.as_str())
            .bind(erasure.request.as_deref())
            .bind(erasure.reference.as_deref())
            .bind(&*erasure.token)
            .bind(erasure.begun_ns)
            .execute(&self.pool)
            .await;
        work.map(drop).map_err(|error| self.failed("cannot keep an erasure", error))
    }

    /// Every erasure, oldest first.
    pub(crate) async fn erasures(&self) -> Result<Vec<Erasure>, CatalogError> {
        let rows = sqlx::query("SELECT * FROM erasures ORDER BY begun_ns, id").fetch_all(&self.pool).await;
        let erasures = rows.and_then(|rows| rows.iter().map(read).collect());
        erasures.map_err(|error| self.failed("cannot read the erasures", error))
    }

    /// The tombstones of every erasure.
    pub(crate) async fn erased(&self) -> Result<Vec<Erased>, CatalogError> {
        let rows = sqlx::query("SELECT * FROM erased_rows ORDER BY erasure, partner, module, instance, day_ns").fetch_all(&self.pool).await;
        let erased = rows.and_then(|rows| rows.iter().map(read_erased).collect());
        erased.map_err(|error| self.failed("cannot read what was erased", error))
    }

    /// One transaction: a split is replaced by what is left of it, and what is gone is counted.
    pub(crate) async fn replace_erased(&self, added: &[Listing], removed: &[String], gone: &[Erased]) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            swap(&mut transaction, added, removed).await?;
            for erased in gone {
                count(&mut transaction, erased).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot replace splits", error))
    }

    /// One transaction: nothing of a partner's is published any more, nor of these quarantines, and these marks are as they are told here.
    pub(crate) async fn purge(&self, partner: &str, quarantines: &[Arc<str>], files: &[FileMarks]) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            for statement in [
                "DELETE FROM splits WHERE partner = ?",
                "DELETE FROM module_states WHERE partner = ?",
                "DELETE FROM gaps WHERE partner = ?",
                "DELETE FROM erased_rows WHERE partner = ?",
            ] {
                sqlx::query(statement).bind(partner).execute(&mut *transaction).await?;
            }
            for pod in quarantines {
                for statement in [
                    "DELETE FROM splits WHERE partner = ? AND module = ?",
                    "DELETE FROM module_states WHERE partner = ? AND module = ?",
                    "DELETE FROM gaps WHERE partner = ? AND module = ?",
                    "DELETE FROM erased_rows WHERE partner = ? AND module = ?",
                ] {
                    sqlx::query(statement).bind(QUARANTINE).bind(&**pod).execute(&mut *transaction).await?;
                }
            }
            // Its tokens are gone already.
            sqlx::query("DELETE FROM pushes WHERE token NOT IN (SELECT id FROM tokens)").execute(&mut *transaction).await?;
            marks::put(&mut transaction, files).await?;
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot remove a partner's data", error))
    }

    /// Ends an erasure: from here on nothing says what it was for. To be followed by [`Self::scrub`].
    pub(crate) async fn end_erasure(&self, id: &str, rows: u64) -> Result<i64, CatalogError> {
        let now = now_ns();
        let statement = "UPDATE erasures SET request = NULL, ended_ns = ?, row_count = ? WHERE id = ?";
        let work = sqlx::query(statement).bind(now).bind(signed(rows)).bind(id).execute(&self.pool).await;
        work.map(|_| now).map_err(|error| self.failed("cannot end an erasure", error))
    }

    /// Leaves no byte of what was deleted in SQLite's files: everything that is there is written anew, and its log is emptied.
    pub(crate) async fn scrub(&self) -> Result<(), CatalogError> {
        let work = async {
            sqlx::query("VACUUM").execute(&self.pool).await?;
            self.empty_log().await
        };
        work.await.map_err(|error| self.failed("cannot be written anew", error))
    }

    /// Brings SQLite's log into the file and cuts it to nothing; waits for readers that are in the way.
    pub(super) async fn empty_log(&self) -> Result<(), sqlx::Error> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.pool).await?;
        match row.try_get::<i64, _>(0)? {
            0 => Ok(()),
            _ => Err(sqlx::Error::Protocol("readers were in the way of emptying the log".into())),
        }
    }
}

async fn count(connection: &mut SqliteConnection, erased: &Erased) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO erased_rows (erasure, partner, module, instance, day_ns, row_count) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT DO UPDATE SET row_count = row_count + excluded.row_count",
    )
    .bind(&erased.erasure)
    .bind(&*erased.owner.key.partner)
    .bind(&*erased.owner.key.module)
    .bind(&*erased.owner.instance)
    .bind(erased.day_ns)
    .bind(signed(erased.rows))
    .execute(connection)
    .await
    .map(drop)
}

fn read(row: &SqliteRow) -> Result<Erasure, sqlx::Error> {
    let kind: &str = row.try_get("kind")?;
    Ok(Erasure {
        id: row.try_get("id")?,
        kind: if kind == Kind::Partner.as_str() { Kind::Partner } else { Kind::Account },
        request: row.try_get("request")?,
        reference: row.try_get("reference")?,
        token: row.try_get::<&str, _>("token")?.into(),
        begun_ns: row.try_get("begun_ns")?,
        ended_ns: row.try_get("ended_ns")?,
        rows: unsigned(row.try_get("row_count")?),
    })
}

fn read_erased(row: &SqliteRow) -> Result<Erased, sqlx::Error> {
    let text = |column: &'static str| row.try_get::<&str, _>(column).map(Arc::<str>::from);
    let key = ModuleKey { partner: text("partner")?, module: text("module")? };
    Ok(Erased {
        erasure: row.try_get("erasure")?,
        owner: Arc::new(Owner {
            key,
            instance: text("instance")?,
            csp: Arc::default(),
            environment: Arc::default(),
            version: Arc::default(),
        }),
        day_ns: row.try_get("day_ns")?,
        rows: unsigned(row.try_get("row_count")?),
    })
}
