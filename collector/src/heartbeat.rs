//! Tells the server, every few seconds, how far each file is: this is what "complete to 10:42:07" rests on.
//!
//! It lists the files that may still grow or have something unacknowledged, and each file that is gone until the server has heard so.

use crate::board::{Board, Standing};
use crate::client::{Client, Reply};
use crate::clock::now_ns;
use crate::lane::Shared;
use crate::limits::HEARTBEAT_INTERVAL;
use crate::pulse::Backlog;
use bytes::Bytes;
use martlog_formats::wire::{FileId, Stream};
use serde::Serialize;
use std::io::Write;
use std::sync::Arc;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;

/// Beats until `stop`.
pub(crate) async fn beat(client: Client, node: String, shared: Arc<Shared>, stop: CancellationToken) -> Result<(), JoinError> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARTBEAT_INTERVAL) => {}
            () = stop.cancelled() => return Ok(()),
        }
        tokio::select! {
            () = beat_once(&client, &node, &shared) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// One heartbeat. A failed one is not repeated: the next one says more.
pub(crate) async fn beat_once(client: &Client, node: &str, shared: &Arc<Shared>) {
    let composed = {
        let (node, shared) = (node.to_owned(), Arc::clone(shared));
        spawn_blocking(move || compose(&node, now_ns(), &shared.board)).await
    };
    shared.pulse.done(shared.board.report(), Backlog { spool_bytes: shared.spool.bytes(), ..shared.board.backlog(now_ns()) });
    let Ok(Ok((body, gone))) = composed else { return tracing::debug!("a heartbeat could not be written") };
    match client.heartbeat(body).await {
        Reply::Answer(epoch) => {
            shared.pulse.answered();
            if let Some(epoch) = epoch {
                // A node whose files have come to rest appends nothing, and would not hear that the store was restored.
                shared.board.set_epoch(epoch);
            }
            if !gone.is_empty() {
                shared.board.forget(&gone);
            }
        }
        // The appends say the same louder.
        Reply::TooLarge(why) | Reply::Broken(why) | Reply::Denied(why) | Reply::Later(_, why) => {
            tracing::debug!("a heartbeat was not taken: {why}");
        }
    }
}

/// A file of the board, in the form of [`martlog_formats::wire::FileProgress`].
#[derive(Serialize)]
struct Progress<'a> {
    stream: &'a Stream,
    file: FileId,
    size: u64,
    acknowledged: [u64; 2],
    oldest_unacknowledged_ns: Option<i64>,
    gone: bool,
}

/// A [`martlog_formats::wire::Heartbeat`], compressed as it is written: of 10,000 files it is some 3 MB, and 100 KB so. Also the files that it says are gone.
fn compose(node: &str, time_ns: i64, board: &Board) -> std::io::Result<(Bytes, Vec<FileId>)> {
    let mut gone = Vec::new();
    let mut out = zstd::stream::write::Encoder::new(Vec::new(), 1)?;
    write!(out, "{{\"node\":{},\"time_ns\":{time_ns},\"files\":[", serde_json::Value::from(node))?;
    board.show(|_, files, _| {
        for (at, known) in files.filter(|known| known.asked && (!known.settled || known.gone)).enumerate() {
            out.write_all(if at == 0 { b"" } else { b"," })?;
            let Standing { stream, file, size, acknowledged, oldest_unacknowledged_ns, gone: is_gone, .. } = known;
            let (size, acknowledged, oldest_unacknowledged_ns) = (*size, *acknowledged, *oldest_unacknowledged_ns);
            serde_json::to_writer(
                &mut out,
                &Progress { stream, file: *file, size, acknowledged, oldest_unacknowledged_ns, gone: *is_gone },
            )?;
            gone.extend(is_gone.then_some(*file));
        }
        std::io::Result::Ok(())
    })?;
    out.write_all(b"]}")?;
    Ok((out.finish()?.into(), gone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::stream;
    use martlog_formats::wire::{FileProgress, Heartbeat};

    #[test]
    fn it_has_the_form_of_the_wire_and_leaves_out_what_has_ended_and_what_nobody_asked_for() {
        let board = Board::default();
        let standing = |number: u32, gone, settled| Standing {
            stream: stream(number).into(),
            file: FileId(u128::from(number)),
            name: "0.log".to_owned(),
            size: 10,
            acknowledged: [3, 10],
            asked: number < 3,
            oldest_unacknowledged_ns: (number == 0).then_some(-7),
            gone,
            settled,
        };
        board.note([standing(0, false, false), standing(1, false, true), standing(2, true, true), standing(3, false, false)]);
        let (body, gone) = compose("node \"1\"", 42, &board).unwrap();
        let beat: Heartbeat = serde_json::from_slice(&zstd::stream::decode_all(&body[..]).unwrap()).unwrap();
        let progress = |number: u32, gone| FileProgress {
            stream: stream(number),
            file: FileId(u128::from(number)),
            size: 10,
            acknowledged: [3, 10],
            oldest_unacknowledged_ns: (number == 0).then_some(-7),
            gone,
        };
        assert_eq!(beat, Heartbeat { node: "node \"1\"".to_owned(), time_ns: 42, files: vec![progress(0, false), progress(2, true)] });
        assert_eq!(gone, [FileId(2)]);
    }
}
