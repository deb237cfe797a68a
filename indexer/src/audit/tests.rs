//! Records over a real catalog: bounds, what a crash leaves, and what cannot be written.

use super::*;
use crate::registry::{NewPartner, Principal, Scope};
use std::time::SystemTime;

struct World {
    catalog: Catalog,
    registry: Registry,
    audit: Audit,
    staff: Scope,
    closing: CancellationToken,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(dir.path()).await.unwrap();
        let registry = Registry::open(catalog.clone()).await.unwrap();
        let text = registry.bootstrap_staff_token().await.unwrap().unwrap();
        let Some(Principal::Reader(staff)) = registry.authenticate(&text) else { panic!("no reader") };
        let closing = CancellationToken::new();
        let audit = Audit::open(catalog.clone(), registry.clone(), closing.clone()).await.unwrap();
        Self { catalog, registry, audit, staff, closing, _dir: dir }
    }

    async fn read(&self) -> Vec<serde_json::Value> {
        let wanted = Wanted { from_ns: i64::MIN, to_ns: i64::MAX, action: None, limit: 1_000, before: None };
        self.audit.read(&self.staff, &wanted).await.unwrap().0
    }
}

fn question(action: Action, query: &str) -> Question {
    Question { action, query: Some(query.to_owned()), range: Some((1, 2)), subject: None, reach: Reach::Everything }
}

fn asker() -> Asker {
    Asker { remote: Some([10, 0, 0, 1].into()), request_id: "r-1".to_owned() }
}

#[tokio::test]
async fn an_export_is_kept_before_it_is_answered_and_a_crash_in_it_is_told() {
    let world = World::new().await;
    let export = world.audit.begin(&world.staff, &asker(), question(Action::Export, "a"));
    export.keep().await.unwrap();
    // Read beside the program, as after a crash.
    let outcomes =
        async || -> Vec<String> { sqlx::query_scalar("SELECT outcome FROM audit").fetch_all(world.catalog.pool()).await.unwrap() };
    assert_eq!(outcomes().await, ["begun"]);
    std::mem::forget(export);
    world.closing.cancel();
    let again = Audit::open(world.catalog.clone(), world.registry.clone(), CancellationToken::new()).await.unwrap();
    assert_eq!(outcomes().await, ["cut off"]);
    again.begin(&world.staff, &asker(), question(Action::Export, "b")).end(Ended::Complete);
    again.close().await;
    assert_eq!(outcomes().await, ["cut off", "complete"]);
}

#[tokio::test]
async fn whoever_asks_much_pushes_out_its_own_ordinary_records_alone() {
    let world = World::new().await;
    world.registry.create_partner(NewPartner { id: "acme".into(), name: None }).await.unwrap();
    world.audit.begin(&world.staff, &asker(), question(Action::Search, "by staff")).end(Ended::Complete);
    world.audit.begin(&world.staff, &asker(), question(Action::Export, "an export")).end(Ended::Complete);
    let template = world.read().await;
    assert_eq!((template.len(), &template[0]["remote"], &template[0]["request_id"]), (2, &"10.0.0.1".into(), &"r-1".into()));
    // As many again as may be kept, of one partner.
    let now_ns = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let many = i64::from(OF_ONE_MAX) + 10;
    let insert = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1) \
        INSERT INTO audit (id, last_ns, times, action, weighty, kind, token, partner, erased, row_count, byte_count, duration_ms, outcome, everything) \
        SELECT ?2 + i, ?2 + i, 1, 'search', 0, 'partner', 't', 'acme', 0, 0, 0, 0, 'complete', 1 FROM n";
    sqlx::query(insert).bind(many).bind(now_ns).execute(world.catalog.pool()).await.unwrap();
    let old = "INSERT INTO audit SELECT ?, last_ns, times, action, weighty, kind, token, note, partner, instances, query, erased, subject, from_ns, to_ns, \
        row_count, byte_count, duration_ms, outcome, remote, request_id, everything, quotable_to FROM audit WHERE action = 'export'";
    let age_ns = i64::try_from(KEPT.as_nanos()).unwrap() + 1_000_000_000;
    sqlx::query(old).bind(now_ns - age_ns).execute(world.catalog.pool()).await.unwrap();
    world.catalog.prune_audit().await.unwrap();
    let count = async |of: &'static str| -> i64 { sqlx::query_scalar(of).fetch_one(world.catalog.pool()).await.unwrap() };
    assert_eq!(count("SELECT count(*) FROM audit WHERE partner = 'acme'").await, i64::from(OF_ONE_MAX));
    assert_eq!(count("SELECT count(*) FROM audit WHERE partner IS NULL").await, 2, "what is too old is gone");
    assert_eq!(count("SELECT min(id) FROM audit WHERE partner = 'acme'").await, now_ns + 10, "the oldest went");
}

