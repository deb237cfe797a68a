//! Metric queries against an oracle that goes over the lines one by one, as Loki's documents say: a figure of a moment is that of the lines in `(moment - range, moment]`.

use super::loki::form;
use super::*;
use std::collections::BTreeMap;

const SECOND: i64 = 1_000_000_000;

/// A line as the oracle knows it.
#[derive(Debug, Clone)]
struct Known {
    time_ns: i64,
    level: &'static str,
    code: Option<&'static str>,
    took_ms: f64,
    text: String,
}

/// Lines whose times lie on, beside and between the borders of ranges.
fn lines(base: i64) -> Vec<Known> {
    let offsets = [
        0,
        1,
        -1,
        SECOND,
        10 * SECOND,
        10 * SECOND - 1,
        10 * SECOND + 1,
        15 * SECOND,
        29 * SECOND,
        30 * SECOND,
        30 * SECOND + 1,
        31 * SECOND,
        59 * SECOND,
        60 * SECOND,
        61 * SECOND,
        75 * SECOND,
    ];
    let line = |(nth, offset): (usize, &i64)| Known {
        time_ns: base + offset,
        level: ["error", "info", "warn"][nth % 3],
        code: [Some("200"), Some("503"), None, Some("404")][nth % 4],
        took_ms: [12.0, 7.5, 250.0, 1_500.0, 3.0][nth % 5],
        text: format!("GET /{} code={} took", "x".repeat(nth % 4), nth % 4),
    };
    offsets.iter().enumerate().map(line).collect()
}

