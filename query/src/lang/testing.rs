//! Random trees, such as the parser makes them: for each there is a text that reads back as it.

use super::*;
use proptest::prelude::*;

const NOWHERE: Span = Span::new(0, 0);

/// Any query.
pub(crate) fn any_query() -> impl Strategy<Value = Query> {
    (prop::option::of(duration()), prop::option::of(filter()), prop::collection::vec(pipe(), 0..4)).prop_map(|(ago, filter, pipes)| Query {
        ago,
        filter,
        pipes,
    })
}

fn duration() -> impl Strategy<Value = Duration> {
    (1_i64..100_000_000).prop_map(|ms| Duration { span: NOWHERE, nanos: ms * 1_000_000 })
}

fn name() -> impl Strategy<Value = Name> {
    let text = prop_oneof!["[a-z_][a-z0-9_]{0,6}", "[a-zа-я]{1,3}(\\.|-)[a-z0-9]{1,3}", Just("by".to_owned()), Just("as".to_owned())];
    text.prop_map(|text| Name { span: NOWHERE, text })
}

fn word() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z0-9_][a-z0-9_*?]{0,5}", "[a-z]{1,3}[-./][a-z0-9]{1,3}", "[а-яé]{1,4}", Just("or".to_owned())];
    text.prop_map(Value::Word)
}

fn phrase() -> impl Strategy<Value = Value> {
    let piece =
        prop_oneof!["[a-z0-9 |(),:=]{1,4}", Just("\"".to_owned()), Just("\\(".to_owned()), Just("\\\\".to_owned()), Just("`".to_owned())];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| Value::Phrase(pieces.concat()))
}

fn literal() -> impl Strategy<Value = Value> {
    "[a-z{'\"|( ]{1,3}(`{1,2}[a-z\\\\]{1,2})?".prop_map(Value::Literal)
}

fn value() -> impl Strategy<Value = Value> {
    let bound = || {
        prop_oneof![
            "[0-9]{1,4}",
            "[a-z]{1,4}",
            "[0-9]{1,2} [0-9]:[0-9]",
            Just("..".to_owned()),
            "[a-z0-9:/=<>@~!-]{1,4}",
            Just("a\\\\".to_owned())
        ]
    };
    let bound = move || bound().prop_map(|text| Bound { span: NOWHERE, text });
    let range = (prop::option::of(bound()), prop::option::of(bound()));
    let range = range.prop_filter("one end at least", |(low, high)| low.is_some() || high.is_some());
    prop_oneof![4 => word(), 2 => phrase(), 2 => literal(), 1 => Just(Value::Any), 2 => range.prop_map(|(low, high)| Value::Range { low, high })]
}

fn test(op: impl Strategy<Value = Op>) -> impl Strategy<Value = Test> {
    (op, value()).prop_map(|(op, value)| {
        // Dots are no range behind another operator, nor in an expression.
        let op = if matches!(value, Value::Range { .. }) { Op::Has } else { op };
        Test { op, span: NOWHERE, value }
    })
}

fn operator() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![Op::Has, Op::Equals, Op::NotEquals, Op::Matches, Op::NotMatches, Op::Less, Op::AtMost, Op::More, Op::AtLeast])
}

fn node(kind: Kind) -> Node {
    Node { span: NOWHERE, kind }
}

/// A filter, made of such leaves: junctions of two or more, none within one of its kind.
fn nested(leaf: impl Strategy<Value = Node> + 'static) -> impl Strategy<Value = Node> {
    leaf.prop_recursive(4, 24, 4, |inner| {
        let several = || prop::collection::vec(inner.clone(), 2..4);
        let flat = |nodes: Vec<Node>, and: bool| {
            let apart = |child: Node| match (child.kind, and) {
                (Kind::And { of }, true) | (Kind::Or { of }, false) => of,
                (kind, _) => vec![node(kind)],
            };
            nodes.into_iter().flat_map(apart).collect::<Vec<_>>()
        };
        prop_oneof![
            several().prop_map(move |nodes| node(Kind::And { of: flat(nodes, true) })),
            several().prop_map(move |nodes| node(Kind::Or { of: flat(nodes, false) })),
            inner.clone().prop_map(|of| node(Kind::Not { of: Box::new(of) })),
        ]
    })
}

