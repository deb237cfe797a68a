//! The collector as a whole: scan, hand the files to the lanes, let them read and ship, tell the server how far it is, remember the positions, stop in order.
//!
//! Every task is joined before [`run`] returns. Blocking file work is on the blocking pool; the reactor only waits and talks.

use crate::board::Board;
use crate::checkpoint::{Checkpoint, PositionFile, Remembered};
use crate::client::{Client, Reply};
use crate::discover::{Root, Scan};
use crate::identity::Site;
use crate::labels::{LabelFile, Labels};
use crate::lane::{Lane, Scene, Shared};
use crate::limits::{LANES, POSITIONS_FILES, ROUND_INTERVAL, SAVE_INTERVAL, SCAN_INTERVAL, SCAN_REST, STOP_WAIT};
use crate::ship::{self, Shipped};
use crate::{CollectError, Config, Report, heartbeat};
use martlog_formats::wire::{PositionsRequest, Stream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::Xxh3;

/// What each lane sees of the last scan.
type Scenes = Arc<Vec<Scene>>;

/// How the end is announced.
#[derive(Debug, Clone)]
struct End {
    /// Read no more.
    stop: CancellationToken,
    /// Wait for no answer any more: [`STOP_WAIT`] after `stop`.
    give_up: CancellationToken,
    /// The lanes have ended, and so do those who serve them.
    closing: CancellationToken,
}

/// Runs a collector from its start to its end.
pub(crate) async fn run(config: Config, stop: CancellationToken) -> Result<Report, CollectError> {
    let client = Client::new(&config.server, &config.token).map_err(CollectError::Setup)?;
    let (shared, positions, checkpoint) = open(&config)?;
    introduce(&client, &config).await?;
    let end = End { stop: stop.child_token(), give_up: CancellationToken::new(), closing: CancellationToken::new() };
    let (scenes, watched) = watch::channel(Scenes::default());

    let mut helpers = JoinSet::new();
    helpers.spawn(scan(Arc::clone(&shared), config.pod_labels.map(LabelFile::new), scenes, end.clone()));
    helpers.spawn(announce(end.clone()));
    helpers.spawn(heartbeat::beat(client.clone(), config.node.clone(), Arc::clone(&shared), end.closing.clone()));
    helpers.spawn(save(positions, Arc::clone(&shared), end.closing.clone()));

    let mut lanes = JoinSet::new();
    for (index, remembered) in share_out(checkpoint).into_iter().enumerate() {
        let lane = Lane::new(Arc::clone(&shared), remembered);
        lanes.spawn(drive(lane, index, client.clone(), config.node.clone(), watched.clone(), end.clone()));
    }
    let ended = join(lanes, &end.stop).await;
    let last_word = heartbeat::beat_once(&client, &config.node, &shared.board);
    // The last heartbeat is worth a moment, not the patience of a stop.
    let _ = tokio::time::timeout(Duration::from_secs(2), last_word).await;
    end.closing.cancel();
    ended.and(join(helpers, &end.stop).await)?;
    Ok(shared.board.report())
}

/// Opens the folders; each error says which one and what to do.
fn open(config: &Config) -> Result<(Arc<Shared>, PositionFile, Checkpoint), CollectError> {
    let root = Root::open(&config.root).map_err(|error| {
        CollectError::Setup(format!(
            "the folder of pods {} cannot be read: {error}; name the folder with --root, and let this user read it",
            config.root.display()
        ))
    })?;
    let (positions, checkpoint) = PositionFile::open(&config.state).map_err(|error| {
        CollectError::Setup(format!(
            "the state folder {} cannot be written: {error}; name another with --state, or let this user write it",
            config.state.display()
        ))
    })?;
    let site = Site { cluster: config.cluster.clone(), node: config.node.clone() };
    Ok((Arc::new(Shared { root, site, board: Board::default(), benches: Arc::default(), once: config.once }), positions, checkpoint))
}

/// The first word with the server: a token that it does not take is an error now, a server that is away is not.
async fn introduce(client: &Client, config: &Config) -> Result<(), CollectError> {
    match client.positions(&PositionsRequest { node: config.node.clone(), files: Vec::new() }).await {
        Reply::Answer(_) => Ok(()),
        Reply::Denied(why) => Err(CollectError::Setup(format!(
            "{why}; the collector needs a token of kind collector for cluster {:?}: make one with `martlog admin token add` and name its file with --token-file",
            config.cluster
        ))),
        Reply::TooLarge(why) | Reply::Broken(why) | Reply::Later(_, why) => {
            tracing::warn!("{why}; the files are the buffer until it is back");
            Ok(())
        }
    }
}

/// The lane of a stream: all lives of a container share one.
fn lane_of(stream: &Stream) -> usize {
    let mut hash = Xxh3::new();
    hash.update(stream.pod_uid.as_bytes());
    hash.update(stream.container.as_bytes());
    usize::try_from(hash.digest() % LANES as u64).unwrap_or(0)
}

fn share_out(checkpoint: Checkpoint) -> Vec<Vec<Remembered>> {
    let mut lanes: Vec<Vec<Remembered>> = (0..LANES).map(|_| Vec::new()).collect();
    for file in checkpoint.files {
        lanes[lane_of(&file.stream)].push(file);
    }
    lanes
}

/// Drives one lane: take in the scans, ask for positions, read, ship, settle, rest.
async fn drive(
    mut lane: Lane,
    index: usize,
    client: Client,
    node: String,
    mut scenes: watch::Receiver<Scenes>,
    end: End,
) -> Result<(), JoinError> {
    let once = lane.is_once();
    loop {
        if scenes.has_changed().unwrap_or(false) {
            lane = adopt(lane, index, &mut scenes).await?;
        }
        lane = match ask(lane, index, &client, &node, &mut scenes, &end.stop).await? {
            Some(lane) => lane,
            None => return Ok(()),
        };
        // A stop asks for one more round: what is complete leaves; what still waits for its continuation is read again at the next start.
        let last = end.stop.is_cancelled();
        let filled;
        let mut bench = Arc::clone(lane.benches()).take().await;
        (lane, filled) = blocking(lane, move |lane| lane.fill(Instant::now(), &mut bench)).await?;
        if let Some(batch) = filled.batch {
            let shipped;
            (lane, shipped) = while_adopting(lane, index, &mut scenes, ship::append(&client, &batch, &end.give_up)).await?;
            match shipped {
                Shipped::Answered(answer) => lane.settle(&batch, &answer, Instant::now()),
                Shipped::Smaller(why) => {
                    lane.shrink(&batch, &why, Instant::now());
                    tokio::time::sleep(ROUND_INTERVAL).await;
                }
                Shipped::Stopped => return Ok(()),
            }
        }
        if last || (once && filled.drained) {
            return Ok(());
        }
        if !filled.more {
            let rest = end.stop.run_until_cancelled(tokio::time::sleep(ROUND_INTERVAL));
            (lane, _) = while_adopting(lane, index, &mut scenes, rest).await?;
        }
    }
}

/// Runs blocking work on a lane.
async fn blocking<T: Send + 'static>(mut lane: Lane, work: impl FnOnce(&mut Lane) -> T + Send + 'static) -> Result<(Lane, T), JoinError> {
    spawn_blocking(move || {
        let result = work(&mut lane);
        (lane, result)
    })
    .await
}

