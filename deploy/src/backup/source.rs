//! Where a backup comes from: a snapshot that a running server holds for us, or one of a folder that is opened here.

use crate::client::api::Client;
use crate::config::Connect;
use crate::outcome::Failure;
use futures_util::StreamExt as _;
use martlog_collector::tls::{self, Trust};
use martlog_collector::token::Token;
use martlog_indexer::backup::Snapshot;
use martlog_indexer::{FolderError, Indexer, OpenError};
use reqwest::Method;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The line that describes a snapshot is at most this long, bytes: some hundred for each file.
const LINE_BYTES_MAX: usize = 256 << 20;

/// A snapshot that stays until this is closed or dropped.
pub(super) struct Source {
    pub(super) folder: PathBuf,
    pub(super) epoch: u64,
    pub(super) lsn: u64,
    /// Paths below the folder.
    pub(super) files: Vec<String>,
    held: Held,
}

/// What holds it.
enum Held {
    /// The server, as long as its answer is read.
    Answer(Box<dyn std::any::Any + Send>),
    /// This process.
    Here(Snapshot, Indexer),
}

/// The server's first line.
#[derive(Debug, Deserialize)]
struct Line {
    snapshot: Described,
}

#[derive(Debug, Deserialize)]
struct Described {
    folder: PathBuf,
    epoch: u64,
    lsn: u64,
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    path: String,
}

/// The lock decides: a folder that nobody holds is opened, any other is asked for at its address.
pub(super) async fn open(dir: &Path, token_file: Option<&Path>) -> Result<Source, Failure> {
    match Indexer::open(dir, martlog_indexer::Options::default()).await {
        Ok(indexer) => here(indexer).await,
        Err(OpenError::Folder(FolderError::Locked { pid, .. })) => ask(dir, token_file, &pid).await,
        Err(error) => Err(Failure::Server(error.to_string())),
    }
}

/// Files of the data folder that are not the store's and are needed to use it.
pub(super) fn extra(dir: &Path) -> Vec<PathBuf> {
    [dir.join("staff.token")].into_iter().filter(|path| path.is_file()).collect()
}

impl Source {
    /// Lets go of the snapshot.
    pub(super) async fn close(self) {
        match self.held {
            Held::Answer(answer) => drop(answer),
            Held::Here(snapshot, indexer) => {
                drop(snapshot);
                indexer.close().await;
            }
        }
    }
}

async fn here(indexer: Indexer) -> Result<Source, Failure> {
    let snapshot = indexer.snapshot().await.map_err(|error| Failure::Server(error.to_string()))?;
    let files = snapshot.files.iter().map(|file| file.path.clone()).collect();
    Ok(Source {
        folder: snapshot.dir().to_path_buf(),
        epoch: snapshot.epoch,
        lsn: snapshot.lsn,
        files,
        held: Held::Here(snapshot, indexer),
    })
}

async fn ask(dir: &Path, token_file: Option<&Path>, pid: &str) -> Result<Source, Failure> {
    let address = std::fs::read_to_string(dir.join("address")).map_err(|error| {
        let dir = dir.display();
        Failure::Server(format!("the data folder {dir} is in use by process {pid}, and its address cannot be read from {dir}/address ({error}): wait until it serves, or stop it"))
    })?;
    let server = address.trim().to_owned();
    let token_file = token_file.map_or_else(|| dir.join("staff.token"), Path::to_owned);
    // The server's own word, where only its user can write.
    let trust = if server.starts_with("https:") {
        Trust::pinned(&dir.join("certificate.der"))
    } else {
        Trust::of(&server, &tls::Options::default())
    };
    let token = Token::file(&token_file).map_err(Failure::Usage)?;
    let client = Client::new(Connect { server, token, token_file, trust: trust.map_err(Failure::Server)? })?;
    let answer = client.send(client.request(Method::POST, &["backup"])).await?;
    let mut pieces = answer.bytes_stream();
    let mut line = Vec::new();
    while !line.contains(&b'\n') && line.len() < LINE_BYTES_MAX {
        let piece = pieces.next().await.ok_or_else(|| Failure::from(client.foreign("without a snapshot")))?;
        line.extend_from_slice(&piece.map_err(|error| client.lost(&error))?);
    }
    let first = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Line { snapshot } = serde_json::from_slice(first).map_err(|_| client.foreign("with something that is no snapshot"))?;
    // The server may have been given its folder under another name, or see it elsewhere: it is the one beside the lock.
    let folder = dir.join(snapshot.folder.file_name().unwrap_or_default());
    let files = snapshot.files.into_iter().map(|file| file.path).collect();
    Ok(Source { folder, epoch: snapshot.epoch, lsn: snapshot.lsn, files, held: Held::Answer(Box::new(pieces)) })
}
