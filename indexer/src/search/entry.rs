//! Searching, as the rest of the program asks for it: off the reactor, on a bounded number of threads, ended when nobody waits.

use super::aggregate::{AggregateRequest, Group};
use super::count::{CountRequest, Counted};
use super::events::{self, Events, TOGETHER_MAX};
use super::needs::instances_of;
use super::predicate::Predicate;
use super::request::{Event, Histogram, HistogramRequest, SearchError, SearchRequest, TailEvent, TailRequest};
use super::tail::{Cancel, Feed};
use super::turn::Turn;
use super::{aggregate, count, histogram, run, tail};
use crate::Indexer;
use crate::live::Chunk;
use crate::registry::Scope;
use crate::store::View;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};

/// Events that wait for the reader at most; then the search or the tail waits.
const EVENTS_WAITING_MAX: usize = 64;

impl Indexer {
    /// Rows in their order, progress, and one summary or error at the end. The search waits for its reader, without keeping others from
    /// searching meanwhile, and ends within 100 ms when the receiver is dropped.
    #[must_use]
    pub fn search(&self, scope: &Scope, request: SearchRequest) -> Events {
        let (sender, receiver) = events::channel(EVENTS_WAITING_MAX / TOGETHER_MAX);
        let (indexer, scope) = (self.clone(), scope.clone());
        tokio::spawn(async move {
            let waiting = sender.clone();
            let permit = tokio::select! {
                permit = permit(indexer.searches.clone(), request.deadline) => permit,
                () = waiting.closed() => return,
            };
            let work = match permit {
                Ok(permit) => tokio::task::spawn_blocking(move || {
                    let turn = Turn::new(indexer.searches.clone(), permit, Handle::current());
                    let view = indexer.view_for(&scope, request.quarantine, &request.predicate);
                    run::execute(&view, &scope, &request, &sender, &turn);
                }),
                Err(error) => return drop(waiting.send(vec![Event::Error(error)]).await),
            };
            if work.await.is_err() {
                let error = SearchError::Store("the search broke off: please report it".to_owned());
                let _ = waiting.send(vec![Event::Error(error)]).await;
            }
        });
        receiver
    }

    /// Exact counts over time.
    ///
    /// # Errors
    /// When it takes too long or the store cannot be read.
    pub async fn histogram(&self, scope: &Scope, request: HistogramRequest) -> Result<Histogram, SearchError> {
        let (deadline, quarantine, predicate) = (request.deadline, request.quarantine, request.predicate.clone());
        self.counted(scope, deadline, quarantine, &predicate, move |view, scope, cancelled, threads| {
            histogram::count(view, scope, &request, cancelled, threads)
        })
        .await
    }

    /// Statistics of fields by groups, by ascending key.
    ///
    /// # Errors
    /// When it takes too long, has too many groups, or the store cannot be read.
    pub async fn aggregate(&self, scope: &Scope, request: AggregateRequest) -> Result<Vec<Group>, SearchError> {
        let (deadline, quarantine, predicate) = (request.deadline, request.quarantine, request.predicate.clone());
        self.counted(scope, deadline, quarantine, &predicate, move |view, scope, cancelled, threads| {
            aggregate::aggregate(view, scope, &request, cancelled, threads)
        })
        .await
    }

    /// How many rows match, as far as the request's bounds allow. One that gets no thread in time counts nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count(&self, scope: &Scope, request: CountRequest) -> Result<Counted, SearchError> {
        let (deadline, quarantine, predicate) = (request.deadline, request.quarantine, request.predicate.clone());
        let work = move |view: &View, scope: &Scope, cancelled: &(dyn Fn() -> bool + Sync), threads| {
            count::count(view, scope, &request, cancelled, threads)
        };
        match self.counted(scope, deadline, quarantine, &predicate, work).await {
            Err(SearchError::Deadline) => Ok(Counted::default()),
            counted => counted,
        }
    }

    /// Lets `work` count what the scope sees now, on all threads that are free.
    async fn counted<T: Send + 'static>(
        &self,
        scope: &Scope,
        deadline: Instant,
        quarantine: bool,
        predicate: &Predicate,
        work: impl FnOnce(&View, &Scope, &(dyn Fn() -> bool + Sync), usize) -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let permit = permit(self.searches.clone(), deadline).await?;
        let more = more(&self.searches);
        let (view, scope) = (self.view_for(scope, quarantine, predicate), scope.clone());
        let cancel = Cancel::default();
        let cancelled = cancel.flag();
        let work = tokio::task::spawn_blocking(move || {
            let counted = work(&view, &scope, &cancelled, 1 + more.len());
            drop((permit, more));
            counted
        });
        work.await.unwrap_or_else(|_| Err(SearchError::Store("the search broke off: please report it".to_owned())))
    }

    /// What the scope sees now of the modules that can have a row that matches.
    fn view_for(&self, scope: &Scope, quarantine: bool, predicate: &Predicate) -> View {
        self.store().view_of(scope, quarantine, instances_of(predicate).as_deref())
    }

    /// Rows as they arrive, from now or behind a cursor, in the order of arrival. It ends within a second when the scope is revoked.
    #[must_use]
    pub fn tail(&self, scope: &Scope, request: TailRequest) -> mpsc::Receiver<TailEvent> {
        let (sender, receiver) = mpsc::channel(EVENTS_WAITING_MAX);
        tokio::spawn(tail::follow(Arc::new(self.clone()), scope.clone(), request, sender));
        receiver
    }
}

/// Waits for a thread, no longer than the deadline.
async fn permit(threads: Arc<Semaphore>, deadline: Instant) -> Result<OwnedSemaphorePermit, SearchError> {
    match tokio::time::timeout_at(deadline.into(), threads.acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) => Err(SearchError::Store("the store is closing".to_owned())),
        Err(_) => Err(SearchError::Deadline),
    }
}

/// The threads that nobody else uses now.
pub(super) fn more(threads: &Arc<Semaphore>) -> Vec<OwnedSemaphorePermit> {
    std::iter::from_fn(|| threads.clone().try_acquire_owned().ok()).collect()
}

impl Feed for Indexer {
    fn view(&self, scope: &Scope, quarantine: bool) -> View {
        self.store().view(scope, quarantine)
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Chunk>> {
        self.store().subscribe()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.registry().changes()
    }

    fn still_valid(&self, scope: &Scope) -> bool {
        self.registry().still_valid(scope)
    }

    fn threads(&self) -> Arc<Semaphore> {
        self.searches.clone()
    }
}
