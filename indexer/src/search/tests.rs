//! Both tiers answer alike: whatever lies in live buffers or in splits, an answer is that of a plain filter over all rows.

use super::events::channel;
use super::first::First;
use super::gate::Gate;
use super::histogram;
use super::node::compile;
use super::ordered::Course;
use super::predicate::{Field, Pattern, Predicate, Stamp, Test};
use super::request::{Bucket, Event, GroupBy, Histogram, HistogramRequest, Order, SearchError, SearchRequest, Summary};
use super::run::execute;
use super::testing::{chunk, folder, owner, partner, parts, predicate, row, split, staff, view};
use super::turn::Turn;
use crate::live::Pack;
use crate::registry::Scope;
use crate::row::{Position, Row};
use crate::split::block::Decoder;
use crate::store::{ModuleView, View};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

fn request(predicate: Predicate) -> SearchRequest {
    SearchRequest {
        predicate: Arc::new(predicate),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        order: Order::NewestFirst,
        limit: 10_000,
        after: None,
        as_of_ns: None,
        count: false,
        quarantine: false,
        deadline: Instant::now() + Duration::from_secs(30),
    }
}

/// A turn on the only thread.
fn turn() -> (Arc<Semaphore>, Turn) {
    let threads = Arc::new(Semaphore::new(1));
    let permit = threads.clone().try_acquire_owned().unwrap();
    static REACTOR: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    (threads.clone(), Turn::new(threads, permit, REACTOR.handle().clone()))
}

/// Runs a search to its end.
fn search(view: &View, scope: &Scope, request: &SearchRequest) -> (Vec<Row>, Summary) {
    let (sender, mut receiver) = channel(20_000);
    execute(view, scope, request, &sender, &turn().1);
    let (mut rows, mut summary) = (Vec::new(), None);
    while let Some(event) = receiver.try_recv() {
        assert!(summary.is_none(), "nothing comes behind the summary");
        match event {
            Event::Row(row) => rows.push(*row),
            Event::Progress { share, .. } => assert!((0.0..=1.0).contains(&share)),
            Event::Summary(last) => summary = Some(last),
            Event::Error(error) => panic!("{error}"),
        }
    }
    (rows, summary.expect("a summary at the end"))
}

/// What a search has to find, by definition.
fn expected(parts: &[Vec<Row>], scope: &Scope, request: &SearchRequest) -> Vec<Row> {
    let inside = |row: &&Row| {
        scope.allows(&row.owner)
            && row.record.time_ns >= request.from_ns
            && row.record.time_ns < request.to_ns
            && request.as_of_ns.is_none_or(|as_of| row.arrived_ns <= as_of)
            && request.predicate.matches(row)
    };
    let mut rows: Vec<Row> = parts.iter().flatten().filter(inside).cloned().collect();
    rows.sort_by_key(Row::position);
    if request.order == Order::NewestFirst {
        rows.reverse();
    }
    rows
}

fn behind(rows: &[Row], after: &Position, order: Order) -> Vec<Row> {
    let behind = |row: &&Row| if order == Order::NewestFirst { row.position() < *after } else { row.position() > *after };
    rows.iter().filter(behind).cloned().collect()
}

fn label_of(by: GroupBy, row: &Row) -> String {
    match by {
        GroupBy::Level => row.record.severity.map_or("none", martlog_formats::Severity::level).to_owned(),
        GroupBy::Verdict => row.record.verdict.as_str().to_owned(),
        GroupBy::Partner => row.owner.key.partner.to_string(),
        GroupBy::Module => row.owner.key.module.to_string(),
        GroupBy::Instance => row.owner.instance.to_string(),
        GroupBy::Csp => row.owner.csp.to_string(),
    }
}

fn scopes() -> impl Strategy<Value = Scope> {
    select(vec![staff(), partner("p1", None), partner("p1", Some(&["i1", "i31"])), partner("p2", Some(&["j2"])), partner("p3", None)])
}