async fn adopt(lane: Lane, index: usize, scenes: &mut watch::Receiver<Scenes>) -> Result<Lane, JoinError> {
    let scene = Arc::clone(&scenes.borrow_and_update());
    let (lane, ()) = blocking(lane, move |lane| {
        if let Some(scene) = scene.get(index) {
            lane.adopt(scene, Instant::now());
        }
    })
    .await?;
    Ok(lane)
}

/// Waits for something, and meanwhile takes in what the scans see: files that are about to vanish are held open however long it takes.
async fn while_adopting<T>(
    mut lane: Lane,
    index: usize,
    scenes: &mut watch::Receiver<Scenes>,
    work: impl Future<Output = T>,
) -> Result<(Lane, T), JoinError> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            result = &mut work => return Ok((lane, result)),
            Ok(()) = scenes.changed() => lane = adopt(lane, index, scenes).await?,
        }
    }
}

/// Asks for the positions of new files; no lane when it is time to stop.
async fn ask(
    mut lane: Lane,
    index: usize,
    client: &Client,
    node: &str,
    scenes: &mut watch::Receiver<Scenes>,
    stop: &CancellationToken,
) -> Result<Option<Lane>, JoinError> {
    loop {
        let mut files = lane.unasked();
        if files.is_empty() {
            return Ok(Some(lane));
        }
        files.truncate(POSITIONS_FILES);
        let request = PositionsRequest { node: node.to_owned(), files };
        let answer;
        (lane, answer) = while_adopting(lane, index, scenes, ship::positions(client, &request, stop)).await?;
        match answer {
            Some(answer) => lane.learn(&request.files, &answer),
            None => return Ok(None),
        }
    }
}

