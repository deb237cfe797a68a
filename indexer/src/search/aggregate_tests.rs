//! Statistics are those of a plain walk over the rows, wherever they lie, and however many threads take part.

use super::aggregate::{AggregateRequest, Key, Measure, aggregate};
use super::predicate::{Field, Stamp};
use super::testing::{folder, parts, predicate, staff, view};
use crate::row::Row;
use martlog_formats::fields;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATHS: &[&str] =
    &["a", "user_id", "session_id", "account_id", "h323_conf_id", "status", "request_id", "http.a", "extra.a", "attributes.pod"];

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        6 => select(PATHS).prop_map(|path| Field::Attribute(path.to_owned())),
        1 => Just(Field::Message),
        2 => select(&[Stamp::Module, Stamp::Instance, Stamp::Csp, Stamp::Pod, Stamp::Stream][..]).prop_map(Field::Stamp),
    ]
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        Just(Key::Level),
        Just(Key::Verdict),
        (select(&[1_i64, 5_000][..]), select(&[0_i64, 1, -7, 4_999][..])).prop_map(|(every, phase)| Key::Time(every, phase)),
        field().prop_map(Key::Field)
    ]
}

/// The values of a field, by name and text.
fn values(row: &Row, field: &Field) -> Vec<(String, String, Option<f64>, bool)> {
    let plain = |text: &str| vec![(String::new(), text.to_owned(), fields::number(text), !text.is_empty())];
    match field {
        Field::Message => plain(&row.record.message),
        Field::Stamp(Stamp::Module) => plain(&row.owner.key.module),
        Field::Stamp(Stamp::Instance) => plain(&row.owner.instance),
        Field::Stamp(Stamp::Csp) => plain(&row.owner.csp),
        Field::Stamp(Stamp::Pod) => plain(&row.origin.pod),
        Field::Stamp(_) => plain(row.origin.substream.as_str()),
        Field::Attribute(path) => {
            let mut all = Vec::new();
            fields::visit(&row.record.attributes, path, |scalar| {
                all.push((path.clone(), scalar.text().to_owned(), scalar.number(path), scalar.exists()));
            });
            all
        }
    }
}

fn key_of(row: &Row, key: &Key) -> Option<String> {
    match key {
        Key::Level => row.record.severity.map(|severity| severity.level().to_owned()),
        Key::Verdict => Some(row.record.verdict.as_str().to_owned()),
        Key::Time(interval, phase) => Some(((row.record.time_ns - phase).div_euclid(*interval) * interval + phase).to_string()),
        Key::Field(field) => values(row, field).into_iter().find(|(_, _, _, exists)| *exists).map(|(_, text, ..)| text),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn groups_are_those_of_a_plain_walk(
        parts in parts(),
        predicate in predicate(),
        (in_splits, per_split, threads) in (0_usize..8, 1_usize..5, 1_usize..4),
        by in proptest::collection::vec(key(), 0..3),
        of in proptest::collection::vec(field(), 0..3),
    ) {
        let folder = folder();
        let view = view(folder.path(), &parts, in_splits, per_split);
        let mut wanted: BTreeMap<Vec<Option<String>>, Vec<&Row>> = BTreeMap::new();
        for row in parts.iter().flatten().filter(|row| predicate.matches(row)) {
            wanted.entry(by.iter().map(|key| key_of(row, key)).collect()).or_default().push(row);
        }
        let request = AggregateRequest {
            predicate: Arc::new(predicate),
            from_ns: i64::MIN,
            to_ns: i64::MAX,
            by,
            of: of.iter().map(|field| Measure { field: field.clone(), numbers: true, quantiles: true, distinct: true }).collect(),
            quarantine: false,
            deadline: Instant::now() + Duration::from_secs(30),
        };
        let groups = aggregate(&view, &staff(), &request, &|| false, threads).unwrap();
        prop_assert_eq!(groups.iter().map(|group| (&group.key, group.rows)).collect::<Vec<_>>(), wanted.iter().map(|(key, rows)| (key, rows.len() as u64)).collect::<Vec<_>>());
        for (group, rows) in groups.iter().zip(wanted.values()) {
            for (field, measured) in of.iter().zip(&group.of) {
                let all: Vec<_> = rows.iter().flat_map(|row| values(row, field)).collect();
                let mut numbers: Vec<f64> = all.iter().filter_map(|(_, _, number, _)| *number).collect();
                numbers.sort_by(f64::total_cmp);
                prop_assert_eq!(measured.count, numbers.len() as u64);
                prop_assert!((measured.sum - numbers.iter().sum::<f64>()).abs() <= 1e-6 * measured.sum.abs().max(1.0));
                prop_assert_eq!((measured.min, measured.max), (numbers.first().copied(), numbers.last().copied()));
                let median = numbers.get(numbers.len().div_ceil(2).saturating_sub(1)).copied();
                prop_assert_eq!(measured.quantiles.quantile(0.5).map(|estimate| estimate.value), median);
                let id = |path: &str, text: &str| if fields::is_exact(path) { fields::normalise_id(path, text).into_owned() } else { text.to_owned() };
                let texts = all.iter().filter(|(_, _, _, exists)| *exists).map(|(path, text, ..)| id(path, text));
                let distinct: BTreeSet<String> = texts.filter(|text| !text.is_empty()).collect();
                prop_assert!((measured.distinct.count().value - distinct.len() as f64).abs() < 0.5, "{:?} {distinct:?}", measured.distinct);
            }
        }
    }
}
