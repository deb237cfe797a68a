//! The child that is killed: opens the store and goes on with the script as a collector would, from wherever the marks are.
//!
//! On stdout, a line each: `begun N` before a step, `done N` when everything of it has been acknowledged; `merges N` before everything expires.

use crate::harness::{CLUSTER, batch, open_with, staff};
use crate::script::{API, BILL, LOST, Step, WEB, WEB_ERRORS, gap, pushed, steps};
use martlog_formats::wire::{Part, PartAnswer};
use martlog_indexer::registry::{Kind, NewInstance, NewModule, NewPartner, NewToken, Selector};
use martlog_indexer::{Indexer, Options};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// A child that takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tiny bounds: a part or two fill a segment, three appends the live buffers.
pub(crate) fn options() -> Options {
    Options { wal_segment_bytes: 8 << 10, wal_bytes_max: 64 << 10, live_bytes_max: 32 << 10, ..Options::default() }
}

/// One thread for tasks and one for what blocks, so that a run is much like the one before.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap()
}

/// The process: steps from this one on.
pub(crate) fn main(dir: &Path, from: usize) {
    std::thread::spawn(|| {
        std::thread::sleep(PATIENCE);
        eprintln!("the child is stuck");
        std::process::exit(3);
    });
    let say = |line: String| {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{line}").and_then(|()| stdout.flush()).unwrap();
    };
    runtime().block_on(async {
        let indexer = open_with(dir, options()).await;
        run(indexer, dir, from, say).await.close().await;
    });
}

/// Runs the steps from this one on.
pub(crate) async fn run(mut indexer: Indexer, dir: &Path, from: usize, say: impl Fn(String)) -> Indexer {
    for (number, step) in steps().into_iter().enumerate().skip(from) {
        if step == Step::Retain {
            say(format!("merges {}", indexer.stats().merges));
        }
        say(format!("begun {number}"));
        indexer = step.run(indexer, dir).await;
        say(format!("done {number}"));
    }
    indexer
}

impl Step {
    /// Does it; the store afterwards.
    pub(crate) async fn run(self, indexer: Indexer, dir: &Path) -> Indexer {
        match self {
            Self::Setup => {
                for (module, app) in [("sms", "web"), ("sms", "api"), ("billing", "bill")] {
                    register(&indexer, module, app).await;
                }
                let (kind, instances) = (Kind::Ingest, Some(vec!["billing-bill".to_owned()]));
                let new = NewToken { kind, partner: None, instances, cluster: None, expires_at: None, note: None };
                indexer.registry().mint_token(new).await.unwrap();
            }
            Self::Append(number) => append(&indexer, number).await,
            Self::Gap => deliver(&indexer, vec![gap()]).await,
            Self::Push(number) => {
                let owner = indexer.registry().instance("billing-bill").unwrap();
                let (token, id) = (ingest_token(&indexer).await, [u8::try_from(number).unwrap(); 32]);
                while indexer.push_once(owner.clone(), pushed(number), &token, id).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Self::MergeDuring(number) => {
                let (merged, ()) = tokio::join!(indexer.merge_all(), append(&indexer, number));
                merged.unwrap();
            }
            Self::Flush => indexer.flush().await.unwrap(),
            Self::FlushDuring(number) => {
                let (flushed, ()) = tokio::join!(indexer.flush(), append(&indexer, number));
                flushed.unwrap();
            }
            Self::Release => {
                register(&indexer, "sms", "lost").await;
                let owner = indexer.registry().instance("sms-lost").unwrap();
                while indexer.release("uid-lost", owner.clone()).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            Self::Retain => return retain(indexer, dir).await,
        }
        indexer
    }
}

/// The id of the token whose keys the pushes have: one that is there, or they would be forgotten with it.
async fn ingest_token(indexer: &Indexer) -> String {
    let staff = staff(indexer).await;
    let mut ids: Vec<String> =
        indexer.registry().tokens(&staff).iter().filter(|token| token.kind == Kind::Ingest).map(|token| token.id.to_string()).collect();
    // A kill in the setup may leave two.
    ids.sort();
    ids.remove(0)
}

/// Two collectors at once.
async fn append(indexer: &Indexer, number: u64) {
    let shop: Vec<Part> = [WEB, WEB_ERRORS, API, LOST].map(|source| source.part(number)).into();
    tokio::join!(deliver(indexer, shop), deliver(indexer, vec![BILL.part(number)]));
}

/// Everything in splits expires.
async fn retain(indexer: Indexer, dir: &Path) -> Indexer {
    indexer.close().await;
    drop(indexer);
    let indexer = open_with(dir, Options { retention_age_max: Some(Duration::ZERO), ..options() }).await;
    while indexer.stats().splits > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    indexer.close().await;
    drop(indexer);
    open_with(dir, options()).await
}

/// Sends parts until all of them are durable. The marks say what is; a part that was stored before is acknowledged as well.
async fn deliver(indexer: &Indexer, parts: Vec<Part>) {
    let bytes = batch(&parts);
    loop {
        let answer = indexer.append(CLUSTER, &bytes).await.unwrap();
        let mut waits = false;
        for part in answer.parts {
            match part {
                PartAnswer::Durable { .. } => {}
                PartAnswer::Later { code: 429, .. } => waits = true,
                other => panic!("{other:?}"),
            }
        }
        if !waits {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An instance `<module>-<app>` for the pods of this name, and what it needs. Registering again what is there changes nothing.
async fn register(indexer: &Indexer, module: &str, app: &str) {
    let registry = indexer.registry();
    registry.create_partner(NewPartner { id: "acme".into(), name: None }).await.unwrap();
    registry
        .create_module(NewModule { id: module.into(), partner: "acme".into(), name: None, retention: None, policy: None })
        .await
        .unwrap();
    let labels = BTreeMap::from([("app".to_string(), app.to_string())]);
    let instance = NewInstance {
        id: format!("{module}-{app}"),
        module: module.into(),
        csp: "434".into(),
        environment: None,
        selector: Selector { namespace: "shop".into(), labels },
        retention: None,
        policy: None,
    };
    registry.create_instance(instance).await.unwrap();
}
