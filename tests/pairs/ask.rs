//! Requests at random, most of them about somebody else's names, lines, cursors and excerpts.
//!
//! What differs from server to server is written as `{row:N}` (the id of line N), `{excerpt:N}`, `{secret:N}` and `{cursor}`, and filled in for each.

use crate::oracle::{Filter, any_marker};
use crate::world::{COLOURS, Grant, Instance, LEVELS, WORDS, World, own_field};
use chrono::{SecondsFormat, TimeDelta};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// What is sent, and what is known of the answer.
pub(crate) struct Request {
    /// For the figures.
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// A query for the end of the path.
    pub(crate) query: Option<String>,
    pub(crate) body: Option<Value>,
    /// Instead of the grant's token.
    pub(crate) bearer: Option<String>,
    /// A search that the oracle can do: the filter, and the range in milliseconds.
    pub(crate) plain: Option<(Filter, i64, i64)>,
    /// Whose cursor is to be put in: another grant's.
    pub(crate) cursor_of: Option<usize>,
}

impl Request {
    fn post(name: &'static str, body: Value) -> Self {
        let path = if name == "pages" || name == "foreign cursor" { "search" } else { name };
        Self { name, method: "POST", path: path.to_owned(), query: None, body: Some(body), bearer: None, plain: None, cursor_of: None }
    }

    pub(crate) fn other(name: &'static str, method: &'static str, path: String) -> Self {
        Self { name, method, path, query: None, body: None, bearer: None, plain: None, cursor_of: None }
    }

    /// Whether it changes something, or would if it were allowed.
    pub(crate) fn changes(&self) -> bool {
        matches!(self.name, "forbidden" | "export") || self.method == "DELETE"
    }

    /// All that is said in it: what an answer may repeat.
    pub(crate) fn text(&self) -> String {
        format!(
            "{} {} {}",
            self.path,
            self.query.as_deref().unwrap_or_default(),
            self.body.as_ref().map(Value::to_string).unwrap_or_default()
        )
    }
}

pub(crate) struct Asker<'w> {
    pub(crate) world: &'w World,
    /// Who asks: a third of what is named is its own.
    pub(crate) grant: &'w Grant,
    /// All grants, and its place among them.
    pub(crate) grants: &'w [Grant],
    pub(crate) at: usize,
}

