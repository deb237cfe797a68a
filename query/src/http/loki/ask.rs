//! Who asks, and with which parameters: in the address, or in the form of a `POST`.
//!
//! | parameter | is |
//! |---|---|
//! | `start`, `end`, `time` | ns, or seconds (up to ten digits, or with a point), or RFC 3339 |
//! | `since` | how long before `end` it begins, where there is no `start`; an hour without either |
//! | `step` | seconds, or a duration; a 250th of the range without it, a second at least |
//! | `limit` | 100 without it |

use super::{Refusal, bad};
use crate::http::{App, now_ns, planned};
use crate::logql::LogQuery;
use crate::logql::translate::{Translated, translate};
use crate::plan::{Plan, Setting};
use crate::time::{TimeRange, duration};
use axum::body::to_bytes;
use axum::extract::FromRequestParts as _;
use axum::extract::Query;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use chrono::DateTime;
use martlog_indexer::audit::Asker;
use martlog_indexer::doors::client_scope;
use martlog_indexer::doors::problem::Problem;
use martlog_indexer::registry::Scope;

/// Lines of an answer that does not say how many it wants, and at most.
const LIMIT: usize = 100;
pub(super) const LIMIT_MAX: usize = 10_000;
/// The range of who does not say one, ns.
const SINCE: i64 = 3_600_000_000_000;
/// Points of a series at most, as Loki has it.
const POINTS_MAX: i64 = 11_000;
const SECOND: i64 = 1_000_000_000;
/// Parameters at most.
const PARAMETERS_MAX: usize = 200;

/// A request.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) app: App,
    pub(super) scope: Scope,
    pub(super) asker: Asker,
    pub(super) headers: HeaderMap,
    pub(super) now_ns: i64,
    parameters: Vec<(String, String)>,
}

/// A range of time, both ends as they were given, ns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) start_ns: i64,
    pub(super) end_ns: i64,
}

/// What a log query comes to, planned.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) translated: Translated,
    pub(super) plan: Plan,
}

impl FromRequest<App> for Ask {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let scope = client_scope(&app.indexer, &parts.headers)?;
        let Ok(asker) = Asker::from_request_parts(&mut parts, &()).await;
        let read = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|error| bad(error.body_text()))?;
        let Query(mut parameters) = read;
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if parts.method == Method::POST && kind.starts_with("application/x-www-form-urlencoded") {
            let too_large = || {
                Problem::new(
                    413,
                    "body_too_large",
                    "The body is too large",
                    format!("a request has at most {} bytes", app.limits.body_bytes_max),
                )
            };
            let form = to_bytes(body, app.limits.body_bytes_max).await.map_err(|_| too_large())?;
            parameters.extend(form_of(&form)?);
        }
        if parameters.len() > PARAMETERS_MAX {
            return Err(bad(format!("the request has more than {PARAMETERS_MAX} parameters")));
        }
        Ok(Self { app: app.clone(), scope, asker, headers: parts.headers, now_ns: now_ns(), parameters })
    }
}

/// The pairs of a form, which are written as those of an address are.
fn form_of(form: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let text = std::str::from_utf8(form).map_err(|_| bad("the form is no UTF-8"))?;
    let uri = format!("/?{text}").parse().map_err(|_| bad("the form cannot be read"))?;
    Query::try_from_uri(&uri).map(|Query(pairs)| pairs).map_err(|error| bad(error.body_text()))
}

impl Ask {
    /// A parameter that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All parameters of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.parameters.iter().filter(move |(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The query, which must be there.
    pub(super) fn query(&self) -> Result<&str, Refusal> {
        self.get("query").ok_or_else(|| bad("parse error at line 1, col 1: syntax error: unexpected $end"))
    }

    /// `start`, `end` and `since`.
    pub(super) fn bounds(&self) -> Result<Bounds, Refusal> {
        self.bounds_since(SINCE)
    }

    /// The same where another range is meant by who says none, ns.
    pub(super) fn bounds_since(&self, default: i64) -> Result<Bounds, Refusal> {
        let end_ns = self.time("end", self.now_ns)?;
        let since = self
            .get("since")
            .map(|text| {
                crate::logql::duration(text)
                    .ok_or_else(|| bad(format!("could not parse 'since' parameter: not a valid duration string: {text:?}")))
            })
            .transpose()?;
        let start_ns = self.time("start", end_ns.min(self.now_ns).saturating_sub(since.unwrap_or(default)))?;
        if end_ns < start_ns {
            return Err(bad("end timestamp must not be before or equal to start time"));
        }
        Ok(Bounds { start_ns, end_ns })
    }

