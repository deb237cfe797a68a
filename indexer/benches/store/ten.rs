//! The same queries of one instance with ten times the modules: does what a reader of one instance pays depend on who else is in the store?
//!
//! Two stores with the same number of rows a module, one with ten times the modules, both flushed and merged. Each query is asked of both in turn.

use super::generator::{DAY_NS, Fleet, Generator};
use super::queries::{self, median, ms};
use super::report::{Bound, Figure, Told, ratio, thousands};
use super::server::{self, Failure, Pusher};
use martlog_indexer::registry::Scope;
use martlog_indexer::{Indexer, Options};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Modules of the smaller store.
const MODULES: usize = 60;
/// Instances of a module.
const INSTANCES: usize = 2;
/// How often each store is asked, after twice to warm up.
const TIMES: usize = 15;

const RATIO: Bound = Bound::at_most(1.3, 1.1, "×");

struct Side {
    indexer: Indexer,
    scope: Scope,
    instance: String,
    /// Of the instance.
    rows: u64,
}

/// Runs it; the larger store has so many lines.
pub(crate) async fn run(folder: &Path, seed: u64, lines: u64) -> Result<Told, Failure> {
    let few = Side::fill(&folder.join("few"), seed, MODULES, lines / 10).await?;
    let many = Side::fill(&folder.join("many"), seed, MODULES * 10, lines).await?;
    let mut text = format!(
        "One instance in stores of {MODULES} and {} modules, {} rows a module; the instance has {} and {} rows.\n\n\
         | query of one instance | ms, {MODULES} modules | ms, {} modules | ratio | found |\n|---|---:|---:|---:|---|\n",
        MODULES * 10,
        thousands(lines / (MODULES as u64 * 10)),
        thousands(few.rows),
        thousands(many.rows),
        MODULES * 10,
    );
    let mut ratios = Vec::new();
    for (a, b) in queries::of_instance(&few.instance)?.iter().zip(&queries::of_instance(&many.instance)?) {
        let (mut times, mut found) = ([Vec::new(), Vec::new()], Vec::new());
        for round in 0..TIMES + 2 {
            for (side, (times, query)) in [&few, &many].into_iter().zip(times.iter_mut().zip([a, b])) {
                let begun = Instant::now();
                let answer = query.ask(&side.indexer, &side.scope, &queries::DAY).await?;
                match round {
                    0 => found.push(answer.told()),
                    1 => {}
                    _ => times.push(begun.elapsed()),
                }
            }
        }
        let [few, many] = times.map(median);
        ratios.push(many.as_secs_f64() / few.max(Duration::from_nanos(1)).as_secs_f64());
        let ratio = ratios.last().copied().unwrap_or_default();
        let _ = writeln!(text, "| {} | {:.3} | {:.3} | {ratio:.2} | {} |", a.name, ms(few), ms(many), found.join("; "));
    }
    few.indexer.close().await;
    many.indexer.close().await;
    ratios.sort_unstable_by(f64::total_cmp);
    let worst = ratios.last().copied().unwrap_or_default();
    let more =
        format!("the worst of {} queries; the median is {:.2} ×", ratios.len(), ratios.get(ratios.len() / 2).copied().unwrap_or_default());
    let figure = Figure::new("the same queries of one instance with ten times the modules", RATIO, worst, more);
    Ok(Told { figures: vec![figure], details: vec![text] })
}

impl Side {
    async fn fill(data: &Path, seed: u64, modules: usize, lines: u64) -> Result<Self, Failure> {
        super::say(&format!("filling a store of {modules} modules with {lines} lines"));
        let indexer = Indexer::open(data, Options::default()).await?;
        let mut generator = Generator::of_fleet(seed, lines, Fleet::even(modules, INSTANCES), DAY_NS);
        let mut pusher = Pusher::new(&indexer);
        for line in generator.by_ref().take(usize::try_from(lines)?) {
            pusher.take(&line).await?;
        }
        pusher.finish().await?;
        indexer.flush().await?;
        server::merge_all(&indexer).await?;
        // The one of all whose number of rows is nearest to the average, so that both stores are asked for as many.
        let average = ratio(lines, (modules * INSTANCES) as u64);
        let distance = |rows: u64| (ratio(rows, 1) - average).abs();
        let nearest = generator.truth().by_instance.iter().min_by(|a, b| distance(*a.1).total_cmp(&distance(*b.1)));
        let (instance, rows) = nearest.map(|(instance, rows)| (instance.to_string(), *rows)).unwrap_or_default();
        let scope = server::staff(&indexer).await?;
        Ok(Self { indexer, scope, instance, rows })
    }
}
