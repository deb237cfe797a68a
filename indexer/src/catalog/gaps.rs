//! The gaps: the holes in the log, each with the owner it concerns and where it is.

use super::marks::{file, file_blob};
use super::numbers::{damaged, signed, small, unsigned};
use crate::row::{ModuleKey, Origin, Owner};
use crate::store::StoredGap;
use martlog_formats::wire::{GapReason, Substream};
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{Deserialize, IntoDeserializer as _};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};
use std::sync::Arc;

/// Keeps a gap; one that is known already is fine, so a replay tells it again without harm.
pub(super) async fn insert(connection: &mut SqliteConnection, gap: &StoredGap) -> Result<(), sqlx::Error> {
    let (origin, owner) = (&*gap.origin, &*gap.owner);
    sqlx::query(
        "INSERT INTO gaps (cluster, node, file, substream, from_byte, to_byte, reason, time_ns, namespace, pod, pod_uid, container, restart, \
         file_name, partner, module, instance, csp, environment, version) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&*origin.cluster)
    .bind(&*origin.node)
    .bind(file_blob(origin.file))
    .bind(origin.substream.as_str())
    .bind(signed(gap.from))
    .bind(signed(gap.to))
    .bind(gap.reason.as_str())
    .bind(gap.time_ns)
    .bind(&*origin.namespace)
    .bind(&*origin.pod)
    .bind(&*origin.pod_uid)
    .bind(&*origin.container)
    .bind(i64::from(origin.restart))
    .bind(&*origin.file_name)
    .bind(&*owner.key.partner)
    .bind(&*owner.key.module)
    .bind(&*owner.instance)
    .bind(&*owner.csp)
    .bind(&*owner.environment)
    .bind(&*owner.version)
    .execute(connection)
    .await
    .map(drop)
}

/// Every gap, in the order in which they were noticed.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<StoredGap>, sqlx::Error> {
    sqlx::query("SELECT * FROM gaps ORDER BY time_ns").fetch_all(connection).await?.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<StoredGap, sqlx::Error> {
    let text = |column: &'static str| row.try_get::<&str, _>(column).map(Arc::<str>::from);
    let owner = Owner {
        key: ModuleKey { partner: text("partner")?, module: text("module")? },
        instance: text("instance")?,
        csp: text("csp")?,
        environment: text("environment")?,
        version: text("version")?,
    };
    let origin = Origin {
        cluster: text("cluster")?,
        node: text("node")?,
        namespace: text("namespace")?,
        pod: text("pod")?,
        pod_uid: text("pod_uid")?,
        container: text("container")?,
        restart: small(row.try_get("restart")?, "restart")?,
        substream: word::<Substream>(row, "substream")?,
        file: file(row)?,
        file_name: text("file_name")?,
    };
    Ok(StoredGap {
        owner: Arc::new(owner),
        origin: Arc::new(origin),
        from: unsigned(row.try_get("from_byte")?),
        to: unsigned(row.try_get("to_byte")?),
        reason: word::<GapReason>(row, "reason")?,
        time_ns: row.try_get("time_ns")?,
    })
}

/// A word of the wire's, as its type writes it (`as_str` and the serde name are one).
fn word<'r, T: Deserialize<'r>>(row: &'r SqliteRow, column: &'static str) -> Result<T, sqlx::Error> {
    let text: &'r str = row.try_get(column)?;
    let word: StrDeserializer<'r, WordError> = text.into_deserializer();
    T::deserialize(word).map_err(|error| damaged(column, error))
}