fn orders() -> impl Strategy<Value = Order> {
    select(&[Order::NewestFirst, Order::OldestFirst][..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_search_is_a_filter_whatever_lies_in_splits(
        parts in parts(),
        predicates in proptest::collection::vec(predicate(), 1..5),
        (in_splits, per_split) in (0_usize..8, 1_usize..5),
        scope in scopes(),
        order in orders(),
        (from, to) in (-22_i64..22, -22_i64..22),
        as_of in proptest::option::of(1_000_i64..1_014),
        page in 1_usize..9,
    ) {
        let folder = folder();
        let view = view(folder.path(), &parts, in_splits, per_split);
        for predicate in predicates {
            let (from_ns, to_ns) = if from < to { (from * 1_000, to * 1_000) } else { (i64::MIN, i64::MAX) };
            let all = SearchRequest { order, from_ns, to_ns, as_of_ns: as_of, count: true, ..request(predicate) };
            let wanted = expected(&parts, &scope, &all);
            let (found, summary) = search(&view, &scope, &all);
            prop_assert_eq!(&found, &wanted);
            prop_assert_eq!((summary.matched, summary.exact, summary.more), (wanted.len() as u64, true, false));
            // The same in pages, each behind the last row of the one before, counting or not.
            let mut paged: Vec<Row> = Vec::new();
            loop {
                let after = paged.last().map(Row::position);
                let request = SearchRequest { limit: page, after, count: paged.len().is_multiple_of(2), ..all.clone() };
                let (rows, summary) = search(&view, &scope, &request);
                prop_assert_eq!(summary.more, paged.len() + rows.len() < wanted.len());
                prop_assert_eq!(summary.returned, rows.len() as u64);
                if request.count {
                    prop_assert_eq!(summary.matched, wanted.len() as u64);
                }
                paged.extend(rows);
                if !summary.more {
                    break;
                }
            }
            prop_assert_eq!(&paged, &wanted);
        }
    }

    #[test]
    fn a_cursor_may_name_any_place(
        parts in parts(),
        (in_splits, per_split) in (0_usize..8, 1_usize..5),
        order in orders(),
        after in (-21_i64..21, select(&["m0", "m1", "m2", "m25", "m9"][..]), 0_u64..40),
    ) {
        let folder = folder();
        let view = view(folder.path(), &parts, in_splits, per_split);
        let after = Position { time_ns: after.0 * 1_000, module: after.1.into(), seq: after.2 };
        let all = SearchRequest { order, ..request(Predicate::All) };
        let wanted = behind(&expected(&parts, &staff(), &all), &after, order);
        let (found, _) = search(&view, &staff(), &SearchRequest { after: Some(after), ..all });
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn a_histogram_counts_what_a_search_finds(
        parts in parts(),
        predicate in predicate(),
        (in_splits, per_split) in (0_usize..8, 1_usize..5),
        scope in scopes(),
        interval_ns in select(&[1_i64, 700, 5_000, 1_000_000][..]),
        by in proptest::option::of(select(&[GroupBy::Level, GroupBy::Verdict, GroupBy::Partner, GroupBy::Module, GroupBy::Instance, GroupBy::Csp][..])),
    ) {
        let folder = folder();
        let view = view(folder.path(), &parts, in_splits, per_split);
        let request = request(predicate);
        let mut wanted: BTreeMap<i64, Bucket> = BTreeMap::new();
        for row in expected(&parts, &scope, &request) {
            let start_ns = row.record.time_ns.div_euclid(interval_ns) * interval_ns;
            let bucket = wanted.entry(start_ns).or_insert(Bucket { start_ns, ..Bucket::default() });
            bucket.count += 1;
            if let Some(by) = by {
                *bucket.by.entry(label_of(by, &row)).or_default() += 1;
            }
        }
        let request = HistogramRequest {
            predicate: request.predicate,
            from_ns: request.from_ns,
            to_ns: request.to_ns,
            interval_ns,
            by,
            quarantine: false,
            deadline: request.deadline,
        };
        let counted = histogram::count(&view, &scope, &request, &|| false, 2).unwrap();
        prop_assert_eq!(counted, Histogram { buckets: wanted.into_values().collect() });
    }
}

/// Many rows of one module, one a microsecond, in splits of so many; every hundredth has the rare word.
fn many(folder: &std::path::Path, rows: u64, per_split: usize) -> View {
    let owner = owner("p1", "m1", "i1");
    let message = |seq: u64| if seq.is_multiple_of(100) { format!("needle {seq}") } else { format!("hay {seq} stack") };
    let rows: Vec<Row> = (0..rows).map(|seq| row(&owner, seq, 1_000 + seq as i64 / 100, seq as i64 * 1_000, &message(seq), "")).collect();
    let splits = rows.chunks(per_split).map(|rows| split(folder, rows)).collect();
    View { modules: vec![ModuleView { key: owner.key.clone(), live: Vec::new(), splits, visible_from_seq: 0 }], as_of_ns: i64::MAX - 1 }
}

fn word(word: &str) -> Predicate {
    Predicate::Word(Pattern(word.to_owned()))
}

#[test]
fn counting_a_word_reads_no_stored_row_and_the_newest_rows_come_from_the_newest_split() {
    let folder = folder();
    let view = many(folder.path(), 6_000, 2_000);
    let (rows, summary) = search(&view, &staff(), &SearchRequest { count: true, limit: 3, ..request(word("needle")) });
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [5_900, 5_800, 5_700]);
    assert_eq!((summary.matched, summary.exact, summary.more, summary.rows_scanned), (60, true, true, 0));
    let (_, summary) = search(&view, &staff(), &SearchRequest { limit: 3, ..request(word("needle")) });
    assert_eq!((summary.splits, summary.matched, summary.exact), (1, 4, false));
    // A long number is looked for in the filters.
    let (rows, summary) = search(&view, &staff(), &SearchRequest { from_ns: 3_000_000, to_ns: 3_500_000, ..request(word("3400")) });
    assert_eq!((rows.len(), summary.splits_pruned), (1, 2));
}

#[test]
fn what_a_quarantine_has_released_is_not_shown() {
    let folder = folder();
    let mut view = many(folder.path(), 3_000, 1_000);
    view.modules[0].visible_from_seq = 1_500;
    let (rows, summary) =
        search(&view, &staff(), &SearchRequest { order: Order::OldestFirst, count: true, limit: 1, ..request(Predicate::All) });
    assert_eq!((rows[0].seq, summary.matched, summary.splits_pruned), (1_500, 1_500, 1));
}

#[test]
fn an_id_opens_the_one_split_that_can_hold_it() {
    let folder = folder();
    let view = many(folder.path(), 3_000, 1_000);
    let id = Predicate::Field(Field::Stamp(Stamp::Id), Test::Equals("m1/77/1234".to_owned()));
    let (rows, summary) = search(&view, &staff(), &request(id));
    assert_eq!((rows.len(), rows[0].seq, summary.splits, summary.rows_scanned), (1, 1_234, 1, 0));
}

#[test]
fn a_deadline_and_a_reader_that_leaves_end_a_search() {
    let folder = folder();
    let view = many(folder.path(), 2_000, 1_000);
    let (sender, mut receiver) = channel(4);
    execute(&view, &staff(), &SearchRequest { deadline: Instant::now(), ..request(Predicate::All) }, &sender, &turn().1);
    assert!(matches!(receiver.try_recv(), Some(Event::Error(SearchError::Deadline))));
    let (sender, mut receiver) = channel(4);
    let search = std::thread::spawn(move || execute(&view, &staff(), &request(Predicate::All), &sender, &turn().1));
    assert!(matches!(receiver.blocking_recv(), Some(Event::Row(_))));
    let left = Instant::now();
    drop(receiver);
    search.join().unwrap();
    assert!(left.elapsed() < Duration::from_secs(10), "long before its deadline: {:?}", left.elapsed());
}

#[test]
fn a_reader_that_does_not_read_leaves_its_turn_to_others() {
    let folder = folder();
    let view = many(folder.path(), 2_000, 1_000);
    let (threads, turn) = turn();
    let (sender, mut receiver) = channel(4);
    let search = std::thread::spawn(move || execute(&view, &staff(), &request(Predicate::All), &sender, &turn));
    // Nobody reads: the channel fills, and then the only thread is free for somebody else.
    let begun = Instant::now();
    let other = loop {
        match threads.clone().try_acquire_owned() {
            Ok(permit) => break permit,
            Err(_) => assert!(begun.elapsed() < Duration::from_secs(20), "the turn does not come back"),
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    drop(other);
    let mut rows = 0;
    while let Some(event) = receiver.blocking_recv() {
        rows += usize::from(matches!(event, Event::Row(_)));
    }
    search.join().unwrap();
    assert_eq!(rows, 2_000, "and the slow reader still gets its rows");
}

#[test]
fn a_damaged_split_is_an_error_and_no_shorter_answer() {
    let folder = folder();
    let owner = owner("p1", "m1", "i1");
    let rows: Vec<Row> = (0..500).map(|seq| row(&owner, seq, 1, 1, "hello", "")).collect();
    let bad = split(folder.path(), &rows);
    let path = folder.path().join("m1").join(format!("{:032x}.split", 0));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let module = ModuleView {
        key: owner.key.clone(),
        live: vec![Arc::new(Pack::new([chunk(vec![row(&owner, 500, 2, 2, "live", "")])].into()))],
        splits: vec![bad],
        visible_from_seq: 0,
    };
    let (sender, mut receiver) = channel(1_000);
    execute(&View { modules: vec![module], as_of_ns: 5 }, &staff(), &request(Predicate::All), &sender, &turn().1);
    assert!(matches!(receiver.try_recv(), Some(Event::Row(row)) if row.seq == 500));
    assert!(matches!(receiver.try_recv(), Some(Event::Error(SearchError::Store(text))) if text.contains("damaged")));
}

#[test]
fn new_rows_are_sent_before_old_splits_are_opened_that_are_counted() {
    let folder = folder();
    let owner = owner("p1", "m1", "i1");
    let of = |seqs: std::ops::Range<u64>, time| seqs.map(|seq| row(&owner, seq, 1, time, "hello", "")).collect::<Vec<_>>();
    let (old, new) = (split(folder.path(), &of(0..500, 1)), split(folder.path(), &of(500..510, 2)));
    let path = folder.path().join("m1").join(format!("{:032x}.split", 0));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let module = ModuleView { key: owner.key.clone(), live: Vec::new(), splits: vec![old, new], visible_from_seq: 0 };
    let (sender, mut receiver) = channel(1_000);
    let counted = SearchRequest { count: true, ..request(Predicate::All) };
    execute(&View { modules: vec![module], as_of_ns: 5 }, &staff(), &counted, &sender, &turn().1);
    let rows: Vec<u64> = std::iter::from_fn(|| match receiver.try_recv() {
        Some(Event::Row(row)) => Some(row.seq),
        _ => None,
    })
    .collect();
    assert_eq!(rows, (500..510).rev().collect::<Vec<_>>(), "and then the damaged one ended the search");
}

/// A word of letters that no other number has.
fn letters(number: u64) -> String {
    format!("{number:07}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// Rows of a module with thousands of patterns; each has its second in common with another module's.
fn varied(module: &str) -> Vec<Row> {
    let owner = owner("p1", module, "i1");
    let row_of = |seq: u64| {
        let number = seq * 7_919 % 6_000;
        let attributes = format!(r#"{{"who":"{}"}}"#, letters(number % 200));
        // So long that each chunk of patterns has few of them; of other letters.
        let long: Vec<String> = (0..120).map(|nth| letters((number + nth * 31) * 271 % 10_000_000).to_uppercase()).collect();
        row(&owner, seq, 1, seq as i64 / 2 * 1_000, &format!("sent {} of {seq} with {}", letters(number), long.join(" ")), &attributes)
    };
    (0..6_000).map(row_of).collect()
}

/// Predicates that many patterns have to be asked for.
fn asked_of_many() -> Vec<Predicate> {
    let regex = |text: &str| Predicate::Regex(regex::Regex::new(text).unwrap());
    let attribute = |path: &str, test: Test| Predicate::Field(Field::Attribute(path.to_owned()), test);
    vec![
        regex("[aeg]{4}"),
        regex("aa.aaaa"),
        regex("zzz[a-z]z"),
        Predicate::Not(Box::new(regex("[aeg]{3}"))),
        Predicate::Literal("ccfe".to_owned()),
        Predicate::And(vec![regex("[aeg]{3}"), word("*3")]),
        Predicate::And(vec![attribute("who", Test::Regex(regex::Regex::new("b{2}").unwrap())), regex("[aeg]{3}")]),
        Predicate::Or(vec![attribute("who", Test::Equals("aaaaabc".to_owned())), regex("gfe")]),
    ]
}

#[test]
fn a_split_that_takes_long_to_open_has_the_same_rows() {
    let folder = folder();
    let parts = ["m1", "m2"].map(varied).to_vec();
    let module = |rows: &Vec<Row>| ModuleView {
        key: rows[0].owner.key.clone(),
        live: Vec::new(),
        splits: rows.chunks(3_000).map(|rows| split(folder.path(), rows)).collect(),
        visible_from_seq: 0,
    };
    let view = View { modules: parts.iter().map(module).collect(), as_of_ns: i64::MAX - 1 };
    let middle = parts[1][2_345].position();
    let scope = staff();
    let gate = Gate { scope: &scope, from_ns: i64::MIN, to_ns: i64::MAX, as_of_ns: i64::MAX, visible_from_seq: 0 };
    for predicate in asked_of_many() {
        let (split, decoder) = (view.modules[0].splits[1].open().unwrap(), Decoder::new().unwrap());
        let first = First::of(&split, gate, &[true], Course { order: Order::NewestFirst, after: None }, &decoder);
        compile(&predicate, &split, Some(&first), &decoder, &mut || Ok(())).unwrap();
        assert!(first.alone().is_some_and(|first| first.rows == (888..952)), "{predicate:?} is asked of the first rows alone");
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let all = SearchRequest { order, count: true, ..request(predicate.clone()) };
            let wanted = expected(&parts, &staff(), &all);
            let rest = behind(&wanted, &middle, order);
            for (limit, count) in
                [(1, true), (1, false), (40, true), (40, false), (900, true), (900, false), (10_000, true), (10_000, false)]
            {
                for (after, wanted) in [(None, &wanted), (Some(middle.clone()), &rest)] {
                    let (rows, summary) = search(&view, &staff(), &SearchRequest { limit, count, after, ..all.clone() });
                    assert_eq!(rows, wanted[..limit.min(wanted.len())], "{predicate:?} {order:?} {limit} {count}");
                    assert_eq!(summary.more, wanted.len() > limit);
                    if count {
                        assert_eq!(summary.matched, expected(&parts, &staff(), &all).len() as u64);
                    }
                }
            }
        }
    }
}
