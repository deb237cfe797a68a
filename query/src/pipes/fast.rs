//! Figures that the store computes itself, from its columns and on several threads, without making rows.

use super::Item;
use super::group::{rows, units};
use super::run::{Asked, RunError};
use super::{Notes, TooMuch};
use crate::plan::steps::{Column, Grouping, Key};
use martlog_indexer::search::predicate::Stamp;
use martlog_indexer::search::request::{GroupBy, SearchError};
use martlog_indexer::search::{self, AggregateRequest, Field, Group, HistogramRequest, Measure};

/// The rows of a grouping right behind the filter, where the store can count it.
pub(super) async fn groups(asked: &Asked<'_>, grouping: &Grouping, notes: &mut Notes) -> Option<Result<Vec<Item>, RunError>> {
    let counted = if let Some((interval_ns, by)) = histogram(grouping) {
        over_time(asked, interval_ns, by).await
    } else {
        aggregate(asked, by(grouping)?, of(grouping)?).await
    };
    Some(counted.map(|groups| rows(grouping, groups, &units(grouping), notes)))
}

/// Counts alone, over time and by what the store keeps a number of for each row.
fn histogram(grouping: &Grouping) -> Option<(i64, Option<GroupBy>)> {
    if !grouping.measures.is_empty() {
        return None;
    }
    match grouping.keys.as_slice() {
        [Key::Time(Column::Time, interval)] => Some((*interval, None)),
        [Key::Time(Column::Time, interval), Key::Of(column)] => Some((*interval, Some(group_by(column)?))),
        _ => None,
    }
}

fn group_by(column: &Column) -> Option<GroupBy> {
    Some(match column {
        Column::Level => GroupBy::Level,
        Column::Verdict => GroupBy::Verdict,
        Column::Stored(Field::Stamp(Stamp::Partner)) => GroupBy::Partner,
        Column::Stored(Field::Stamp(Stamp::Module)) => GroupBy::Module,
        Column::Stored(Field::Stamp(Stamp::Instance)) => GroupBy::Instance,
        Column::Stored(Field::Stamp(Stamp::Csp)) => GroupBy::Csp,
        _ => return None,
    })
}

async fn over_time(asked: &Asked<'_>, interval_ns: i64, by: Option<GroupBy>) -> Result<Vec<Group>, RunError> {
    let plan = asked.plan;
    let request = HistogramRequest {
        predicate: plan.predicate.clone(),
        from_ns: plan.range.from_ns,
        to_ns: plan.range.to_ns,
        interval_ns,
        by,
        quarantine: plan.quarantine,
        deadline: asked.deadline,
    };
    let counted = tokio::time::timeout_at(asked.deadline.into(), asked.indexer.histogram(asked.scope, request)).await;
    let histogram = counted.unwrap_or(Err(SearchError::Deadline)).map_err(too_many)?;
    let mut groups = Vec::new();
    for bucket in histogram.buckets {
        let start = Some(bucket.start_ns.to_string());
        match by {
            None => groups.push(Group { key: vec![start], rows: bucket.count, of: Vec::new() }),
            Some(_) => groups.extend(bucket.by.into_iter().map(|(label, rows)| {
                let label = Some(label).filter(|label| !label.is_empty());
                Group { key: vec![start.clone(), label], rows, of: Vec::new() }
            })),
        }
    }
    Ok(groups)
}

fn by(grouping: &Grouping) -> Option<Vec<search::Key>> {
    let key = |key: &Key| {
        Some(match key {
            Key::Time(Column::Time, interval) => search::Key::Time(*interval, 0),
            Key::Of(Column::Level) => search::Key::Level,
            Key::Of(Column::Verdict) => search::Key::Verdict,
            Key::Of(Column::Stored(field)) => search::Key::Field(field.clone()),
            _ => return None,
        })
    };
    grouping.keys.iter().map(key).collect()
}

fn of(grouping: &Grouping) -> Option<Vec<Measure>> {
    let measure = |measured: &crate::plan::steps::Measured| match &measured.of {
        Column::Stored(field) => {
            Some(Measure { field: field.clone(), numbers: measured.numbers, quantiles: measured.quantiles, distinct: measured.distinct })
        }
        _ => None,
    };
    grouping.measures.iter().map(measure).collect()
}

async fn aggregate(asked: &Asked<'_>, by: Vec<search::Key>, of: Vec<Measure>) -> Result<Vec<Group>, RunError> {
    let plan = asked.plan;
    let levels: Vec<bool> = by.iter().map(|key| *key == search::Key::Level).collect();
    let request = AggregateRequest {
        predicate: plan.predicate.clone(),
        from_ns: plan.range.from_ns,
        to_ns: plan.range.to_ns,
        by,
        of,
        quarantine: plan.quarantine,
        deadline: asked.deadline,
    };
    let counted = tokio::time::timeout_at(asked.deadline.into(), asked.indexer.aggregate(asked.scope, request)).await;
    let mut groups = counted.unwrap_or(Err(SearchError::Deadline)).map_err(too_many)?;
    for group in &mut groups {
        for (key, _) in group.key.iter_mut().zip(&levels).filter(|(key, is_level)| key.is_none() && **is_level) {
            *key = Some("none".to_owned());
        }
    }
    Ok(groups)
}

fn too_many(error: SearchError) -> RunError {
    match error {
        SearchError::TooMuch(why) => RunError::TooMuch(TooMuch(why.to_owned())),
        error => RunError::Search(error),
    }
}
