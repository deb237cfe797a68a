//! Random trees of Loki's language, such as the parser makes them.

use super::ast::*;
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(&["module", "level", "http_status_code", "service_name", "pod", "by", "or1", "json_x", "status"][..]);
    prop_oneof![known.prop_map(str::to_owned), "[a-z_][a-z0-9_]{0,4}".prop_filter("no keyword", |name| !super::names::is_keyword(name))]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zа-я0-9 .*|\"\\\\`\n\t{}=]{0,6}", Just("`".to_owned()), Just("\\".to_owned()), Just("error".to_owned())]
}

fn expression() -> impl Strategy<Value = String> {
    prop::sample::select(&["a|b", ".*", "a.+", "[0-9]+`x", "\\\\`", "(?i)err", "", "warn|error", "\\d\\."][..]).prop_map(str::to_owned)
}

fn op() -> impl Strategy<Value = MatchOp> {
    prop::sample::select(&[MatchOp::Equal, MatchOp::NotEqual, MatchOp::Matches, MatchOp::NotMatches][..])
}

fn matcher() -> impl Strategy<Value = Matcher> {
    (name(), op(), text(), expression()).prop_map(|(name, op, text, expression)| Matcher {
        name,
        op,
        value: if op.is_regex() { expression } else { text },
    })
}

fn compare() -> impl Strategy<Value = Compare> {
    let all = [Compare::Equal, Compare::NotEqual, Compare::More, Compare::AtLeast, Compare::Less, Compare::AtMost];
    prop::sample::select(all.to_vec())
}

fn condition() -> impl Strategy<Value = Condition> {
    let quantity = prop::sample::select(&["5", "-1.5", "1.5s", "10MiB", "1h30m"][..]).prop_map(str::to_owned);
    let number = (prop::sample::select(&["status", "a_b", "duration_ms"][..]), compare(), quantity)
        .prop_map(|(name, op, value)| Condition::Number { name: name.to_owned(), op, value });
    let leaf = prop_oneof![2 => matcher().prop_map(Condition::Text), 1 => number];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let several = prop::collection::vec(inner, 2..4);
        prop_oneof![several.clone().prop_map(Condition::And), several.prop_map(Condition::Or)]
    })
}

fn stage() -> impl Strategy<Value = Stage> {
    let parser = prop::sample::select(&[Parser::Json, Parser::Logfmt][..]);
    let path = prop::sample::select(&["a", "a.b", "[\"a\"].b", "pod"][..]).prop_map(str::to_owned);
    let names = || prop::collection::vec(name(), 1..3);
    let labels = prop::collection::vec((name(), path), 0..3);
    let line = (op(), prop::collection::vec(text(), 1..3), prop::collection::vec(expression(), 1..3))
        .prop_map(|(op, texts, expressions)| Stage::Line { op, any: if op.is_regex() { expressions } else { texts } });
    let line_pattern = (any::<bool>(), prop::collection::vec(prop::sample::select(&["<_> x", "a<_>`", "", "a (b)<_>c"][..]), 1..3))
        .prop_map(|(negative, any)| Stage::LinePattern { negative, any: any.into_iter().map(str::to_owned).collect() });
    let pattern = prop::sample::select(&["<a> <_>", "x <status>", "<level>: <x>`", "[<a>] <b>"][..]);
    prop_oneof![
        3 => line,
        1 => line_pattern,
        1 => (parser, labels).prop_map(|(parser, labels)| Stage::Fields { parser, labels }),
        1 => pattern.prop_map(|pattern| Stage::Pattern(pattern.to_owned())),
        1 => Just(Stage::Regexp("(?P<code>\\d+)`".to_owned())),
        3 => condition().prop_map(Stage::Filter),
        1 => names().prop_map(Stage::Drop),
        1 => names().prop_map(Stage::Keep),
    ]
}

fn log() -> impl Strategy<Value = LogQuery> {
    (prop::collection::vec(matcher(), 0..3), prop::collection::vec(stage(), 0..4)).prop_map(|(selector, stages)| {
        // Behind these, `!=` would be read as a matcher of theirs.
        let of_names = |stage: &Stage| matches!(stage, Stage::Drop(_) | Stage::Keep(_));
        let negated = |stage: &Stage| matches!(stage, Stage::Line { op, .. } if op.is_negative());
        let mut kept: Vec<Stage> = Vec::new();
        for stage in stages {
            if !(negated(&stage) && kept.last().is_some_and(of_names)) {
                kept.push(stage);
            }
        }
        LogQuery { selector, stages: kept }
    })
}

fn range() -> impl Strategy<Value = Range> {
    let unit = prop::sample::select(&[Unit::Plain, Unit::Seconds, Unit::Bytes][..]);
    let unwrap = (prop::sample::select(&["took", "duration_ms"][..]), unit, prop::collection::vec(condition(), 0..2))
        .prop_map(|(name, unit, filters)| Unwrap { name: name.to_owned(), unit, filters });
    let function = prop::sample::select(RangeFunction::NAMED.map(|(_, function)| function).to_vec());
    (function, log(), unwrap, 1_i64..100_000, prop::sample::select(&[0, 60_000_000_000, -1_000_000][..]), prop::option::of(grouping()))
        .prop_map(|(function, of, unwrap, range, offset_ns, grouping)| {
            let numbers = function.takes_numbers();
            let grouping = grouping.filter(|_| numbers && function != RangeFunction::Sum);
            let share = (function == RangeFunction::Quantile).then_some(0.95);
            Range { function, share, of, unwrap: numbers.then_some(unwrap), range_ns: range * 1_000_000, offset_ns, grouping }
        })
}

fn grouping() -> impl Strategy<Value = Grouping> {
    (any::<bool>(), prop::collection::vec(name(), 0..3)).prop_map(|(without, labels)| Grouping { without, labels })
}

fn metric() -> impl Strategy<Value = Metric> {
    let leaf = prop_oneof![
        1 => (0_u32..100).prop_map(|number| Metric::Number(f64::from(number) / 4.0)),
        1 => Just(Metric::Vector(1.0)),
        5 => range().prop_map(|range| Metric::Range(Box::new(range))),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let function = prop::sample::select(Aggregation::NAMED.map(|(_, function)| function).to_vec());
        let aggregate = (function, 1_u64..9, inner.clone(), prop::option::of(grouping())).prop_map(|(function, count, of, grouping)| {
            Metric::Aggregate { function, count: function.takes_count().then_some(count), of: Box::new(of), grouping }
        });
        let arithmetic = [BinaryOp::Plus, BinaryOp::Minus, BinaryOp::Times, BinaryOp::Over, BinaryOp::Modulo, BinaryOp::Power];
        let op = prop_oneof![prop::sample::select(arithmetic.to_vec()), compare().prop_map(BinaryOp::Compare)];
        let binary = (op, any::<bool>(), inner.clone(), inner).prop_map(|(op, bool, left, right)| Metric::Binary {
            op,
            bool: bool && matches!(op, BinaryOp::Compare(_)),
            left: Box::new(left),
            right: Box::new(right),
        });
        prop_oneof![aggregate, binary]
    })
}

/// Any query.
pub(super) fn any_expr() -> impl Strategy<Value = Expr> {
    prop_oneof![log().prop_map(Expr::Log), metric().prop_map(Expr::Metric)]
}

/// Any log query.
pub(super) fn any_log() -> impl Strategy<Value = LogQuery> {
    log()
}