#[tokio::test]
async fn what_cannot_be_kept_is_counted() {
    let world = World::new().await;
    for n in 0..MEMORY_MAX + 7 {
        // Each another question: nothing can be added to another.
        world.audit.begin(&world.staff, &asker(), question(Action::Search, &format!("q{n}"))).end(Ended::Complete);
    }
    world.audit.write().await.unwrap();
    world.audit.shared.memory.lock().forget();
    world.audit.write().await.unwrap();
    let lost: Vec<u64> =
        world.read().await.iter().filter(|record| record["action"] == "lost").filter_map(|record| record["rows"].as_u64()).collect();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE action = 'search'").fetch_one(world.catalog.pool()).await.unwrap();
    assert_eq!(lost.iter().sum::<u64>() + u64::try_from(kept).unwrap(), MEMORY_MAX as u64 + 7);
    assert!(!lost.is_empty());
}

#[tokio::test]
async fn a_long_text_is_kept_by_its_beginning() {
    let world = World::new().await;
    world.audit.begin(&world.staff, &asker(), question(Action::Search, &"é".repeat(QUERY_BYTES_MAX))).end(Ended::Complete);
    let records = world.read().await;
    let text = records[0]["query"].as_str().unwrap();
    assert!(text.len() <= QUERY_BYTES_MAX + 3 && text.ends_with("é…"), "{}", text.len());
}

#[tokio::test]
async fn a_question_that_an_erasure_overtakes_brings_no_text_back() {
    let world = World::new().await;
    let search = world.audit.begin(&world.staff, &asker(), question(Action::Search, "79123456789"));
    let export = world.audit.begin(&world.staff, &asker(), question(Action::Export, "account 79123456789"));
    export.keep().await.unwrap();
    world.audit.forget_account("+7 912 345-67-89").await.unwrap();
    search.end(Ended::Complete);
    export.end(Ended::Complete);
    world.audit.begin(&world.staff, &asker(), question(Action::Search, "another")).end(Ended::Complete);
    let texts: Vec<(bool, String)> = world
        .read()
        .await
        .iter()
        .map(|record| (record["query_erased"] == true, record["query"].as_str().unwrap_or("-").to_owned()))
        .collect();
    assert_eq!(texts, [(false, "another".to_owned()), (true, "-".to_owned()), (true, "-".to_owned())]);
}

#[tokio::test]
async fn a_request_that_is_dropped_while_it_writes_loses_nobodys_record() {
    use std::future::Future as _;
    let (world, mut dropped) = (World::new().await, 0);
    for n in 0..200 {
        world.audit.begin(&world.staff, &asker(), question(Action::Export, &format!("q{n}"))).end(Ended::Complete);
        // Polled once and dropped: somewhere in the transaction.
        let mut write = Box::pin(world.audit.write());
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(write.as_mut().poll(context))).await;
        dropped += usize::from(polled.is_pending());
    }
    assert!(dropped > 0, "some were cut off");
    assert_eq!(world.read().await.len(), 200);
}
