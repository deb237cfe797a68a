//! What each node's collector said last, and what is forgotten with time: nodes, marks of files that are gone, gaps.

use super::marks::file_blob;
use super::{Catalog, CatalogError};
use crate::append::FileKey;
use sqlx::{Row as _, SqliteConnection};
use std::sync::Arc;

/// A node as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedNode {
    /// Its cluster.
    pub cluster: String,
    /// Its name there.
    pub node: String,
    /// When it was heard, ns since the epoch.
    pub heard_ns: i64,
    /// What it said, encoded.
    pub said: Vec<u8>,
}

impl Catalog {
    /// One transaction: these nodes said this.
    pub(crate) async fn save_nodes(&self, nodes: &[SavedNode]) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            for node in nodes {
                let statement = "INSERT INTO nodes (cluster, node, heard_ns, said) VALUES (?, ?, ?, ?) \
                    ON CONFLICT (cluster, node) DO UPDATE SET heard_ns = excluded.heard_ns, said = excluded.said";
                let query = sqlx::query(statement).bind(&node.cluster).bind(&node.node).bind(node.heard_ns).bind(node.said.as_slice());
                query.execute(&mut *transaction).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot keep what nodes said", error))
    }

    /// One transaction: these nodes and marks are forgotten, and the gaps that were noticed before this time.
    pub(crate) async fn forget_before(
        &self,
        nodes: &[(Arc<str>, Arc<str>)],
        files: &[FileKey],
        gaps_before_ns: Option<i64>,
    ) -> Result<(), CatalogError> {
        let work = async {
            let mut transaction = self.begin().await?;
            for (cluster, node) in nodes {
                let query = sqlx::query("DELETE FROM nodes WHERE cluster = ? AND node = ?").bind(&**cluster).bind(&**node);
                query.execute(&mut *transaction).await?;
            }
            for key in files {
                let query = sqlx::query("DELETE FROM marks WHERE cluster = ? AND file = ?").bind(&*key.cluster).bind(file_blob(key.file));
                query.execute(&mut *transaction).await?;
            }
            if let Some(before) = gaps_before_ns {
                sqlx::query("DELETE FROM gaps WHERE time_ns < ?").bind(before).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|error| self.failed("cannot forget what is not kept any more", error))
    }
}

/// Every node.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<SavedNode>, sqlx::Error> {
    let rows = sqlx::query("SELECT cluster, node, heard_ns, said FROM nodes ORDER BY cluster, node").fetch_all(connection).await?;
    let node = |row: &sqlx::sqlite::SqliteRow| {
        Ok(SavedNode {
            cluster: row.try_get("cluster")?,
            node: row.try_get("node")?,
            heard_ns: row.try_get("heard_ns")?,
            said: row.try_get("said")?,
        })
    };
    rows.iter().map(node).collect()
}