fn filter() -> impl Strategy<Value = Node> {
    let bare = prop_oneof![word(), phrase(), literal(), Just(Value::Any)];
    let term = bare.prop_map(|value| node(Kind::Term { test: Test { op: Op::Has, span: NOWHERE, value } }));
    let expression = prop_oneof![phrase(), literal()];
    let matches = expression.prop_map(|value| node(Kind::Term { test: Test { op: Op::Matches, span: NOWHERE, value } }));
    let field = (name(), test(operator())).prop_map(|(name, test)| node(Kind::Field { name, test }));
    let inner = nested(test(operator()).prop_map(|test| node(Kind::Term { test })));
    let group = (name(), inner).prop_map(|(name, of)| node(Kind::Group { name, of: Box::new(of) }));
    nested(prop_oneof![3 => term, 1 => matches, 4 => field, 1 => group])
}

fn expression() -> impl Strategy<Value = Expression> {
    let functions = vec![
        Function::Sum,
        Function::Min,
        Function::Max,
        Function::Avg,
        Function::Uniq,
        Function::Percentile(95_000),
        Function::Percentile(99_950),
        Function::Percentile(100_000),
    ];
    let call = (prop::sample::select(functions), name()).prop_map(|(function, name)| Expression::Call { function, field: Some(name) });
    let count = Just(Expression::Call { function: Function::Count, field: None });
    let number = "[0-9]{1,4}(\\.[0-9]{1,3})?".prop_map(|text| Expression::Number { text });
    let operator = || prop::sample::select(vec![Arithmetic::Plus, Arithmetic::Minus, Arithmetic::Times, Arithmetic::Over]);
    prop_oneof![3 => call, 1 => count, 1 => number].prop_recursive(3, 8, 2, move |inner| {
        (operator(), inner.clone(), inner).prop_map(|(op, left, right)| Expression::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
        })
    })
}

fn pipe() -> impl Strategy<Value = Pipe> {
    let names = || prop::collection::vec(name(), 1..4);
    let figures = || {
        let figure = (expression(), prop::option::of(name()));
        let figure = figure.prop_map(|(of, alias)| Aggregate { span: NOWHERE, of, alias });
        prop::collection::vec(figure, 1..4)
    };
    let by = prop_oneof![3 => name().prop_map(By::Field), 1 => duration().prop_map(By::Time)];
    let key = (name(), any::<bool>()).prop_map(|(name, descending)| SortKey { name, descending });
    let quoted = || prop_oneof![phrase(), literal()].prop_map(|value| Quoted { span: NOWHERE, value });
    let stage = prop_oneof![
        (figures(), prop::collection::vec(by, 0..3)).prop_map(|(of, by)| Stage::Stats { of, by }),
        (prop::option::of(duration()), figures(), prop::collection::vec(name(), 0..3)).prop_map(|(every, of, by)| Stage::Timechart {
            every,
            of,
            by
        }),
        (0_u64..10_000, name()).prop_map(|(rows, field)| Stage::Top { rows, field }),
        names().prop_map(|names| Stage::Fields { names }),
        names().prop_map(|names| Stage::Dedup { names }),
        prop::collection::vec(key, 1..3).prop_map(|by| Stage::Sort { by }),
        any::<u64>().prop_map(|rows| Stage::Limit { rows }),
        filter().prop_map(|of| Stage::Where { of }),
        (quoted(), any::<bool>(), prop::option::of(name())).prop_map(|(pattern, regex, from)| Stage::Extract { pattern, regex, from }),
        (0_u64..999, 0_u64..999).prop_map(|(before, after)| Stage::Context { before, after }),
        Just(Stage::Session),
        prop::option::of(duration()).prop_map(|over| Stage::Gaps { over }),
        Just(Stage::Patterns),
    ];
    stage.prop_map(|stage| Pipe { span: NOWHERE, stage })
}
