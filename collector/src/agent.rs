//! The collector as a whole: survey the files, hand them to the lanes, let them read and ship, tell the server how far it is, remember the positions, stop in order.
//!
//! Every task is joined before [`run`] returns. Blocking file work is on the blocking pool; the reactor only waits and talks.

use crate::board::{Board, Standing};
use crate::checkpoint::{Checkpoint, PositionFile, Remembered, write_board};
use crate::client::{Client, Reply};
use crate::discover::Root;
use crate::identity::Site;
use crate::inbox::{Inbox, Mail};
use crate::kubernetes::Watcher;
use crate::labels::{Claims, LabelFile, Labels};
use crate::lane::{Lane, Shared};
use crate::limits::{
    GROWTH_INTERVAL, INTRODUCTION_WAIT, LANES, POSITIONS_FILES, ROUND_INTERVAL, SAVE_INTERVAL, SAVE_INTERVAL_MAX, SAVE_REST, STOP_WAIT,
};
use crate::policies::{Keeper, Said};
use crate::ship::{self, Shipped};
use crate::spool::Spool;
use crate::survey::{Found, Survey};
use crate::watch::Watch;
use crate::{CollectError, Config, Report, heartbeat};
use martlog_formats::wire::{PositionsRequest, Stream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::Xxh3;

/// The lanes' inboxes.
type Inboxes = Arc<Vec<Inbox>>;

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
    let client = Client::new(&config.server, config.token.clone(), &config.tls).map_err(CollectError::Setup)?;
    let (mut keeper, said) = Keeper::open(client.clone(), &config.state, config.policy_interval);
    let (shared, positions, checkpoint) = open(&config, said)?;
    let (claims, watcher) = claims(&config).await?;
    introduce(&client, &config).await?;
    // What the server says now holds from the first line on.
    if let Ok(asked) = tokio::time::timeout(INTRODUCTION_WAIT, keeper.ask()).await {
        asked.map_err(|error| CollectError::Task(error.to_string()))?;
    }
    let end = End { stop: stop.child_token(), give_up: CancellationToken::new(), closing: CancellationToken::new() };
    let inboxes: Inboxes = Arc::new((0..LANES).map(|_| Inbox::default()).collect());

    let mut helpers = JoinSet::new();
    helpers.spawn(survey(Arc::clone(&shared), claims, Arc::clone(&inboxes), end.clone()));
    if let Some(watcher) = watcher {
        helpers.spawn(watcher.run(end.closing.clone()));
    }
    helpers.spawn(keeper.run(end.closing.clone()));
    helpers.spawn(announce(end.clone()));
    helpers.spawn(heartbeat::beat(client.clone(), config.node.clone(), Arc::clone(&shared), end.closing.clone()));
    helpers.spawn(save(positions, Arc::clone(&shared), end.closing.clone()));

    let mut lanes = JoinSet::new();
    // Until each file is found or missed, the position file goes on saying what it said.
    shared.board.note(checkpoint.files.iter().map(Standing::from));
    for (index, remembered) in share_out(checkpoint).into_iter().enumerate() {
        let lane = Lane::new(Arc::clone(&shared), remembered);
        let mail = Post { inboxes: Arc::clone(&inboxes), lane: index };
        lanes.spawn(drive(lane, client.clone(), config.node.clone(), mail, end.clone()));
    }
    let ended = join(lanes, &end.stop).await;
    let last_word = heartbeat::beat_once(&client, &config.node, &shared);
    // The last heartbeat is worth a moment, not the patience of a stop.
    let _ = tokio::time::timeout(Duration::from_secs(2), last_word).await;
    end.closing.cancel();
    ended.and(join(helpers, &end.stop).await)?;
    Ok(shared.board.report())
}

/// Opens the folders; each error says which one and what to do.
fn open(config: &Config, said: watch::Receiver<Said>) -> Result<(Arc<Shared>, PositionFile, Checkpoint), CollectError> {
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
    let spool = Spool::open(&config.state, config.spool_bytes).map_err(|error| {
        CollectError::Setup(format!("the folder {} cannot be read: {error}; let this user read it", config.state.join("spool").display()))
    })?;
    let checkpoint = with_copies(checkpoint, &spool);
    let site = Site { cluster: config.cluster.clone(), node: config.node.clone() };
    Ok((
        Arc::new(Shared {
            root,
            site,
            board: Board::default(),
            benches: Arc::default(),
            spool,
            again: Mutex::default(),
            rate_limit: config.rate_limit,
            said,
            pulse: config.pulse.clone(),
            once: config.once,
        }),
        positions,
        checkpoint,
    ))
}

