//! Any text is a query or a mistake with a place in it; a query reads back from what it prints and from its JSON form, and planning it does not panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use martlog_query::lang::place::place;
use martlog_query::lang::{QUERY_BYTES_MAX, Query, Span, parse};
use martlog_query::plan::{Setting, plan};
use martlog_query::time::{DAY, TimeRange};

/// 2026-11-22T10:12:50Z.
const NOW: i64 = 1_795_342_370_000_000_000;

fuzz_target!(|text: &str| {
    let found = place(text, text.len() / 2);
    assert!(found.span.from <= found.span.to && found.span.to <= text.len());
    match parse(text) {
        Ok(query) => {
            reads_back(&query);
            let json = serde_json::to_value(&query).expect("a tree has a JSON form");
            assert_eq!(serde_json::from_value::<Query>(json).expect("which reads back"), query);
        }
        Err(error) => points_at(text, error.span),
    }
    let setting = Setting { now_ns: NOW, range: TimeRange::since(NOW - DAY, NOW), range_given: false, staff: true, epoch: 1 };
    if let Err(error) = plan(text, &setting) {
        points_at(text, error.span);
    }
});

/// Printing adds a space here and there, so what fills the limit may no longer be read.
fn reads_back(query: &Query) {
    let printed = query.to_string();
    if printed.len() <= QUERY_BYTES_MAX {
        let again = parse(&printed).unwrap_or_else(|error| panic!("{printed:?} does not read back: {error:?}"));
        assert_eq!(nowhere(again), nowhere(query.clone()), "{printed:?}");
    }
}

/// A tree without the places where its parts stand.
fn nowhere(mut query: Query) -> Query {
    query.map_spans(&mut |_| Span::default());
    query
}

fn points_at(text: &str, span: Span) {
    assert!(span.from <= span.to && span.to <= text.len());
    assert!(text.is_char_boundary(span.from) && text.is_char_boundary(span.to));
}
