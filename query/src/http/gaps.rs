//! `GET /api/v1/gaps?from&to&instance&limit&cursor`: all lines that are missing for ever, newest first: `{"gaps":[…],"cursor"}`. Answers to questions name the newest 100 alone.
//!
//! Newest by when they were noticed, which is the node's clock. Also what lost nodes had not sent, with `"to": null`. A cursor says up to which time the pages before
//! went, and how many of that time they had; what is noticed between two pages is younger, and is on neither. A gap is no line, so the audit is not told.

use super::complete::{GapTold, gap_value, lost_value};
use super::{App, answered, moment_or, no_cursor, page_limit, read};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use martlog_indexer::doors::auth;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::store::{Completeness, LostFile, StoredGap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::str::FromStr;

/// The part of the address behind `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    from: Option<String>,
    to: Option<String>,
    instance: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// What is missing.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Gaps")]
pub(super) struct GapsTold {
    /// The newest first.
    gaps: Vec<GapTold>,
    /// For the next page; null where there is none.
    cursor: Option<String>,
}

/// One gap, told by whoever knows of it.
#[derive(Debug, Clone, Copy)]
enum Missing<'a> {
    Named(&'a StoredGap),
    WithNode(&'a LostFile),
}

/// Where the pages before ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    time_ns: i64,
    /// Gaps of this very time that were told.
    told: usize,
}

pub(super) async fn gaps(
    State(app): State<App>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let scope = auth::scope(&app.indexer, &headers).await?;
    let parameters = read(parameters)?;
    let range = moment_or(parameters.from.as_deref(), i64::MIN)?..moment_or(parameters.to.as_deref(), i64::MAX)?;
    let limit = page_limit(parameters.limit, "gaps")? as usize;
    let place = parameters.cursor.as_deref().map(Place::from_str).transpose()?;
    let _place = app.search_place(&scope)?;
    let completeness = app.indexer.completeness(&scope).await;
    let mut all = all(&completeness);
    all.retain(|missing| range.contains(&missing.time_ns()) && parameters.instance.as_deref().is_none_or(|id| missing.instance() == id));
    answered(&page(&all, place, limit))
}

/// All that is missing, the newest first; of one time in the order in which it came in.
fn all(completeness: &Completeness) -> Vec<Missing<'_>> {
    let lost = completeness.lost.iter().map(Missing::WithNode);
    let mut all: Vec<_> = completeness.gaps.iter().map(Missing::Named).chain(lost).collect();
    all.sort_by_key(|missing| Reverse(missing.time_ns()));
    all
}

fn page(all: &[Missing<'_>], place: Option<Place>, limit: usize) -> GapsTold {
    let begin =
        place.map_or(0, |place| all.partition_point(|missing| missing.time_ns() > place.time_ns).saturating_add(place.told)).min(all.len());
    let (page, rest) = all[begin..].split_at(limit.min(all.len() - begin));
    let end = page.last().filter(|_| !rest.is_empty()).map(|last| {
        let time_ns = last.time_ns();
        let told = begin + page.len() - all.partition_point(|missing| missing.time_ns() > time_ns);
        Place { time_ns, told }
    });
    GapsTold {
        gaps: page.iter().filter_map(|missing| serde_json::from_value(missing.told()).ok()).collect(),
        cursor: end.map(|place| format!("{}.{}", place.time_ns, place.told)),
    }
}

impl Missing<'_> {
    const fn time_ns(&self) -> i64 {
        match self {
            Self::Named(gap) => gap.time_ns,
            Self::WithNode(lost) => lost.since_ns,
        }
    }

    fn instance(&self) -> &str {
        match self {
            Self::Named(gap) => &gap.owner.instance,
            Self::WithNode(lost) => &lost.owner.instance,
        }
    }

    fn told(&self) -> serde_json::Value {
        match self {
            Self::Named(gap) => gap_value(gap),
            Self::WithNode(lost) => lost_value(lost),
        }
    }
}

impl FromStr for Place {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let parts = text.split_once('.').and_then(|(time, told)| Some((time.parse().ok()?, told.parse().ok()?)));
        parts.map(|(time_ns, told)| Self { time_ns, told }).ok_or_else(no_cursor)
    }
}
