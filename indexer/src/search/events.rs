//! The events of a search on their way to its reader: rows go several at a time. A reader who is as fast as the search would else be woken up for each of them, which takes longer than
//! finding it.
//!
//! Invariants: events come out in the order in which they went in; nothing is held back while the search reads on or waits (see [`super::run`]).

use super::request::Event;
use tokio::sync::mpsc;

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
