//! Whose pushed lines are: the instance asked for with `?instance=`, if it is the token's, or the token's only one.

use super::super::auth::Ingest;
use super::super::problem::Problem;
use crate::Indexer;
use crate::row::Owner;
use axum::extract::Query;
use axum::http::Uri;
use serde::Deserialize;
use std::sync::Arc;

/// The parameter that means something here.
#[derive(Debug, Deserialize)]
struct Lenient {
    instance: Option<String>,
}

/// The same where nothing else may stand there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    instance: Option<String>,
}

/// The owner. `strict` refuses other parameters than this one: those of foreign protocols have their own.
pub(in super::super) fn owner(indexer: &Indexer, caller: &Ingest, uri: &Uri, strict: bool) -> Result<Arc<Owner>, Problem> {
    let asked = match strict {
        true => Query::<Strict>::try_from_uri(uri).map(|Query(parameters)| parameters.instance),
        false => Query::<Lenient>::try_from_uri(uri).map(|Query(parameters)| parameters.instance),
    };
    let asked = asked.map_err(|error| Problem::new(400, "bad_query", "The parameters cannot be taken", error.body_text()))?;
    of(indexer, &caller.instances, asked.as_deref())
}

/// The owner of an instance among those of a token.
pub(in super::super) fn of(indexer: &Indexer, instances: &[Arc<str>], asked: Option<&str>) -> Result<Arc<Owner>, Problem> {
    let absent = || Problem::not_found("there is no such instance among those of the token");
    let id = match (asked, instances) {
        (Some(asked), own) => own.iter().find(|id| ***id == *asked).ok_or_else(absent)?,
        (None, [only]) => only,
        (None, []) => return Err(absent()),
        (None, _) => return Err(Problem::invalid("instance", "the token is for several instances: say which with `?instance=`")),
    };
    indexer.registry().instance(id).ok_or_else(absent)
}