/// Copies of files that the position file does not name count as well.
fn with_copies(mut checkpoint: Checkpoint, spool: &Spool) -> Checkpoint {
    for kept in spool.all() {
        if checkpoint.files.iter().all(|file| file.file != kept.file) {
            checkpoint.files.push(Remembered { stream: kept.stream, file: kept.file, name: kept.name, size: kept.to, marks: [0; 2] });
        }
    }
    checkpoint
}

/// Where the pods' labels come from, and who watches them there.
async fn claims(config: &Config) -> Result<(Claims, Option<Watcher>), CollectError> {
    if let Some(access) = &config.kubernetes {
        let (watcher, seen) = Watcher::new(access, &config.node, &config.state).await.map_err(CollectError::Setup)?;
        return Ok((Claims::Watched(seen), Some(watcher)));
    }
    let file = config.pod_labels.clone().map(LabelFile::new);
    Ok((file.map_or(Claims::None, Claims::File), None))
}

/// The first word with the server: a token that it does not take is an error now, a server that is away is not. Files are looked at after it, so it does not take long.
async fn introduce(client: &Client, config: &Config) -> Result<(), CollectError> {
    let request = PositionsRequest { node: config.node.clone(), files: Vec::new() };
    let answer = tokio::time::timeout(INTRODUCTION_WAIT, client.positions(&request)).await;
    match answer.unwrap_or_else(|_| Reply::Later(None, format!("the server at {} does not answer", config.server))) {
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

/// One lane's inbox among all.
#[derive(Debug, Clone)]
struct Post {
    inboxes: Inboxes,
    lane: usize,
}

impl Post {
    fn inbox(&self) -> Option<&Inbox> {
        self.inboxes.get(self.lane)
    }

    fn take(&self) -> Option<Mail> {
        self.inbox()?.take()
    }

    async fn rings(&self) {
        match self.inbox() {
            Some(inbox) => inbox.rings().await,
            None => std::future::pending().await,
        }
    }
}

/// Drives one lane: take in what the survey saw, ask for positions, read, ship, settle, rest.
async fn drive(mut lane: Lane, client: Client, node: String, post: Post, end: End) -> Result<(), JoinError> {
    let once = lane.is_once();
    loop {
        lane.heed();
        lane = adopt(lane, &post).await?;
        lane = match ask(lane, &client, &node, &post, &end.stop).await? {
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
            (lane, shipped) = while_adopting(lane, &post, ship::append(&client, &batch, &end.give_up)).await?;
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
            (lane, _) = while_adopting(lane, &post, rest).await?;
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

async fn adopt(lane: Lane, post: &Post) -> Result<Lane, JoinError> {
    let Some(mail) = post.take() else { return Ok(lane) };
    let (lane, ()) = blocking(lane, move |lane| {
        lane.adopt(mail, Instant::now());
        lane.look_after(Instant::now());
    })
    .await?;
    Ok(lane)
}

/// Waits for something, and meanwhile takes in what the survey sees, and how far files grow: files that are about to vanish are held open however long it takes,
/// and of those that vanish with nobody there it is known how far they went.
async fn while_adopting<T>(mut lane: Lane, post: &Post, work: impl Future<Output = T>) -> Result<(Lane, T), JoinError> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            result = &mut work => return Ok((lane, result)),
            () = post.rings() => lane = adopt(lane, post).await?,
            () = tokio::time::sleep(GROWTH_INTERVAL) => (lane, ()) = blocking(lane, |lane| lane.look_after(Instant::now())).await?,
        }
    }
}

/// Asks for the positions of new files; no lane when it is time to stop.
async fn ask(mut lane: Lane, client: &Client, node: &str, post: &Post, stop: &CancellationToken) -> Result<Option<Lane>, JoinError> {
    loop {
        let mut files = lane.unasked();
        if files.is_empty() {
            return Ok(Some(lane));
        }
        files.truncate(POSITIONS_FILES);
        let request = PositionsRequest { node: node.to_owned(), files };
        let answer;
        (lane, answer) = while_adopting(lane, post, ship::positions(client, &request, stop)).await?;
        match answer {
            Some(answer) => lane.learn(&request.files, &answer),
            None => return Ok(None),
        }
    }
}

/// Surveys the folder of pods until the end, and tells each lane what has changed of its streams.
async fn survey(shared: Arc<Shared>, mut claims: Claims, inboxes: Inboxes, end: End) -> Result<(), JoinError> {
    let mut survey = Survey::new(watch(shared.once), Instant::now());
    let mut told = Told::default();
    if shared.once {
        // Who reads once does not wait for labels later.
        end.stop.run_until_cancelled(claims.settle()).await;
    }
    loop {
        let (found, known);
        (survey, claims, known, found) = {
            let shared = Arc::clone(&shared);
            spawn_blocking(move || {
                survey.wait();
                let again = std::mem::take(&mut *shared.again.lock().unwrap_or_else(PoisonError::into_inner));
                let found = survey.round(&shared.root, again, Instant::now());
                let known = claims.refresh();
                (survey, claims, known, found)
            })
            .await?
        };
        shared.pulse.surveyed();
        match found {
            Ok(found) => told.tell(found, known, &inboxes),
            Err(error) => tracing::warn!(%error, "the folder of pods cannot be listed; it is tried again"),
        }
        if end.stop.is_cancelled() || end.closing.is_cancelled() {
            return Ok(());
        }
    }
}

/// Hints of the kernel, where they are wanted and given. Who reads once looks at everything until nothing changes.
fn watch(once: bool) -> Option<Watch> {
    if once {
        return None;
    }
    Watch::new()
        .inspect_err(|error| {
            tracing::warn!(%error, "the kernel gives no hints of new files, so all folders are looked at all the time; raise fs.inotify.max_user_instances");
        })
        .ok()
}

/// What was said of the survey so far, so that it is said once.
#[derive(Debug, Default)]
struct Told {
    refused: usize,
    incomplete: bool,
    labels: Option<Arc<Labels>>,
}

impl Told {
    /// Puts what was found into the inboxes.
    fn tell(&mut self, found: Found, labels: Option<Arc<Labels>>, inboxes: &[Inbox]) {
        // Before the files of a pod, its labels.
        let changed = labels.filter(|new| self.labels.as_ref().is_none_or(|old| !Arc::ptr_eq(old, new)));
        if let Some(labels) = &changed {
            self.labels.clone_from(&changed);
            inboxes.iter().for_each(|inbox| inbox.put(|mail| mail.labels = Some(Arc::clone(labels))));
        }
        for look in found.looks {
            if let Some(inbox) = inboxes.get(lane_of(&look.container)) {
                inbox.put(|mail| drop(mail.looks.insert(Arc::clone(&look.container), look)));
            }
        }
        let Some(complete) = found.everything else { return };
        for inbox in inboxes {
            inbox.put(|mail| (mail.surveys, mail.complete) = (mail.surveys + 1, complete));
        }
        if found.refused > self.refused {
            let count = found.refused;
            tracing::warn!(count, "symlinks or other things that are no regular files lie among the logs; they are not read");
        }
        if !complete && !self.incomplete {
            tracing::warn!("some folders below the folder of pods cannot be read; the collector's user needs to read them all");
        }
        (self.refused, self.incomplete) = (found.refused, !complete);
    }
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

/// Writes the position file when something moved, and once at the end. One that takes long is written less often; a disk that takes long is waited for, and no
/// reason to remember less.
async fn save(mut positions: PositionFile, shared: Arc<Shared>, closing: CancellationToken) -> Result<(), JoinError> {
    let (mut saved, mut rest) = (0, SAVE_INTERVAL);
    loop {
        let last = tokio::select! {
            () = tokio::time::sleep(rest) => false,
            () = closing.cancelled() => true,
        };
        if shared.board.version() != saved {
            let (mut file, shared) = (positions, Arc::clone(&shared));
            let (composing, result);
            (positions, composing, result) = spawn_blocking(move || {
                let mut composing = Duration::ZERO;
                let written = file.save(|out| {
                    let began = Instant::now();
                    let version = write_board(&shared.board, out);
                    composing = began.elapsed();
                    version
                });
                (file, composing, written)
            })
            .await?;
            rest = (composing * SAVE_REST).clamp(SAVE_INTERVAL, SAVE_INTERVAL_MAX);
            saved = result.unwrap_or_else(|error| {
                // A cache: the server knows the positions.
                tracing::warn!(%error, "the position file cannot be written; it is tried again");
                0
            });
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
