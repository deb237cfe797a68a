//! The snapshot of the marks: the durable position of each substream of each file.

use super::FileMarks;
use super::numbers::{damaged, signed, small, unsigned};
use martlog_formats::wire::{FileId, Stream};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

/// Files a statement: eleven values each, far below SQLite's 32,766, and 10,000 files are 20 statements instead of 10,000.
const FILES_A_STATEMENT: usize = 500;

/// The marks of these files are these.
pub(super) async fn put(connection: &mut SqliteConnection, changed: &[FileMarks]) -> Result<(), sqlx::Error> {
    for files in changed.chunks(FILES_A_STATEMENT) {
        let mut statement = QueryBuilder::<Sqlite>::new(
            "INSERT INTO marks (cluster, node, file, namespace, pod, pod_uid, container, restart, stdout, stderr, gone_ns) ",
        );
        statement.push_values(files, |mut row, file| {
            row.push_bind(&file.cluster)
                .push_bind(&file.node)
                .push_bind(file_blob(file.file))
                .push_bind(&file.stream.namespace)
                .push_bind(&file.stream.pod)
                .push_bind(&file.stream.pod_uid)
                .push_bind(&file.stream.container)
                .push_bind(i64::from(file.stream.restart))
                .push_bind(signed(file.marks[0]))
                .push_bind(signed(file.marks[1]))
                .push_bind(file.gone_ns);
        });
        statement.push(
            " ON CONFLICT (cluster, file) DO UPDATE SET node = excluded.node, namespace = excluded.namespace, pod = excluded.pod, \
             pod_uid = excluded.pod_uid, container = excluded.container, restart = excluded.restart, stdout = excluded.stdout, stderr = excluded.stderr, \
             gone_ns = excluded.gone_ns",
        );
        statement.build().persistent(files.len() == FILES_A_STATEMENT).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Every file's marks.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<FileMarks>, sqlx::Error> {
    sqlx::query("SELECT * FROM marks").fetch_all(connection).await?.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<FileMarks, sqlx::Error> {
    Ok(FileMarks {
        cluster: row.try_get("cluster")?,
        node: row.try_get("node")?,
        stream: Stream {
            namespace: row.try_get("namespace")?,
            pod: row.try_get("pod")?,
            pod_uid: row.try_get("pod_uid")?,
            container: row.try_get("container")?,
            restart: small(row.try_get("restart")?, "restart")?,
        },
        file: file(row)?,
        marks: [unsigned(row.try_get("stdout")?), unsigned(row.try_get("stderr")?)],
        gone_ns: row.try_get("gone_ns")?,
    })
}

/// A file's id as SQLite keeps it: 16 bytes, big-endian.
pub(super) fn file_blob(file: FileId) -> Vec<u8> {
    file.0.to_be_bytes().to_vec()
}

/// The file's id from the column `file`.
pub(super) fn file(row: &SqliteRow) -> Result<FileId, sqlx::Error> {
    let bytes: &[u8] = row.try_get("file")?;
    bytes.try_into().map(|bytes| FileId(u128::from_be_bytes(bytes))).map_err(|error| damaged("file", error))
}
