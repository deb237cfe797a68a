//! `tail`: lines as they arrive, over a WebSocket, behind the newest of the hour before.
//!
//! ```text
//! {"streams": [{"stream": {…}, "values": [["ns", "line"], …]}, …], "dropped_entries": [{"labels": {}, "timestamp": "ns"}]}
//! ```
//!
//! Between the lines of before and those that arrive there is no hole and none twice: the former are what was there at a moment, the latter what arrived behind it. `dropped_entries` says that retention was
//! faster than the reader. A connection takes a place among the tails of all and of the token. Its task is that of the connection, and ends with its reader, its token or the
//! store, so that nothing is left running behind it.

use super::answer::failed;
use super::ask::{Ask, Bounds};
use super::lines::{Entry, Gather, gathered, is_categorized, streams};
use super::{Answered, bad, entry};
use crate::http::record;
use crate::logql::{Expr, parse};
use crate::pipes::Through;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use martlog_indexer::audit::{Action, Ended, Open};
use martlog_indexer::search::{TailCursor, TailEvent, TailRequest};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// Between two signs of life: below the minute after which proxies close a silent connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Lines that are sent together.
const TOGETHER: usize = 100;
/// What a reader may send, bytes: it has nothing to say.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// The longest that lines may be held back, as Loki has it.
const DELAY_S_MAX: u64 = 5;

pub(super) async fn tail(upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>, ask: Ask) -> Answered {
    let Expr::Log(query) = parse(ask.query()?)? else { return Err(bad("parse error : a tail shows lines: write a log query")) };
    if let Some(text) = ask.get("delay_for")
        && text.parse::<u64>().ok().is_none_or(|seconds| seconds > DELAY_S_MAX)
    {
        return Err(bad(format!("delay_for can't be greater than {DELAY_S_MAX}")));
    }
    let (limit, start_ns) = (ask.limit()?, ask.bounds()?.start_ns);
    let upgrade = upgrade.map_err(|rejection| bad(format!("a tail is a WebSocket: {}", rejection.body_text())))?;
    let place = ask.app.tail_place(&ask.scope)?;
    let bounds = Bounds { start_ns, end_ns: i64::MAX };
    let (from_ns, to_ns) = entry::stored(start_ns, ask.now_ns.saturating_add(crate::time::AHEAD_MAX));
    let asked = ask.planned(&query, None, from_ns, to_ns).await?;
    let mut open = record::begin(&ask.app, &ask.scope, &ask.asker, Action::Tail, &asked.translated.query, &asked.plan);
    open.tell();
    let as_of_ns = ask.app.indexer.store().view(&ask.scope, asked.plan.quarantine).as_of_ns;
    let gather = Gather::new(&asked, bounds, false, limit);
    let before = gathered(&ask, &asked, gather, Some(as_of_ns), Instant::now()).await.map_err(|refusal| failed(&mut open, refusal))?;
    let (mut before, ..) = before.0.finish();
    before.reverse();
    let request = TailRequest {
        predicate: asked.plan.predicate.clone(),
        after: Some(TailCursor { arrived_ns: as_of_ns, seq: u64::MAX }),
        quarantine: asked.plan.quarantine,
    };
    let events = ask.app.indexer.tail(&ask.scope, request);
    let tail = Tail { categorized: is_categorized(&ask), through: Through::new(&asked.plan.steps), asked, ask, events, open };
    Ok(upgrade.max_message_size(MESSAGE_BYTES_MAX).on_upgrade(move |socket| async move {
        tail.run(socket, before).await;
        drop(place);
    }))
}

/// A tail under way.
struct Tail {
    ask: Ask,
    asked: super::ask::Asked,
    through: Through,
    categorized: bool,
    events: mpsc::Receiver<TailEvent>,
    open: Open,
}

/// Why a tail ends: what its reader is told.
type End = Option<(u16, &'static str)>;

impl Tail {
    async fn run(mut self, mut socket: WebSocket, before: Vec<Entry>) {
        let end = match self.send(&mut socket, before).await {
            Ok(()) => self.follow(&mut socket).await,
            Err(end) => end,
        };
        self.open.finish(Ended::Complete);
        if let Some((code, reason)) = end {
            let _gone = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
        }
    }

    async fn follow(&mut self, socket: &mut WebSocket) -> End {
        let mut ticks = interval(KEEP_ALIVE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(TOGETHER);
        loop {
            let done = tokio::select! {
                said = socket.recv() => match said {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => Err(None),
                    Some(Ok(_)) => Ok(()),
                },
                many = self.events.recv_many(&mut batch, TOGETHER) => match many {
                    0 => Err(Some((close_code::AWAY, "the server is stopping"))),
                    _ => self.pass(socket, &mut batch).await,
                },
                _ = ticks.tick() => socket.send(Message::Ping(Vec::new().into())).await.map_err(|_| None),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Passes on what has arrived.
    async fn pass(&mut self, socket: &mut WebSocket, batch: &mut Vec<TailEvent>) -> Result<(), End> {
        // What waits here was found before: nothing of it goes to a token that was revoked meanwhile.
        if !self.ask.app.indexer.registry().still_valid(&self.ask.scope) {
            return Err(Some((close_code::POLICY, "the token was revoked or has expired")));
        }
        let mut entries = Vec::new();
        for event in batch.drain(..) {
            match event {
                TailEvent::Row(row, _) => {
                    let row = self.through.line(*row);
                    entries.extend(row.map(|row| Entry::new(row, &self.asked.translated.names, &self.asked.translated.shown)));
                }
                TailEvent::Gone { from_ns, .. } => {
                    let dropped = json!({"streams": [], "dropped_entries": [{"labels": {}, "timestamp": from_ns.to_string()}]});
                    socket.send(Message::Text(dropped.to_string().into())).await.map_err(|_| None)?;
                }
                TailEvent::Status(_) => {}
                TailEvent::End(reason) => {
                    self.send(socket, std::mem::take(&mut entries)).await?;
                    return Err(Some((close_code::AWAY, reason)));
                }
            }
        }
        self.send(socket, entries).await
    }

    async fn send(&mut self, socket: &mut WebSocket, entries: Vec<Entry>) -> Result<(), End> {
        if entries.is_empty() {
            return Ok(());
        }
        entries.iter().for_each(|entry| self.open.row(&entry.owner, entry.text.len()));
        let told = json!({"streams": streams(entries, self.categorized)});
        socket.send(Message::Text(told.to_string().into())).await.map_err(|_| None)
    }
}
