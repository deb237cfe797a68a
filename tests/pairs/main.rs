//! Nobody sees anything of somebody else: requests at random over every endpoint, as every kind of token, to a server that holds everything and to one that holds only what the
//! token may see.
//!
//! ```text
//! cargo test --test pairs -- --pairs 20000 [--seed N]
//!
//! request ─┬─► the big server ─► no name, marker or id of others in it
//!          │                  └► for plain filters: the lines that a naive oracle finds
//!          └─► the token's twin ─► the same answer
//! ```
//!
//! Between the questions the servers flush and merge, each at its own time, and in the middle all are killed and started again. Without `--pairs` it does nothing: `tests/run isolation` runs it. It begins with a check of itself: with the staff's token in the place of a partner's it must find each kind
//! of fault. It ends with figures, and fails when one answer was wrong. The seed makes the same lines and requests again.

// Helpers of tests may fail as loudly as tests, and this one says what it measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr, clippy::exit)]

mod ask;
#[path = "../harness/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of the other binary")]
mod harness;
mod judge;
mod oracle;
mod pair;
mod site;
mod world;

use ask::Asker;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use judge::{Fault, Judge};
use pair::{Figures, Pair, Reader};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use site::Site;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{RwLock, Semaphore};
use world::{Grant, World};

/// Pairs under way at once.
const AT_ONCE: usize = 4;
/// Pairs of the check of itself.
const SELF_CHECK: usize = 400;
/// Faults that are shown.
const SHOWN: usize = 12;

struct Plan {
    pairs: usize,
    seed: u64,
}

#[tokio::main]
async fn main() {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        return println!("pairs: takes minutes; run it with tests/run isolation");
    };
    println!("pairs: {} with --seed {}", plan.pairs, plan.seed);
    let begin = Instant::now();
    let world = World::new(plan.seed);
    let grants = world.grants();
    let everything = Grant { partner: None, instances: None };
    let (world, grants) = (&world, &grants);
    // The first is the big one, the others twins in the order of the grants.
    let held = std::iter::once(&everything).chain(grants);
    let sites: Vec<Site> = join_all(held.enumerate().map(|(at, grant)| Site::start(world, grant, at))).await;
    let (big, twins) = sites.split_first().expect("the big server");
    let mut readers = Vec::new();
    for (grant, twin) in grants.iter().zip(twins) {
        let on_big = Reader::new(world, grant, big).await;
        let mut on_twin = None;
        // What others of the partner made within the grant is there, too.
        for other in grants.iter().filter(|other| other.is_within(grant)) {
            let reader = Reader::new(world, other, twin).await;
            if other == grant {
                on_twin = Some(reader);
            }
        }
        readers.push([on_big, on_twin.expect("the grant is within itself")]);
    }
    println!(
        "{} servers with {} lines, {} grants: ready after {} s",
        sites.len(),
        world.lines.len(),
        grants.len(),
        begin.elapsed().as_secs()
    );

    let staff = grants.len() - 1;
    let (places, running, asked) = (Semaphore::new(AT_ONCE), RwLock::new(()), AtomicUsize::new(0));
    let ask = |grant: usize, seen_by: usize, pairs: usize| {
        let judge = Judge { world, grant: &grants[grant], foreign: world.foreign(&grants[grant]) };
        let (readers, twins, places, running, asked) = (&readers, twins, &places, &running, &asked);
        let asker = Asker { world, grant: &grants[grant], at: grant, grants };
        let mut rng = StdRng::seed_from_u64(plan.seed.wrapping_mul(1_000).wrapping_add(grant as u64));
        async move {
            let mut figures = Figures::default();
            for _ in 0..pairs {
                let request = asker.request(&mut rng);
                // What a partner may not do, the staff may.
                if seen_by != grant && request.changes() {
                    continue;
                }
                let pair = Pair { world, judge: &judge, readers, big, twin: &twins[grant], grant, seen_by, request: &request };
                let _place = places.acquire().await.expect("a place");
                let _running = running.read().await;
                let faults = pair.ask().await;
                asked.fetch_add(1, Ordering::Relaxed);
                figures.count(&request, faults);
            }
            figures
        }
    };

    // A wrong twin: the staff's answers are no partner's. If that is not seen, nothing would be.
    let wrong = ask(0, staff, SELF_CHECK).await;
    println!("check of itself: {}", wrong.told());
    for fault in [Fault::Foreign, Fault::Different, Fault::Oracle] {
        assert!(wrong.of(fault) > SELF_CHECK / 100, "the staff's answers passed for a partner's: {fault:?} was not seen");
    }

    let begin = Instant::now();
    let share = plan.pairs.div_ceil(grants.len());
    let splits = || sites.iter().map(Site::splits).collect::<Vec<_>>();
    let before = splits();
    let all = stream::iter(0..grants.len()).map(|grant| ask(grant, grant, share)).buffer_unordered(grants.len()).collect();
    let half = asked.load(Ordering::Relaxed) + plan.pairs / 2;
    let restart = async {
        while asked.load(Ordering::Relaxed) < half {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let _alone = running.write().await;
        join_all(sites.iter().map(Site::restart)).await;
        join_all(readers.iter().flatten().map(|reader| reader.export(world))).await;
    };
    let (all, ()): (Vec<Figures>, ()) = tokio::join!(all, restart);
    assert_ne!(before[0], splits()[0], "nothing was flushed or merged meanwhile");
    println!("all servers were killed and started again behind {half} questions; splits before and behind: {before:?}, {:?}", splits());
    let mut figures = Figures::default();
    all.into_iter().for_each(|of_grant| figures.add(of_grant));
    for (request, what) in figures.shown.iter().take(SHOWN) {
        eprintln!("{request}\n{what}\n");
    }
    println!("{} in {} s", figures.told(), begin.elapsed().as_secs());
    if figures.is_faulty() {
        std::process::exit(1);
    }
}

fn plan(mut args: impl Iterator<Item = String>) -> Option<Plan> {
    let (mut pairs, mut seed) = (None, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() % 1_000_000);
    while let Some(arg) = args.next() {
        let number =
            |value: Option<String>| value.and_then(|value| value.parse::<u64>().ok()).unwrap_or_else(|| panic!("{arg} takes a number"));
        match arg.as_str() {
            "--pairs" => pairs = usize::try_from(number(args.next())).ok(),
            "--seed" => seed = number(args.next()),
            // What `cargo test` gives all its tests.
            _ => {}
        }
    }
    pairs.map(|pairs| Plan { pairs, seed })
}
