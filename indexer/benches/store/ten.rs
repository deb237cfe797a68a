//! The same queries of one instance with ten times the modules: does what a reader of one instance pays depend on who else is in the store?
//!
//! Two stores with the same number of rows a module, one with ten times the modules, both flushed and merged. Each query is asked of both in turn, of several instances of average size: what is
//! found in one instance varies, and with it what looking takes.

use super::generator::{DAY_NS, Fleet, Generator};
use super::queries::{self, median, ms};
use super::report::{Bound, Figure, Told, ratio, thousands};
use super::server::{self, Failure, Pusher};
use martlog_indexer::registry::Scope;
use martlog_indexer::{Indexer, Options};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// Modules of the smaller store.
const MODULES: usize = 60;
/// Instances of a module.
const INSTANCES: usize = 2;
/// How often each store is asked, after twice to warm up.
const TIMES: usize = 15;
/// Instances that are asked about.
const ASKED: usize = 16;

const RATIO: Bound = Bound::at_most(1.3, 1.1, "×");

struct Side {
    indexer: Indexer,
    scope: Scope,
    instances: Vec<String>,
    /// Of the instances together.
    rows: u64,
}

/// Runs it; the larger store has so many lines.
pub(crate) async fn run(folder: &Path, seed: u64, lines: u64) -> Result<Told, Failure> {
    let few = Side::fill(&folder.join("few"), seed, MODULES, lines / 10).await?;
    let many = Side::fill(&folder.join("many"), seed, MODULES * 10, lines).await?;
    let mut text = format!(
        "One instance in stores of {MODULES} and {} modules, {} rows a module; the mean of {ASKED} instances, which have {} and {} rows.\n\n\
         | query of one instance | ms, {MODULES} modules | ms, {} modules | ratio | found |\n|---|---:|---:|---:|---|\n",
        MODULES * 10,
        thousands(lines / (MODULES as u64 * 10)),
        thousands(few.rows),
        thousands(many.rows),
        MODULES * 10,
    );
    let mut ratios = Vec::new();
    for (number, name) in queries::of_instance("")?.iter().map(|query| query.name).enumerate() {
        let (mut times, mut found) = ([Vec::new(), Vec::new()], Vec::new());
        for round in 0..TIMES + 2 {
            for (side, times) in [&few, &many].into_iter().zip(&mut times) {
                let (taken, told) = side.ask(number).await?;
                match round {
                    0 => found.push(told),
                    1 => {}
                    _ => times.push(taken),
                }
            }
        }
        let [few, many] = times.map(median);
        ratios.push(many.as_secs_f64() / few.max(Duration::from_nanos(1)).as_secs_f64());
        let ratio = ratios.last().copied().unwrap_or_default();
        let _ = writeln!(text, "| {name} | {:.3} | {:.3} | {ratio:.2} | {} |", ms(few), ms(many), found.join("; "));
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
        // Those whose number of rows is nearest to the average, so that both stores are asked for as many.
        let average = ratio(lines, (modules * INSTANCES) as u64);
        let mut instances: Vec<(String, u64)> =
            generator.truth().by_instance.iter().map(|(instance, rows)| (instance.to_string(), *rows)).collect();
        instances.sort_by(|a, b| (ratio(a.1, 1) - average).abs().total_cmp(&(ratio(b.1, 1) - average).abs()).then_with(|| a.cmp(b)));
        instances.truncate(ASKED);
        let rows = instances.iter().map(|(_, rows)| rows).sum();
        let scope = server::staff(&indexer).await?;
        Ok(Self { indexer, scope, instances: instances.into_iter().map(|(instance, _)| instance).collect(), rows })
    }

    /// Asks a query, by its number, of each instance: the mean time of one, and what the first one has.
    async fn ask(&self, query: usize) -> Result<(Duration, String), Failure> {
        let (mut taken, mut told) = (Duration::ZERO, String::new());
        for instance in &self.instances {
            let queries = queries::of_instance(instance)?;
            let query = queries.get(query).ok_or("no such query")?;
            let (answer, own) = query.ask(&self.indexer, &self.scope, &queries::DAY).await?;
            taken += own;
            if told.is_empty() {
                told = answer.told();
            }
        }
        Ok((taken / u32::try_from(self.instances.len().max(1))?, told))
    }
}
