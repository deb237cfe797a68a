//! The published splits and, per module, what is published.

use super::numbers::{signed, small, unsigned};
use super::{Listing, ModuleState};
use crate::row::ModuleKey;
use crate::split::SplitMeta;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

/// Adds a split; one with the same id is an error: ids are random.
pub(super) async fn insert(connection: &mut SqliteConnection, listing: &Listing) -> Result<(), sqlx::Error> {
    let split = &listing.meta;
    sqlx::query(
        "INSERT INTO splits (id, partner, module, format, row_count, bytes, seq_from, seq_to, time_min_ns, time_max_ns, arrived_min_ns, arrived_max_ns, \
         hours, filter) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&split.id)
    .bind(&*split.key.partner)
    .bind(&*split.key.module)
    .bind(i64::from(split.format))
    .bind(signed(split.rows))
    .bind(signed(split.bytes))
    .bind(signed(split.seq_from))
    .bind(signed(split.seq_to))
    .bind(split.time_min_ns)
    .bind(split.time_max_ns)
    .bind(split.arrived_min_ns)
    .bind(split.arrived_max_ns)
    .bind(listing.hours.as_deref())
    .bind(listing.filter.as_deref())
    .execute(connection)
    .await
    .map(drop)
}

/// Removes a split; one that is not there is fine.
pub(super) async fn remove(connection: &mut SqliteConnection, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM splits WHERE id = ?").bind(id).execute(connection).await.map(drop)
}

/// Every split, by module and ascending first seq.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Listing>, sqlx::Error> {
    let mut splits: Vec<Listing> = sqlx::query("SELECT * FROM splits").fetch(connection).map(|row| read(&row?)).try_collect().await?;
    splits.sort_by(|a, b| (&a.meta.key, a.meta.seq_from).cmp(&(&b.meta.key, b.meta.seq_from)));
    Ok(splits)
}

fn read(row: &SqliteRow) -> Result<Listing, sqlx::Error> {
    let meta = SplitMeta {
        id: row.try_get("id")?,
        key: key(row)?,
        format: small(row.try_get("format")?, "format")?,
        rows: unsigned(row.try_get("row_count")?),
        bytes: unsigned(row.try_get("bytes")?),
        seq_from: unsigned(row.try_get("seq_from")?),
        seq_to: unsigned(row.try_get("seq_to")?),
        time_min_ns: row.try_get("time_min_ns")?,
        time_max_ns: row.try_get("time_max_ns")?,
        arrived_min_ns: row.try_get("arrived_min_ns")?,
        arrived_max_ns: row.try_get("arrived_max_ns")?,
    };
    let blob = |name| Ok::<_, sqlx::Error>(row.try_get::<Option<&[u8]>, _>(name)?.map(Into::into));
    Ok(Listing { meta, hours: blob("hours")?, filter: blob("filter")? })
}

/// The module's state is this.
pub(super) async fn put_state(connection: &mut SqliteConnection, state: &ModuleState) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO module_states (partner, module, next_seq, applied_lsn, released_seq) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (partner, module) DO UPDATE SET \
         next_seq = excluded.next_seq, applied_lsn = excluded.applied_lsn, released_seq = excluded.released_seq",
    )
    .bind(&*state.key.partner)
    .bind(&*state.key.module)
    .bind(signed(state.next_seq))
    .bind(signed(state.applied_lsn))
    .bind(signed(state.released_seq))
    .execute(connection)
    .await
    .map(drop)
}

/// Every module's state.
pub(super) async fn states(connection: &mut SqliteConnection) -> Result<Vec<ModuleState>, sqlx::Error> {
    let rows = sqlx::query("SELECT * FROM module_states").fetch_all(connection).await?;
    let state = |row: &SqliteRow| {
        Ok(ModuleState {
            key: key(row)?,
            next_seq: unsigned(row.try_get("next_seq")?),
            applied_lsn: unsigned(row.try_get("applied_lsn")?),
            released_seq: unsigned(row.try_get("released_seq")?),
        })
    };
    rows.iter().map(state).collect()
}

/// Whose, from the columns `partner` and `module`.
fn key(row: &SqliteRow) -> Result<ModuleKey, sqlx::Error> {
    Ok(ModuleKey { partner: row.try_get::<&str, _>("partner")?.into(), module: row.try_get::<&str, _>("module")?.into() })
}