impl Asker<'_> {
    pub(crate) fn request(&self, rng: &mut StdRng) -> Request {
        match rng.random_range(0..100) {
            0..14 => self.plain(rng),
            14..28 => Request::post(
                "search",
                self.question(
                    json!({"limit": one_of(rng, [1, 10, 100, 1_000]), "order": order(rng), "count": rng.random_ratio(1, 2)}),
                    rng,
                ),
            ),
            28..33 => Request::post("pages", self.question(json!({"limit": rng.random_range(3..40), "order": order(rng)}), rng)),
            33..36 => {
                // Nobody is foreign to the staff.
                let whose = if self.grant.partner.is_some() { rng.random_range(0..self.grants.len()) } else { self.at };
                let body =
                    json!({"query": WORDS.choose(rng), "from": self.time(0), "to": self.time(12 * 60), "limit": 1, "cursor": "{cursor}"});
                Request { cursor_of: Some(whose), ..Request::post("foreign cursor", body) }
            }
            36..47 => self.histogram(rng),
            47..61 => self.stats(rng),
            61..66 => Request::post("fields", self.question(json!({}), rng)),
            66..74 => self.values(rng),
            74..80 => {
                let (before, after) = (rng.random_range(0..12), rng.random_range(0..12));
                Request::post(
                    "context",
                    json!({"id": self.row(rng), "before": before, "after": after, "quarantine": rng.random_ratio(1, 12)}),
                )
            }
            80..85 => self.parse(rng),
            85..88 => self.loki(rng),
            88..91 => {
                let format = ["ndjson", "csv", "text"][rng.random_range(0..3)];
                Request::post("export", self.question(json!({"format": format, "order": order(rng)}), rng))
            }
            91 => Request { query: Some(self.filter(rng, 1)), ..Request::other("tail", "GET", "tail?query=".to_owned()) },
            92..95 => self.registry(rng),
            // The staff may.
            95..97 if self.grant.partner.is_some() => self.forbidden(rng),
            95..97 => self.registry(rng),
            97..99 => self.excerpt(rng),
            _ => Request::other("audit", "GET", format!("audit?limit={}", [20, 100, 1000][rng.random_range(0..3)])),
        }
    }

    fn plain(&self, rng: &mut StdRng) -> Request {
        let filter = Filter::random(rng, self.world, 2);
        let (from, to) = self.minutes(rng);
        let body = json!({"query": filter.text(), "from": self.time(from), "to": self.time(to), "limit": 10_000, "count": true, "order": order(rng)});
        let millis = |minutes| (self.world.begin + TimeDelta::minutes(minutes)).timestamp_millis();
        Request { plain: Some((filter, millis(from), millis(to))), ..Request::post("search", body) }
    }

    fn question(&self, mut body: Value, rng: &mut StdRng) -> Value {
        let (from, to) = self.minutes(rng);
        body["query"] = json!(self.filter(rng, 2));
        body["from"] = json!(self.time(from));
        body["to"] = json!(self.time(to));
        body
    }

    fn histogram(&self, rng: &mut StdRng) -> Request {
        let mut body = self.question(json!({}), rng);
        if rng.random_ratio(5, 6) {
            body["by"] = json!(["level", "verdict", "partner", "module", "instance", "csp"][rng.random_range(0..6)]);
        }
        if rng.random_ratio(1, 2) {
            body["interval"] = json!(["10m", "1h", "37m"][rng.random_range(0..3)]);
        }
        Request::post("histogram", body)
    }

    fn stats(&self, rng: &mut StdRng) -> Request {
        let field = self.field(rng);
        let pipe = match rng.random_range(0..17) {
            0 => format!("stats count() by {field}"),
            1 => format!("stats sum(duration_ms), max(status), uniq({field}) by module"),
            2 => "stats min(duration_ms), avg(duration_ms), p95(duration_ms) by instance, csp".to_owned(),
            3 => format!("stats uniq({field}), count()"),
            4 => format!("timechart 1h count() by {field}"),
            5 => format!("timechart avg(duration_ms) by {field}"),
            6 => format!("top 5 {field}"),
            7 => format!("fields time, id, {field}, message | limit 50"),
            8 => "sort -duration_ms | limit 20".to_owned(),
            9 => format!("dedup {field} | limit 40"),
            10 => "extract \"<*word> markq*mark insq\" | top mark".to_owned(),
            11 => "extract \"markq*mark insq*inst numq\" | stats count() by mark, inst".to_owned(),
            12 => "limit 3 | context 2 2".to_owned(),
            13 => "limit 5 | session".to_owned(),
            14 => "gaps 30m".to_owned(),
            15 => "patterns | limit 20".to_owned(),
            _ => format!("stats count() as lines by {field} | where lines>1 | sort -lines"),
        };
        let mut body = self.question(json!({}), rng);
        body["query"] = json!(format!("{} | {pipe}", body["query"].as_str().unwrap_or("*")));
        Request::post("stats", body)
    }

    fn values(&self, rng: &mut StdRng) -> Request {
        let mut body = self.question(json!({"field": self.field(rng), "limit": one_of(rng, [1, 20, 200])}), rng);
        if rng.random_ratio(1, 3) {
            body["prefix"] = json!(self.name(rng)[..2].to_owned());
        }
        Request::post("values", body)
    }

    fn parse(&self, rng: &mut StdRng) -> Request {
        let mut query = self.filter(rng, 1);
        let tail = match rng.random_range(0..5) {
            0 => format!(" {}:", self.field(rng)),
            1 => format!(" {}:{}", self.field(rng), &self.name(rng)[..2]),
            2 => " | stats count() by ".to_owned(),
            3 => " fld".to_owned(),
            _ => " ".to_owned(),
        };
        query.push_str(&tail);
        let mut body = json!({"query": query, "from": self.time(0), "to": self.time(12 * 60)});
        if rng.random_ratio(5, 6) {
            body["position"] = json!(query.encode_utf16().count());
        }
        Request::post("parse", body)
    }

    /// Loki's API, which lies beside the own one.
    fn loki(&self, rng: &mut StdRng) -> Request {
        let instance = self.instance(rng);
        let (partner, word) = (self.world.partner(instance.partner), WORDS.choose(rng).expect("a word"));
        let selector = match rng.random_range(0..6) {
            0 => format!("{{partner=\"{partner}\"}}"),
            1 => format!("{{module=~\"{}|.*\"}}", instance.module),
            2 => format!("{{instance!=\"{}\", csp=~\".+\"}} |~ \"(?i){word}\"", instance.id),
            3 => format!("{{service_name=\"{}\"}} | status >= 400 or duration_ms > 5", instance.module),
            _ => "{}".to_owned(),
        };
        let (path, query) = match rng.random_range(0..9) {
            0 | 1 => ("query_range", selector),
            2 => ("query_range", format!("sum by (instance, partner, level) (count_over_time({selector} [1h]))")),
            3 => ("query", format!("topk(5, quantile_over_time(0.9, {selector} | unwrap duration_ms [12h]) by (module, csp))")),
            4 => ("series", selector),
            5 => ("labels", selector),
            6 => ("label/instance/values", selector),
            7 => ("detected_fields", selector),
            _ => ("index/stats", selector),
        };
        let (from, to) = self.minutes(rng);
        let (from, to) = (self.time(from), self.time(to));
        let parameters = [
            ("query", query.as_str()),
            ("match[]", query.as_str()),
            ("start", &from),
            ("end", &to),
            ("time", &to),
            ("step", "1800"),
            ("limit", "10000"),
        ];
        let address = reqwest::Url::parse_with_params("http://x/", &parameters).expect("an address");
        Request::other("loki", "GET", format!("../../loki/api/v1/{path}?{}", address.query().unwrap_or_default()))
    }

    fn registry(&self, rng: &mut StdRng) -> Request {
        let instance = self.instance(rng);
        let partner = self.world.partner(instance.partner);
        let one = match rng.random_range(0..4) {
            0 => format!("partners/{partner}"),
            1 => format!("modules/{}", instance.module),
            2 => format!("instances/{}", instance.id),
            _ => ["partners", "modules", "instances", "quarantine", "nodes", "erasures", "session"][rng.random_range(0..7)].to_owned(),
        };
        Request::other("registry", "GET", one)
    }

    /// What only the staff may do, and manifests of others' exports.
    fn forbidden(&self, rng: &mut StdRng) -> Request {
        let instance = self.instance(rng);
        let pod = self.world.pod(&self.world.lines[self.world.lines.len() - 1]).2;
        let (method, path, body) = match rng.random_range(0..8) {
            0 | 1 => return Request::other("exports", "GET", format!("exports/{{export:{}}}", rng.random_range(0..self.grants.len()))),
            2 => ("POST", "partners".to_owned(), json!({"id": self.world.partner(instance.partner)})),
            3 => ("PATCH", format!("instances/{}", instance.id), json!({"environment": "test"})),
            4 => ("DELETE", format!("modules/{}", instance.module), Value::Null),
            5 => ("POST", "tokens".to_owned(), json!({"kind": "partner", "partner": self.world.partner(instance.partner)})),
            6 => ("POST", format!("quarantine/{pod}/release"), json!({"instance": instance.id})),
            _ => ("POST", "erasures".to_owned(), json!({"account": "1", "dry_run": true})),
        };
        Request { body: Some(body), ..Request::other("forbidden", method, path) }
    }

    /// Somebody's excerpt with its own token, with its own secret, with the secret of another one. Who has an excerpt's secret may open it, so that is asked of its own alone.
    fn excerpt(&self, rng: &mut StdRng) -> Request {
        let whose = rng.random_range(0..self.grants.len());
        let secret_of = if whose == self.at || rng.random_ratio(1, 2) { self.at } else { (whose + 1) % self.grants.len() };
        let one = format!("excerpts/{{excerpt:{whose}}}");
        let opened = |whose: usize, secret: usize| Request {
            bearer: Some(format!("{{secret:{secret}}}")),
            ..Request::other("excerpts", "GET", format!("excerpts/{{excerpt:{whose}}}"))
        };
        match rng.random_range(0..6) {
            0 => Request::other("excerpts", "GET", "excerpts".to_owned()),
            1 => Request::other("excerpts", "GET", one),
            2 if !self.grants[whose].is_within(self.grant) => Request::other("excerpts", "DELETE", one),
            2 | 3 => opened(self.at, self.at),
            4 => opened(self.at, (self.at + 1 + rng.random_range(0..self.grants.len() - 1)) % self.grants.len()),
            _ => opened(whose, secret_of),
        }
    }

    fn filter(&self, rng: &mut StdRng, depth: u8) -> String {
        if depth > 0 && rng.random_ratio(1, 2) {
            let parts: Vec<String> = (0..rng.random_range(2..4)).map(|_| self.filter(rng, depth - 1)).collect();
            return match rng.random_range(0..4) {
                0 => format!("({})", parts.join(" OR ")),
                1 => format!("NOT ({})", parts.join(" ")),
                _ => parts.join(" "),
            };
        }
        let no = if rng.random_ratio(1, 5) { "-" } else { "" };
        format!("{no}{}", self.clause(rng))
    }

    fn clause(&self, rng: &mut StdRng) -> String {
        let instance = self.instance(rng);
        match rng.random_range(0..24) {
            0 => "*".to_owned(),
            1 => (*WORDS.choose(rng).expect("a word")).to_owned(),
            2 => any_marker(rng, self.world),
            3 => format!("markq{}*", rng.random_range(0..9)),
            4 => format!("~\"insq[{}-9]+x\"", rng.random_range(0..9)),
            5 => format!("`q{} ins`", rng.random_range(0..9)),
            6 => format!("module:{}", instance.module),
            7 => format!("instance:{}", instance.id),
            8 => format!("partner:{}", self.world.partner(instance.partner)),
            9 => format!("csp:{}", instance.csp),
            10 => format!("namespace:{}", instance.namespace()),
            11 => format!("pod:pod-{}-0", instance.id),
            12 => format!("level>={}", LEVELS.choose(rng).expect("a level")),
            13 => format!("id:{}", self.row(rng)),
            14 => "in:quarantine".to_owned(),
            15 => format!("{}:*", own_field(Some(rng.random_range(0..8)))),
            16 => format!("colour:{}", COLOURS.choose(rng).expect("a colour")),
            17 => format!("session:s-{}", rng.random_range(0..60)),
            // One letter off: hints and corrections come.
            18 => format!("module:{}z", instance.module),
            19 => format!("instance:{}", &instance.id[1..]),
            20 => format!("{}:x", &own_field(Some(rng.random_range(0..8)))[..4]),
            21 => format!("path=~\"^/v1/{}\"", &WORDS.choose(rng).expect("a word")[..2]),
            22 => "status:400..599".to_owned(),
            _ => format!("duration_ms>{}ms", rng.random_range(0..900)),
        }
    }

    fn field(&self, rng: &mut StdRng) -> String {
        const KNOWN: [&str; 14] = [
            "partner",
            "module",
            "instance",
            "csp",
            "namespace",
            "pod",
            "cluster",
            "node",
            "level",
            "verdict",
            "colour",
            "session_id",
            "path",
            "status",
        ];
        if rng.random_ratio(1, 6) { own_field(Some(rng.random_range(0..8))) } else { (*KNOWN.choose(rng).expect("a field")).to_owned() }
    }

    fn name<'a>(&'a self, rng: &mut StdRng) -> &'a str {
        let instance = self.instance(rng);
        [self.world.partner(instance.partner), instance.module, &instance.id, &instance.csp][rng.random_range(0..4)]
    }

    fn instance(&self, rng: &mut StdRng) -> &Instance {
        let all = &self.world.instances;
        let own: Vec<usize> = (0..all.len()).filter(|at| self.world.sees_instance(self.grant, *at)).collect();
        &all[if rng.random_ratio(1, 3) { *own.choose(rng).expect("one of its own") } else { rng.random_range(0..all.len()) }]
    }

    fn row(&self, rng: &mut StdRng) -> String {
        let lines = &self.world.lines;
        let own = || lines.iter().filter(|line| self.world.sees(self.grant, line)).collect::<Vec<_>>();
        let n = if rng.random_ratio(1, 2) { own().choose(rng).expect("a line of its own").n } else { rng.random_range(0..lines.len()) };
        format!("{{row:{n}}}")
    }

    /// Minutes behind the first hour: often everything, else a piece, now and then one without lines.
    fn minutes(&self, rng: &mut StdRng) -> (i64, i64) {
        match rng.random_range(0..10) {
            0..5 => (0, 12 * 60),
            5..9 => {
                let from = rng.random_range(0..590);
                (from, from + rng.random_range(1..200))
            }
            _ => (-90, -30),
        }
    }

    fn time(&self, minutes: i64) -> String {
        (self.world.begin + TimeDelta::minutes(minutes)).to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

fn order(rng: &mut StdRng) -> &'static str {
    if rng.random_ratio(1, 2) { "newest" } else { "oldest" }
}

fn one_of<const N: usize>(rng: &mut StdRng, numbers: [u32; N]) -> u32 {
    numbers[rng.random_range(0..N)]
}
