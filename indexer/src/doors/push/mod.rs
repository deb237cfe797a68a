//! Lines that clients push, whatever protocol they speak: one way from a request to durable records.
//!
//! ```text
//! token ─► instance ─► rate ─► body ─► key ─► decoder, policy (off the reactor) ─► store ─► what is told
//! ```
//!
//! Each protocol has a file of its own beside this folder, which says how its body is decoded ([`martlog_formats::push`]) and how answers and errors look there. Here is what they
//! share. Invariants: whose the lines are is the token's word, with `?instance=` as a choice among its instances; what was told is durable, and with an
//! `Idempotency-Key` it is told again for a day and stored once; what a request unfolds to is bounded, alone and together with all others.

mod credentials;
mod idempotency;
mod owner;
mod rate;
mod settings;
mod told;

pub use credentials::client_scope;
pub(super) use credentials::ingest;
pub(super) use idempotency::Idempotency;
pub(super) use owner::{of as owner_of, owner};
pub(super) use rate::Rates;
pub use settings::{DoorSettings, Settings};

use super::Doors;
use super::auth::Ingest;
use super::body::{Held, pass_over};
use super::problem::Problem;
use crate::Indexer;
use crate::append::{KeyedPush, Pushed};
use crate::row::Owner;
use crate::stats::Door;
use axum::body::Body;
use axum::http::request::Parts;
use idempotency::{Begun, Turn};
use martlog_formats::parse::Settings as ProfileSettings;
use martlog_formats::push::{Batch, DecodeError, Told, unfolded_bytes_max};
use martlog_formats::{Profile, Record};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What all requests that are being decoded and stored may unfold to, in MiB.
const UNFOLDED_MIB_MAX: usize = 128;

/// The memory for records on their way, in MiB.
#[derive(Debug, Clone)]
pub(super) struct Unfolding(Arc<Semaphore>);

impl Default for Unfolding {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNFOLDED_MIB_MAX)))
    }
}

/// A request whose body is here and whose lines may be stored.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) door: Door,
    pub(super) owner: Arc<Owner>,
    /// The token's id.
    pub(super) token: Arc<str>,
    pub(super) key: Option<Arc<str>>,
    pub(super) body: Held,
}

/// Settles who asks and whose the lines are, and reads the body.
pub(super) async fn receive(doors: &Doors, door: Door, parts: &Parts, body: Body, strict: bool) -> Result<Received, Problem> {
    let settings = doors.settings.of(door);
    let caller = ingest(&doors.indexer, &parts.headers)?;
    let admitted = admit(doors, door, &caller, parts, strict);
    let (owner, key) = match admitted {
        Ok(admitted) => admitted,
        Err(problem) => {
            // Who has a token comes to read why.
            pass_over(&mut body.into_data_stream()).await;
            return Err(problem);
        }
    };
    let body = doors.bodies.read(&parts.headers, body, settings.body_bytes_max).await?;
    doors.rates.spend(door, &caller.token, settings, body.bytes.len(), Instant::now());
    doors.indexer.count_door(door, |counters| counters.bytes(body.bytes.len()));
    Ok(Received { door, owner, token: caller.token, key, body })
}

/// Whose the lines are and under which key, when this token may send now.
fn admit(doors: &Doors, door: Door, caller: &Ingest, parts: &Parts, strict: bool) -> Result<(Arc<Owner>, Option<Arc<str>>), Problem> {
    let settings = doors.settings.of(door);
    if !settings.on {
        return Err(closed());
    }
    let owner = owner(&doors.indexer, caller, &parts.uri, strict)?;
    let key = idempotency::key(&parts.headers)?;
    doors.rates.check(door, &caller.token, settings, Instant::now())?;
    Ok((owner, key))
}

/// The body of a request was compressed in a way of its protocol's own, and is this: what it is larger counts as well.
pub(super) fn unfolded(doors: &Doors, received: &mut Received, body: Held) {
    let more = body.bytes.len().saturating_sub(received.body.bytes.len());
    received.body = body;
    doors.rates.spend(received.door, &received.token, doors.settings.of(received.door), more, Instant::now());
    doors.indexer.count_door(received.door, |counters| counters.bytes(more));
}

