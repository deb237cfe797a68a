//! Tells the server, every few seconds, how far each file is: this is what "complete to 10:42:07" rests on.
//!
//! It lists the files that may still grow or have something unacknowledged, and each file that is gone until the server has heard so.

use crate::board::{Board, Snapshot};
use crate::client::{Client, Reply};
use crate::clock::now_ns;
use crate::lane::Shared;
use crate::limits::HEARTBEAT_INTERVAL;
use martlog_formats::wire::Heartbeat;
use std::sync::Arc;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

/// Beats until `stop`.
pub(crate) async fn beat(client: Client, node: String, shared: Arc<Shared>, stop: CancellationToken) -> Result<(), JoinError> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT_INTERVAL) => {}
            () = stop.cancelled() => return Ok(()),
        }
        tokio::select! {
            () = beat_once(&client, &node, &shared.board) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// One heartbeat. A failed one is not repeated: the next one says more.
pub(crate) async fn beat_once(client: &Client, node: &str, board: &Board) {
    let heartbeat = compose(node, &board.snapshot());
    match client.heartbeat(&heartbeat).await {
        Reply::Answer(epoch) => {
            if let Some(epoch) = epoch {
                // A node whose files have come to rest appends nothing, and would not hear that the store was restored.
                board.set_epoch(epoch);
            }
            let gone: Vec<_> = heartbeat.files.iter().filter(|file| file.gone).map(|file| file.file).collect();
            if !gone.is_empty() {
                board.forget(&gone);
            }
        }
        // The appends say the same louder.
        Reply::TooLarge(why) | Reply::Broken(why) | Reply::Denied(why) | Reply::Later(_, why) => {
            tracing::debug!("a heartbeat was not taken: {why}");
        }
    }
}

fn compose(node: &str, snapshot: &Snapshot) -> Heartbeat {
    let files =
        snapshot.files.iter().filter(|standing| !standing.settled || standing.progress.gone).map(|standing| standing.progress.clone());
    Heartbeat { node: node.to_owned(), time_ns: now_ns(), files: files.collect() }
}
