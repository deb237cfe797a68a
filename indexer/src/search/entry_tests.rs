//! Searching through the front door: a real folder, a real registry, tokens that are revoked.

use super::predicate::{Pattern, Predicate};
use super::request::{Event, HistogramRequest, Order, SearchError, SearchRequest, TailCursor, TailEvent, TailRequest};
use super::testing::{folder, owner, row};
use crate::registry::{Kind, NewToken, Principal, Scope};
use crate::{Indexer, Options};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn request(word: &str) -> SearchRequest {
    SearchRequest {
        predicate: Arc::new(Predicate::Word(Pattern(word.to_owned()))),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        order: Order::OldestFirst,
        limit: 100,
        after: None,
        as_of_ns: None,
        count: true,
        quarantine: false,
        deadline: Instant::now() + Duration::from_secs(20),
    }
}

async fn messages(indexer: &Indexer, scope: &Scope, request: SearchRequest) -> Result<Vec<String>, SearchError> {
    let mut events = indexer.search(scope, request);
    let mut rows = Vec::new();
    while let Some(event) = events.recv().await {
        match event {
            Event::Row(row) => rows.push(row.record.message),
            Event::Summary(summary) => {
                assert_eq!(summary.matched, rows.len() as u64);
                return Ok(rows);
            }
            Event::Error(error) => return Err(error),
            Event::Progress { .. } => {}
        }
    }
    panic!("the search ended without a summary");
}

async fn staff(indexer: &Indexer) -> Scope {
    let new = NewToken { kind: Kind::Staff, partner: None, instances: None, cluster: None, expires_at: None, note: None };
    let minted = indexer.registry().mint_token(new).await.unwrap();
    match indexer.registry().authenticate(&minted.text) {
        Some(Principal::Reader(scope)) => scope,
        other => panic!("a staff token reads: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_pushed_is_found_counted_and_tailed_until_the_token_is_revoked() {
    let folder = folder();
    let indexer = Indexer::open(folder.path(), Options { search_threads: 1, ..Options::default() }).await.unwrap();
    let (scope, owner) = (staff(&indexer).await, owner("p1", "m1", "i1"));
    let push = async |texts: &[&str]| {
        let records = texts.iter().map(|text| row(&owner, 0, 0, 1_000, text, "").record).collect();
        indexer.push(owner.clone(), records).await.unwrap();
    };
    push(&["hello one", "other"]).await;
    indexer.flush().await.unwrap();
    push(&["hello two"]).await;
    assert_eq!(messages(&indexer, &scope, request("hello")).await.unwrap(), ["hello one", "hello two"]);
    let histogram = HistogramRequest {
        predicate: request("hello").predicate,
        from_ns: 0,
        to_ns: 2_000,
        interval_ns: 500,
        by: None,
        quarantine: false,
        deadline: Instant::now() + Duration::from_secs(20),
    };
    let counted = indexer.histogram(&scope, histogram).await.unwrap();
    assert_eq!(counted.buckets.iter().map(|bucket| (bucket.start_ns, bucket.count)).collect::<Vec<_>>(), [(1_000, 2)]);

    let after = Some(TailCursor { arrived_ns: 0, seq: 0 });
    let mut tail = indexer.tail(&scope, TailRequest { predicate: Arc::new(Predicate::All), after, quarantine: false });
    push(&["live"]).await;
    for wanted in ["hello one", "other", "hello two", "live"] {
        assert!(matches!(tail.recv().await, Some(TailEvent::Row(row, _)) if row.record.message == wanted), "{wanted}");
    }
    // The registry keeps the last staff token.
    staff(&indexer).await;
    indexer.registry().revoke_token(scope.token_id()).await.unwrap();
    let revoked = Instant::now();
    assert!(matches!(tail.recv().await, Some(TailEvent::End(_))));
    assert!(revoked.elapsed() < Duration::from_secs(1));
    indexer.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_gets_no_thread_in_time_says_so() {
    let folder = folder();
    let indexer = Indexer::open(folder.path(), Options { search_threads: 1, ..Options::default() }).await.unwrap();
    let scope = staff(&indexer).await;
    let busy = indexer.searches.clone().acquire_owned().await.unwrap();
    let soon = SearchRequest { deadline: Instant::now() + Duration::from_millis(50), ..request("a") };
    assert!(matches!(messages(&indexer, &scope, soon).await, Err(SearchError::Deadline)));
    drop(busy);
    assert_eq!(messages(&indexer, &scope, request("a")).await.unwrap(), [] as [&str; 0]);
    indexer.close().await;
}