    /// A moment, ns.
    pub(super) fn time(&self, name: &str, default: i64) -> Result<i64, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        moment(text).ok_or_else(|| {
            bad(format!("could not parse '{name}' parameter: cannot parse {text:?} to a valid timestamp: write ns, seconds or RFC 3339"))
        })
    }

    /// The step of a series, ns.
    pub(super) fn step(&self, bounds: Bounds) -> Result<i64, Refusal> {
        let width = bounds.end_ns.saturating_sub(bounds.start_ns);
        let step = match self.get("step") {
            None => (width / SECOND / 250).max(1) * SECOND,
            Some(text) => step(text).ok_or_else(|| bad(format!("cannot parse {text:?} to a valid duration")))?,
        };
        if step <= 0 {
            return Err(bad("zero or negative query resolution step widths are not accepted. Try a positive integer"));
        }
        if width / step > POINTS_MAX {
            return Err(bad(
                "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter",
            ));
        }
        Ok(step)
    }

    /// How many lines.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let Some(text) = self.get("limit") else { return Ok(LIMIT) };
        let limit: i64 = text.parse().map_err(|_| bad(format!("strconv.Atoi: parsing {text:?}: invalid syntax")))?;
        match usize::try_from(limit) {
            Ok(0) | Err(_) => Err(bad("limit must be a positive value")),
            Ok(limit) if limit > LIMIT_MAX => {
                Err(bad(format!("max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {LIMIT_MAX})")))
            }
            Ok(limit) => Ok(limit),
        }
    }

    /// Plans a log query for a range of time, `[from, to)`.
    pub(super) async fn planned(
        &self,
        of: &LogQuery,
        unwrap: Option<&crate::logql::ast::Unwrap>,
        from_ns: i64,
        to_ns: i64,
    ) -> Result<Asked, Refusal> {
        let translated = translate(of, unwrap)?;
        let range = TimeRange { from_ns, to_ns: to_ns.max(from_ns.saturating_add(1)), open: false };
        let setting = Setting {
            now_ns: self.now_ns,
            range,
            range_given: true,
            staff: self.scope.is_staff(),
            epoch: self.app.indexer.store().epoch(),
        };
        let plan = planned(&translated.query, setting).await?;
        Ok(Asked { translated, plan })
    }
}

/// A moment, ns: see the table.
#[allow(clippy::cast_possible_truncation)] // Checked.
pub(super) fn moment(text: &str) -> Option<i64> {
    if text.contains('.')
        && let Ok(seconds) = text.parse::<f64>()
    {
        let ns = (seconds.trunc() * 1e9) + ((seconds.fract() * 1e3).round() * 1e6);
        return (ns.abs() < 9.2e18).then_some(ns as i64);
    }
    match text.parse::<i64>() {
        Ok(seconds) if text.len() <= 10 => seconds.checked_mul(SECOND),
        Ok(ns) => Some(ns),
        Err(_) => DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt(),
    }
}

#[allow(clippy::cast_possible_truncation)] // Checked.
fn step(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ns = seconds * 1e9;
        return (ns.abs() < 9.2e18).then_some(ns as i64);
    }
    duration(text).ok().or_else(|| crate::logql::duration(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_steps_are_read_as_loki_reads_them() {
        let table = [
            ("1795342370", Some(1_795_342_370_000_000_000)),
            ("1795342370123456789", Some(1_795_342_370_123_456_789)),
            ("1795342370.5", Some(1_795_342_370_500_000_000)),
            ("2026-11-22T10:12:50Z", Some(1_795_342_370_000_000_000)),
            ("2026-11-22T12:12:50.000000001+02:00", Some(1_795_342_370_000_000_001)),
            ("now", None),
            ("9".repeat(30).as_str(), None),
        ]
        .map(|(text, ns)| (text.to_owned(), ns));
        for (text, expected) in table {
            assert_eq!(moment(&text), expected, "{text}");
        }
        assert_eq!(
            [step("15"), step("0.5"), step("1m"), step("100us"), step("x"), step("-1")],
            [Some(15 * SECOND), Some(SECOND / 2), Some(60 * SECOND), Some(100_000), None, Some(-SECOND)]
        );
    }
}
