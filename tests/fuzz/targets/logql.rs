//! Any text is a query in Loki's language or a mistake with a sentence; a query reads back from what it prints, and what it comes to here is planned, within the bounds of the own language.

#![no_main]

use libfuzzer_sys::fuzz_target;
use martlog_query::logql::ast::{Expr, Metric};
use martlog_query::logql::translate::translate;
use martlog_query::logql::{LogQuery, QUERY_BYTES_MAX, parse};
use martlog_query::plan::{Setting, plan};
use martlog_query::time::{DAY, TimeRange};

/// 2026-11-22T10:12:50Z.
const NOW: i64 = 1_795_342_370_000_000_000;

fuzz_target!(|text: &str| {
    let expr = match parse(text) {
        Ok(expr) => expr,
        Err(error) => return assert!(error.to_string().starts_with("parse error ")),
    };
    let printed = expr.to_string();
    if printed.len() <= QUERY_BYTES_MAX {
        assert_eq!(parse(&printed).unwrap_or_else(|error| panic!("{printed:?} does not read back: {error}")), expr, "{printed:?}");
    }
    match &expr {
        Expr::Log(log) => is_planned(log),
        Expr::Metric(metric) => each_log(metric, &mut is_planned),
    }
});

fn each_log(metric: &Metric, with: &mut impl FnMut(&LogQuery)) {
    match metric {
        Metric::Number(_) | Metric::Vector(_) => {}
        Metric::Range(range) => with(&range.of),
        Metric::Aggregate { of, .. } => each_log(of, with),
        Metric::Binary { left, right, .. } => {
            each_log(left, with);
            each_log(right, with);
        }
    }
}

/// What the own language refuses is too much for it, or a name that it uses itself.
fn is_planned(log: &LogQuery) {
    let Ok(own) = translate(log, None) else { return };
    let setting = Setting { now_ns: NOW, range: TimeRange::since(NOW - DAY, NOW), range_given: true, staff: false, epoch: 1 };
    match plan(&own.query, &setting) {
        Ok(planned) => assert_eq!(planned.canonical, own.query),
        Err(error) => assert!(["E106", "E109", "E112", "E118"].contains(&error.code.as_str()), "{:?}: {error}", own.query),
    }
}
