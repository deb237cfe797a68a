//! The events of a search on their way to its reader: rows go several at a time. A reader who is as fast as the search would else be woken up for each of them, which takes longer than
//! finding it.
//!
//! Invariants: events come out in the order in which they went in; the search flushes its [`Reader`] before it reads on or ends, so that nothing is held back meanwhile.

use super::request::Event;
use super::ticker::Halt;
use super::turn::Turn;
use crate::row::Row;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};

/// Events that go together at most.
pub(super) const TOGETHER_MAX: usize = 32;

/// The end at which a search tells; each message is some events.
pub(super) type Sender = mpsc::Sender<Vec<Event>>;

/// The end at which a reader takes them, one by one.
#[derive(Debug)]
pub struct Events {
    sent: mpsc::Receiver<Vec<Event>>,
    /// Those of the last message that were not taken yet.
    here: std::vec::IntoIter<Event>,
}

/// Both ends; so many messages wait in between at most.
pub(super) fn channel(messages: usize) -> (Sender, Events) {
    let (sender, sent) = mpsc::channel(messages);
    (sender, Events { sent, here: Vec::new().into_iter() })
}

/// Who reads what is found, as the search sees it.
pub(super) struct Reader<'a> {
    sender: &'a Sender,
    turn: &'a Turn,
    /// Rows that were found and not sent yet.
    found: RefCell<Vec<Event>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sender: &'a Sender, turn: &'a Turn) -> Self {
        Self { sender, turn, found: RefCell::default() }
    }

    /// The threads that searches share.
    pub(super) fn threads(&self) -> &Arc<Semaphore> {
        self.turn.threads()
    }

    /// A row for it, which goes with those that follow at once.
    pub(super) fn row(&self, row: Row, deadline: Instant) -> Result<(), Halt> {
        self.found.borrow_mut().push(Event::Row(Box::new(row)));
        if self.found.borrow().len() >= TOGETHER_MAX { self.flush(deadline) } else { Ok(()) }
    }

    /// Sends the rows that were found.
    pub(super) fn flush(&self, deadline: Instant) -> Result<(), Halt> {
        let found = self.found.take();
        if found.is_empty() { Ok(()) } else { self.send(found, deadline) }
    }

    /// Sends; while the channel is full it waits, and somebody else may search.
    pub(super) fn send(&self, events: Vec<Event>, deadline: Instant) -> Result<(), Halt> {
        let events = match self.sender.try_send(events) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(Halt::Cancelled),
            Err(TrySendError::Full(back)) => back,
        };
        self.turn.wait(deadline, self.sender.reserve())?.map_err(|_| Halt::Cancelled)?.send(events);
        Ok(())
    }
}

impl Events {
    /// The next one; `None` behind the last one.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            match self.here.next() {
                Some(event) => return Some(event),
                None => self.here = self.sent.recv().await?.into_iter(),
            }
        }
    }

    /// The same on a thread that may wait.
    pub fn blocking_recv(&mut self) -> Option<Event> {
        loop {
            match self.here.next() {
                Some(event) => return Some(event),
                None => self.here = self.sent.blocking_recv()?.into_iter(),
            }
        }
    }

    /// The next one, if it is here.
    pub fn try_recv(&mut self) -> Option<Event> {
        loop {
            match self.here.next() {
                Some(event) => return Some(event),
                None => self.here = self.sent.try_recv().ok()?.into_iter(),
            }
        }
    }
}