/// Scans until the end, and shares each scan out among the lanes.
async fn scan(shared: Arc<Shared>, mut labels: Option<LabelFile>, scenes: watch::Sender<Scenes>, end: End) -> Result<(), JoinError> {
    let (mut refused, mut complete) = (0, true);
    loop {
        let began = Instant::now();
        let (scanned, known, file) = {
            let shared = Arc::clone(&shared);
            spawn_blocking(move || {
                let mut labels = labels;
                let known = labels.as_mut().map(LabelFile::refresh);
                (shared.root.scan(), known, labels)
            })
            .await?
        };
        labels = file;
        match scanned {
            Ok(scan) => {
                if scan.refused > refused {
                    tracing::warn!(
                        count = scan.refused,
                        "symlinks or other things that are no regular files lie among the logs; they are not read"
                    );
                }
                if complete && !scan.complete {
                    tracing::warn!("some folders below the folder of pods cannot be read; the collector's user needs to read them all");
                }
                (refused, complete) = (scan.refused, scan.complete);
                scenes.send_replace(share(scan, known.as_ref()));
            }
            Err(error) => tracing::warn!(%error, "the folder of pods cannot be listed; it is tried again"),
        }
        tokio::select! {
            () = tokio::time::sleep(SCAN_INTERVAL.max(began.elapsed() * SCAN_REST)) => {}
            () = end.stop.cancelled() => return Ok(()),
            () = end.closing.cancelled() => return Ok(()),
        }
    }
}

fn share(scan: Scan, labels: Option<&Arc<Labels>>) -> Scenes {
    let scene = |_| Scene { entries: Vec::new(), complete: scan.complete, labels: labels.cloned() };
    let mut scenes: Vec<Scene> = (0..LANES).map(scene).collect();
    for entry in scan.entries {
        scenes[lane_of(&entry.stream)].entries.push(entry);
    }
    Arc::new(scenes)
}

/// Bounds the patience of a stop.
async fn announce(end: End) -> Result<(), JoinError> {
    tokio::select! {
        () = end.stop.cancelled() => {}
        () = end.closing.cancelled() => return Ok(()),
    }
    tokio::select! {
        () = tokio::time::sleep(STOP_WAIT) => end.give_up.cancel(),
        () = end.closing.cancelled() => {}
    }
    Ok(())
}

/// Writes the position file when something moved, and once at the end.
async fn save(mut positions: PositionFile, shared: Arc<Shared>, closing: CancellationToken) -> Result<(), JoinError> {
    let mut saved = 0;
    loop {
        let last = tokio::select! {
            () = tokio::time::sleep(SAVE_INTERVAL) => false,
            () = closing.cancelled() => true,
        };
        if shared.board.version() != saved {
            let snapshot = shared.board.snapshot();
            saved = snapshot.version;
            let result;
            (positions, result) = spawn_blocking(move || {
                let result = positions.save(&Checkpoint::from(snapshot));
                (positions, result)
            })
            .await?;
            if let Err(error) = result {
                // A cache: the server knows the positions.
                tracing::warn!(%error, "the position file cannot be written; it is tried again");
                saved = 0;
            }
        }
        if last {
            return Ok(());
        }
    }
}

/// Waits for tasks; the first that failed stops the others.
async fn join(mut tasks: JoinSet<Result<(), JoinError>>, stop: &CancellationToken) -> Result<(), CollectError> {
    let mut result = Ok(());
    while let Some(joined) = tasks.join_next().await {
        if let Err(error) = joined.and_then(|ended| ended) {
            result = Err(CollectError::Task(error.to_string()));
            stop.cancel();
        }
    }
    result
}