/// Decodes and stores; what is told, and what the decoder returned. The decoder may run a second time for a key that is known.
pub(super) async fn store<T, D>(doors: &Doors, received: Received, decode: D) -> Result<(Told, T), Problem>
where
    T: Send + 'static,
    D: FnOnce(&[u8], &mut Batch<'_>) -> Result<T, DecodeError> + Send + 'static,
{
    let turn = match &received.key {
        None => None,
        Some(key) => match idempotency::begin(doors, &received, key).await? {
            Begun::First(turn) => Some(turn),
            Begun::Answered(told) => {
                let decoded = unfold(doors, received, decode).await?;
                return Ok((told, decoded.returned));
            }
            Begun::Running => return Err(idempotency::running()),
            Begun::Reused => return Err(idempotency::reused()),
            Begun::Full => return Err(idempotency::full()),
        },
    };
    let doors = doors.clone();
    // On its own: when the client goes away meanwhile, its key must still know what became of the lines.
    let work = doors.indexer.registry().work().clone();
    let work = work.spawn(async move {
        let (door, owner) = (received.door, Arc::clone(&received.owner));
        let decoded = unfold(&doors, received, decode).await?;
        let told = push(&doors.indexer, door, owner, decoded.records, decoded.told, turn).await?;
        Ok((told, decoded.returned))
    });
    work.await.map_err(|_| failed())?
}

/// What a body came to, with its place in memory.
struct Decoded<T> {
    records: Vec<Record>,
    told: Told,
    returned: T,
    _place: Option<tokio::sync::OwnedSemaphorePermit>,
}

async fn unfold<T, D>(doors: &Doors, received: Received, decode: D) -> Result<Decoded<T>, Problem>
where
    T: Send + 'static,
    D: FnOnce(&[u8], &mut Batch<'_>) -> Result<T, DecodeError> + Send + 'static,
{
    let mib = unfolded_bytes_max(received.body.bytes.len()).div_ceil(1 << 20);
    let place = Arc::clone(&doors.unfolding.0).acquire_many_owned(u32::try_from(mib).unwrap_or(u32::MAX)).await.ok();
    let arrived_ns = crate::append::now_ns();
    let (policy, key) = doors.indexer.registry().policy_of(&received.owner.instance);
    let decoding = tokio::task::spawn_blocking(move || {
        let profile = Profile::with_redaction(ProfileSettings::default(), &policy.redaction, key.as_ref()).map_err(|_| failed())?;
        let body = received.body.bytes;
        let mut batch = Batch::new(&profile, policy.level, arrived_ns, body.len());
        let returned = decode(&body, &mut batch).map_err(refused)?;
        let (records, told) = batch.finish();
        Ok(Decoded { records, told, returned, _place: place })
    });
    decoding.await.map_err(|_| failed())?
}

/// Stores records of an owner, and with them what is told under their key.
async fn push(
    indexer: &Indexer,
    door: Door,
    owner: Arc<Owner>,
    records: Vec<Record>,
    told: Told,
    turn: Option<Turn>,
) -> Result<Told, Problem> {
    let keyed: Option<KeyedPush> = turn.as_ref().map(|turn| turn.keyed(&told));
    crate::append::push(&indexer.engine, Pushed { owner, records, keyed }).await?;
    indexer.count_door(door, |counters| counters.lines(told.verdicts));
    Ok(told)
}

fn refused(error: DecodeError) -> Problem {
    let detail = format!("{error}: nothing of it was stored");
    match error {
        DecodeError::Malformed(_) => Problem::new(400, "bad_body", "The body cannot be read", detail),
        DecodeError::TooMany(lines) => {
            let detail = format!("{detail}; send it in smaller pieces");
            Problem::new(413, "too_many_lines", "The body is too large", detail).with("limit_lines", lines)
        }
        DecodeError::TooLarge(bytes) => {
            let detail = format!("{detail}; send it in smaller pieces, or share fewer attributes");
            Problem::new(413, "too_large", "The body is too large", detail).with("limit_bytes", bytes)
        }
    }
}

fn closed() -> Problem {
    Problem::new(404, "door_closed", "This door is closed", "this server takes no lines this way: its operator has turned it off")
}

pub(super) fn failed() -> Problem {
    Problem::new(500, "internal", "The server failed", "the request could not be worked on: send it again, and tell the server's operator")
}

/// How long a client waits for what is being worked on.
const WORKED_ON: Duration = Duration::from_secs(1);