async fn pushed(server: &Server, lines: &[Known]) {
    let record = |known: &Known| {
        let code = known.code.map_or(String::new(), |code| format!(r#""code":{code},"#));
        let mut record = super::line(0, &known.text, &format!(r#"{{{code}"took_ms":{},"size":"{}ms"}}"#, known.took_ms, known.took_ms));
        record.time_ns = known.time_ns;
        record.severity = Severity::from_word(known.level);
        record
    };
    server.push("sms-434", lines.iter().map(record).collect()).await;
}

/// The values of each series by its labels and moment, as the answer has them.
type Answered = BTreeMap<(String, i64), f64>;

#[allow(clippy::cast_possible_truncation)] // Milliseconds.
async fn asked(server: &Server, token: &str, query: &str, start: i64, end: i64, step: i64) -> Answered {
    let (start, end, step) = (start.to_string(), end.to_string(), format!("{}", step / SECOND));
    let data = server.loki_data(token, "query_range", &[("query", query), ("start", &start), ("end", &end), ("step", &step)]).await;
    assert_eq!(data["resultType"], "matrix");
    let mut answered = Answered::new();
    for series in data["result"].as_array().unwrap() {
        for value in series["values"].as_array().unwrap() {
            let at = (value[0].as_f64().unwrap() * 1_000.0).round() as i64 * 1_000_000;
            answered.insert((series["metric"].to_string(), at), value[1].as_str().unwrap().parse().unwrap());
        }
    }
    answered
}

/// What a series is, and the figure of its lines.
type Figure<'a> = (&'a dyn Fn(&Known) -> Option<String>, &'a dyn Fn(&[&Known]) -> Option<f64>);

fn expected(lines: &[Known], of: Figure<'_>, start: i64, end: i64, step: i64, range: i64) -> Answered {
    let mut answered = Answered::new();
    let mut moment = start;
    while moment <= end {
        let mut series: BTreeMap<String, Vec<&Known>> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.time_ns > moment - range && line.time_ns <= moment) {
            if let Some(labels) = of.0(line) {
                series.entry(labels).or_default().push(line);
            }
        }
        // Answers have their moments in milliseconds.
        let told = moment / 1_000_000 * 1_000_000;
        answered.extend(series.into_iter().filter_map(|(labels, lines)| Some(((labels, told), of.1(&lines)?))));
        moment += step;
    }
    answered
}

fn same(found: &Answered, expected: &Answered, query: &str) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{query}");
    for (key, value) in found {
        assert!((value - expected[key]).abs() <= 1e-9 * value.abs().max(1.0), "{query} {key:?}: {value} instead of {}", expected[key]);
    }
}

/// That of three quarters.
fn quartile(lines: &[&Known]) -> Option<f64> {
    let mut numbers: Vec<f64> = lines.iter().map(|line| line.took_ms).collect();
    numbers.sort_by(f64::total_cmp);
    let place = 3 * (numbers.len() - 1);
    let (low, high) = (numbers[place / 4], numbers[place.div_ceil(4)]);
    Some(low + (high - low) * (place % 4) as f64 / 4.0)
}

#[tokio::test]
async fn figures_over_time_are_those_of_an_oracle() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let base = now_ns() / (60 * SECOND) * 60 * SECOND - 600 * SECOND;
    let lines = lines(base);
    pushed(&server, &lines).await;
    let all = |_: &Known| Some("{}".to_owned());
    let level = |line: &Known| Some(format!(r#"{{"level":"{}"}}"#, line.level));
    let code = |line: &Known| Some(line.code.map_or("{}".to_owned(), |code| format!(r#"{{"code":"{code}"}}"#)));
    let ok = |line: &Known| (line.level != "warn").then(|| "{}".to_owned());
    let read = |line: &Known| line.text.split("code=").nth(1).map(|rest| format!(r#"{{"read":"{}"}}"#, &rest[..1]));
    let count = |lines: &[&Known]| Some(lines.len() as f64);
    let sum = |lines: &[&Known]| Some(lines.iter().map(|line| line.took_ms).sum::<f64>());
    for (start, end, step, range) in [
        (base, base + 90 * SECOND, 10 * SECOND, 10 * SECOND),
        (base, base + 120 * SECOND, 15 * SECOND, 60 * SECOND),
        (base + 1, base + 80 * SECOND, 7 * SECOND, 21 * SECOND),
        (base - SECOND / 2, base + 80 * SECOND, 20 * SECOND, 30 * SECOND),
        (base + 30 * SECOND, base + 30 * SECOND, SECOND, 30 * SECOND),
    ] {
        let seconds = range as f64 / SECOND as f64;
        let rate = |lines: &[&Known]| Some(lines.len() as f64 / seconds);
        let bytes = |lines: &[&Known]| Some(lines.iter().map(|line| line.text.len() as f64).sum::<f64>());
        let max = |lines: &[&Known]| lines.iter().map(|line| line.took_ms).reduce(f64::max);
        let min_s = |lines: &[&Known]| lines.iter().map(|line| line.took_ms / 1_000.0).reduce(f64::min);
        let avg = |lines: &[&Known]| Some(lines.iter().map(|line| line.took_ms).sum::<f64>() / lines.len() as f64);
        let half = |lines: &[&Known]| Some(lines.len() as f64 / 2.0);
        let many = |lines: &[&Known]| (lines.len() > 1).then_some(lines.len() as f64);
        let width = format!("{}s", range / SECOND);
        let table: Vec<(String, Figure<'_>)> = vec![
            (format!("sum(count_over_time({{}}[{width}]))"), (&all, &count)),
            (format!("sum by (level) (count_over_time({{module=\"sms\"}} | json | drop __error__ [{width}]))"), (&level, &count)),
            (format!("sum by (code) (count_over_time({{}} | json [{width}]))"), (&code, &count)),
            (format!("sum(rate({{}} | level!=\"warn\" [{width}]))"), (&ok, &rate)),
            (format!("sum without (partner, module, instance, csp, cluster, stream) (rate({{}}[{width}]))"), (&all, &rate)),
            (format!("sum by (level, pod) (rate({{}}[{width}]))"), (&level, &rate)),
            (format!("sum(bytes_over_time({{}}[{width}]))"), (&all, &bytes)),
            (format!("sum by (read) (count_over_time({{}} | pattern \"<_> code=<read> <_>\" [{width}]))"), (&read, &count)),
            (format!("sum(sum_over_time({{}} | json | unwrap took_ms [{width}]))"), (&all, &sum)),
            (format!("max_over_time({{}} | unwrap took_ms [{width}]) by (level)"), (&level, &max)),
            (format!("min_over_time({{}} | unwrap duration(size) [{width}]) by (level)"), (&level, &min_s)),
            (format!("avg_over_time({{}} | unwrap took_ms [{width}]) by ()"), (&all, &avg)),
            (format!("quantile_over_time(0.75, {{}} | unwrap took_ms [{width}]) by (level)"), (&level, &quartile)),
            (format!("sum(count_over_time({{}}[{width}])) / 2"), (&all, &half)),
            (format!("sum(count_over_time({{}}[{width}])) > 1"), (&all, &many)),
        ];
        for flushed in [false, true] {
            for (query, of) in &table {
                let found = asked(&server, &token, query, start, end, step).await;
                same(
                    &found,
                    &expected(&lines, *of, start, end, step, range),
                    &format!("{query} from {} every {step}, flushed: {flushed}", start - base),
                );
            }
            server.indexer.flush().await.unwrap();
        }
    }
    let offset =
        asked(&server, &token, "sum(count_over_time({}[30s] offset 30s))", base + 60 * SECOND, base + 90 * SECOND, 30 * SECOND).await;
    same(
        &offset,
        &expected(&lines, (&all, &count), base + 30 * SECOND, base + 60 * SECOND, 30 * SECOND, 30 * SECOND)
            .into_iter()
            .map(|((labels, at), value)| ((labels, at + 30 * SECOND), value))
            .collect(),
        "offset",
    );
}

#[tokio::test]
async fn an_instant_has_the_largest_in_their_order() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let base = now_ns() - 600 * SECOND;
    let lines = lines(base);
    pushed(&server, &lines).await;
    server.push("voice-255", vec![super::line(500_000, "another partner's", "")]).await;
    let end = (base + 100 * SECOND).to_string();
    let query = "topk(2, sum by (level) (count_over_time({}[10m])))";
    let data = server.loki_data(&token, "query", &[("query", query), ("time", &end)]).await;
    assert_eq!(data["resultType"], "vector");
    let found: Vec<(&str, &str)> = data["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["metric"]["level"].as_str().unwrap(), one["value"][1].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("error", "6"), ("info", "5")]);
    let series = server.loki_data(&token, "query", &[("query", "count_over_time({}[10m])"), ("time", &end)]).await;
    let labels = json!({"partner": "acme", "module": "sms", "instance": "sms-434", "csp": "434", "cluster": "ingest", "stream": "stdout"});
    assert!(series["result"].as_array().unwrap().iter().any(|one| one["metric"] == labels && one["value"][1] == "16"), "{series}");
    let both = server
        .loki_data(&server.staff, "query", &[("query", "sum by (partner) (count_over_time({}[10m]))"), ("time", &now_ns().to_string())])
        .await;
    assert_eq!(both["result"].as_array().unwrap().len(), 2);
    let none = server.loki_data(&token, "query", &[("query", "sum(count_over_time({module=\"x\"}[10m]))"), ("time", &end)]).await;
    assert_eq!(none["result"], json!([]));
}

#[tokio::test]
async fn too_many_series_are_refused_in_lokis_words() {
    let server = Server::start().await;
    let token = server.token("acme").await;
    let records = (0..501).map(|n| super::line(10_000, "x", &format!(r#"{{"n":{n}}}"#))).collect();
    server.push("sms-434", records).await;
    let refused = server.loki(&token, "query", &[("query", "sum by (n) (count_over_time({}[1m]))")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.starts_with("maximum number of series (500) reached for a single query"), "{}", refused.text);
    let top = server.loki_data(&token, "query", &[("query", "topk(3, sum by (n) (count_over_time({}[1m])))")]).await;
    assert_eq!(top["result"].as_array().unwrap().len(), 3);
    assert!(!form(&[("a b", "c&d")]).contains([' ', '&']));
}
