//! One pair: a grant and a request, asked of both servers.

use crate::ask::Request;
use crate::harness::{PATIENCE, api};
use crate::judge::{Answer, Fault, Judge};
use crate::site::Site;
use crate::world::{Grant, World};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// How often a server may say that it is busy, and how long it is left alone then.
const BUSY_MAX: usize = 200;
const PAUSE: Duration = Duration::from_millis(100);
/// A tail that is silent for so long has told what was there.
const SILENT: Duration = Duration::from_millis(400);
/// Pages of a search that is read to its end.
const PAGES_MAX: usize = 6;

/// A grant's token on a server, its excerpt there, and a cursor of its search.
pub(crate) struct Reader {
    client: reqwest::Client,
    pub(crate) address: String,
    pub(crate) token: String,
    excerpt: String,
    secret: String,
    /// Its last one.
    export: Mutex<String>,
    /// The secret of an excerpt of the staff there.
    secret_of_staff: String,
}

impl Reader {
    pub(crate) async fn new(world: &World, grant: &Grant, site: &Site) -> Self {
        let token = site.token(world, grant).await;
        let api = site.server.api.with_token(&token);
        let body = json!({"query": "refused OR queue", "from": hour(world, 0), "to": hour(world, 12), "limit": 30});
        let of_staff = site.server.api.create("excerpts", body.clone()).await;
        let made = api.create("excerpts", body).await;
        let client = api::client(None);
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let secret_of_staff = of_staff["secret"].as_str().expect("a secret").to_owned();
        let address = site.server.address.clone();
        let reader =
            Self { client, address, token, excerpt: text("id"), secret: text("secret"), export: Mutex::default(), secret_of_staff };
        reader.export(world).await;
        reader
    }

    /// Makes an export, whose manifest is known as long as the server runs.
    pub(crate) async fn export(&self, world: &World) {
        let export = json!({"query": "refused", "from": hour(world, 0), "to": hour(world, 12), "format": "csv"}).to_string();
        let answer = self.ask("POST", "export", &self.token, Some(&export)).await;
        assert!(self.exported(&answer), "no id of an export: {}", answer.headers);
    }

    /// Takes note of the id of an export.
    fn exported(&self, answer: &Answer) -> bool {
        let id = answer.headers.lines().find_map(|line| line.strip_prefix("x-martlog-export: "));
        id.map(|id| *self.export.lock().expect("the id") = id.to_owned()).is_some()
    }

    async fn send(&self, method: &str, path: &str, bearer: &str, body: Option<&str>) -> reqwest::Response {
        let url = format!("{}/api/v1/{path}", self.address);
        let request = self.client.request(method.parse().expect("a method"), url).bearer_auth(bearer);
        let request = match body {
            Some(body) => request.header("Content-Type", "application/json").body(body.to_owned()),
            None => request,
        };
        request.timeout(PATIENCE).send().await.expect("an answer")
    }

    /// Asks until the server is not too busy to answer, and has had the time that it needs.
    async fn ask(&self, method: &str, path: &str, bearer: &str, body: Option<&str>) -> Answer {
        for _ in 0..BUSY_MAX {
            let answer = read(self.send(method, path, bearer, body).await).await;
            let is_cut = answer.text.contains("\"unfinished\":[\"") || answer.text.contains("\"took_too_long\"");
            if !matches!(answer.status, 429 | 503) && !is_cut {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("the server was busy {BUSY_MAX} times: {path} {body:?}");
    }

    /// All rows that a tail from this place has at first.
    async fn tail(&self, query: &str, from: &str) -> Answer {
        let url = format!("{}/api/v1/tail", self.address);
        let request = self.client.get(url).query(&[("query", query), ("cursor", from)]).bearer_auth(&self.token);
        let response = request.timeout(PATIENCE).send().await.expect("an answer");
        if response.status() != 200 {
            return read(response).await;
        }
        let mut answer = Answer { status: 200, headers: headers(&response), is_json: true, text: String::new() };
        let (mut events, mut bytes) = (response.bytes_stream(), Vec::new());
        while let Ok(Some(Ok(piece))) = tokio::time::timeout(SILENT, events.next()).await {
            bytes.extend(piece);
        }
        let text = String::from_utf8(bytes).expect("UTF-8");
        // The first status has the query; each of the following ones comes when it comes.
        let told = text.lines().filter_map(|line| line.strip_prefix("data:")).enumerate();
        let kept = told.filter(|(at, line)| *at == 0 || line.contains("\"message\""));
        answer.text = kept.map(|(_, line)| line.trim_start()).collect::<Vec<_>>().join("\n");
        answer
    }

    async fn cursor(&self, body: &Value) -> Option<String> {
        let mut first = body.clone();
        first.as_object_mut()?.remove("cursor");
        let answer = self.ask("POST", "search", &self.token, Some(&first.to_string())).await;
        next(&answer.text)
    }
}

/// So many hours behind the beginning of the lines.
fn hour(world: &World, hours: i64) -> String {
    (world.begin + chrono::TimeDelta::hours(hours)).to_rfc3339()
}

/// The cursor in a search's summary.
fn next(text: &str) -> Option<String> {
    let summary: Value = serde_json::from_str(text.lines().last()?).ok()?;
    summary["summary"]["cursor"].as_str().map(str::to_owned)
}

async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), headers(&response));
    let is_json = response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().windows(4).any(|piece| piece == b"json"));
    Answer { status, headers, is_json, text: response.text().await.expect("the whole answer") }
}

fn headers(response: &reqwest::Response) -> String {
    response.headers().iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))).collect()
}

pub(crate) struct Pair<'a> {
    pub(crate) world: &'a World,
    pub(crate) judge: &'a Judge<'a>,
    /// For each grant on the big server and on its twin.
    pub(crate) readers: &'a [[Reader; 2]],
    pub(crate) big: &'a Site,
    pub(crate) twin: &'a Site,
    pub(crate) grant: usize,
    /// With whose token the big server is asked: the grant's, but in the check of itself.
    pub(crate) seen_by: usize,
    pub(crate) request: &'a Request,
}

impl Pair<'_> {
    pub(crate) async fn ask(&self) -> Vec<(Fault, String)> {
        let ([_, twin], [big, _]) = (&self.readers[self.grant], &self.readers[self.seen_by]);
        let (one, other) = tokio::join!(self.ask_one(big, self.big, true), self.ask_one(twin, self.twin, false));
        let mut faults = Vec::new();
        if self.request.name == "audit" {
            faults.extend(self.audit(&one).map(|what| (Fault::Foreign, what)));
            return faults;
        }
        faults.extend(self.judge.foreign(self.request, &one, self.big).map(|name| (Fault::Foreign, format!("{name} in {}", one.text))));
        let different = self.judge.different(self.request, (&one, self.big), (&other, self.twin));
        faults.extend(different.map(|what| (Fault::Different, what)));
        faults.extend(self.judge.oracle(self.request, &one).map(|what| (Fault::Oracle, what)));
        if one.status >= 500 {
            faults.push((Fault::Different, format!("{} {}", one.status, one.text)));
        }
        faults
    }

    async fn ask_one(&self, reader: &Reader, site: &Site, is_big: bool) -> Answer {
        let request = self.request;
        let path = self.filled(&request.path, reader, site, is_big);
        let bearer = request.bearer.as_ref().map_or_else(|| reader.token.clone(), |text| self.filled(text, reader, site, is_big));
        if request.name == "tail" {
            let query = self.filled(request.query.as_deref().unwrap_or_default(), reader, site, is_big);
            return reader.tail(&query, &site.tail_begin).await;
        }
        let mut body = request.body.clone();
        if let (Some(whose), Some(body)) = (request.cursor_of, &mut body) {
            // On the twin there is nobody else, so the cursor is of a search that nobody asked.
            let cursor = match (is_big, whose == self.grant) {
                (true, _) => self.readers[whose][0].cursor(body).await,
                (false, true) => reader.cursor(body).await,
                (false, false) => reader_of_staff(reader, site).cursor(body).await,
            };
            body["cursor"] = cursor.map_or(Value::Null, Value::String);
        }
        // A position is behind the query, which is longer or shorter where it has ids.
        if let Some(body) = body.as_mut().filter(|body| !body["position"].is_null()) {
            let query = self.filled(body["query"].as_str().unwrap_or_default(), reader, site, is_big);
            body["position"] = json!(query.encode_utf16().count());
        }
        let text = body.as_ref().map(|body| self.filled(&body.to_string(), reader, site, is_big));
        let mut answer = reader.ask(request.method, &path, &bearer, text.as_deref()).await;
        reader.exported(&answer);
        if let ("pages", Some(body)) = (request.name, &text) {
            let mut body: Value = serde_json::from_str(body).expect("what was just written");
            for _ in 1..PAGES_MAX {
                let Some(cursor) = next(&answer.text) else { break };
                body["cursor"] = json!(cursor);
                let page = reader.ask("POST", "search", &bearer, Some(&body.to_string())).await;
                answer.text.push_str(&page.text);
            }
        }
        answer
    }

    /// A text of the request as this server has to get it.
    fn filled(&self, text: &str, own: &Reader, site: &Site, is_big: bool) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(begin) = ["{row:", "{excerpt:", "{secret:", "{export:"].iter().filter_map(|what| rest.find(what)).min() {
            let end = begin + rest[begin..].find('}').expect("the end of a place");
            let (what, number) = rest[begin + 1..end].split_once(':').expect("what and which");
            let number: usize = number.parse().expect("a number");
            out.push_str(&rest[..begin]);
            let reader = if is_big { &self.readers[number.min(self.readers.len() - 1)][0] } else { own };
            let is_here = is_big || number == self.grant;
            out.push_str(&match what {
                "row" => site.id(self.world, number),
                "excerpt" if is_here => reader.excerpt.clone(),
                "secret" if is_here => reader.secret.clone(),
                "export" if is_here => reader.export.lock().expect("the id").clone(),
                // As long, and nobody's.
                "export" => reader.export.lock().expect("the id").chars().map(|c| if c == '0' { '1' } else { '0' }).collect(),
                "excerpt" => reader.excerpt.chars().map(|c| if c == '0' { '1' } else { '0' }).collect(),
                _ => own.secret_of_staff.clone(),
            });
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        out
    }

    /// Records are of questions that this run asks, so they have no twin: whose they are is looked at, one by one.
    fn audit(&self, answer: &Answer) -> Option<String> {
        if answer.status != 200 {
            return Some(format!("{}: {}", answer.status, answer.text));
        }
        let partner = self.judge.grant.partner?;
        let partner = self.world.partner(partner);
        let told: Value = serde_json::from_str(&answer.text).expect("JSON");
        for record in told["records"].as_array().expect("records") {
            let mut bare = record.clone();
            // What somebody of the partner asked, or the staff of this partner alone, may name anybody.
            bare.as_object_mut().expect("a record").remove("query");
            let is_only_own = record["concerned"].as_array().is_none_or(|parts| parts.iter().all(|part| part["partner"] == partner));
            let text = bare.to_string();
            let nothing = Request::other("audit", "GET", String::new());
            let of_record = Answer { text, ..answer.clone() };
            let foreign = self.judge.foreign(&nothing, &of_record, self.big);
            if !is_only_own || foreign.is_some() {
                return Some(format!("{foreign:?} in the audit of {partner}: {record}"));
            }
        }
        None
    }
}

/// The staff of a twin.
fn reader_of_staff(reader: &Reader, site: &Site) -> Reader {
    Reader {
        client: reader.client.clone(),
        address: reader.address.clone(),
        token: site.server.api.token.clone(),
        excerpt: String::new(),
        secret: String::new(),
        export: Mutex::default(),
        secret_of_staff: String::new(),
    }
}

/// What was asked, and what was wrong.
#[derive(Default)]
pub(crate) struct Figures {
    of: BTreeMap<&'static str, usize>,
    faults: Vec<Fault>,
    plain: usize,
    pub(crate) shown: Vec<(String, String)>,
}

impl Figures {
    pub(crate) fn count(&mut self, request: &Request, faults: Vec<(Fault, String)>) {
        *self.of.entry(request.name).or_default() += 1;
        self.plain += usize::from(request.plain.is_some());
        for (fault, what) in faults {
            self.faults.push(fault);
            self.shown.push((format!("{fault:?}: {} {}", request.name, request.text()), what.chars().take(2_000).collect()));
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        other.of.into_iter().for_each(|(name, count)| *self.of.entry(name).or_default() += count);
        self.plain += other.plain;
        self.faults.extend(other.faults);
        self.shown.extend(other.shown);
    }

    pub(crate) fn of(&self, fault: Fault) -> usize {
        self.faults.iter().filter(|one| **one == fault).count()
    }

    pub(crate) fn is_faulty(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(crate) fn told(&self) -> String {
        let each: Vec<String> = self.of.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let (foreign, different, oracle) = (self.of(Fault::Foreign), self.of(Fault::Different), self.of(Fault::Oracle));
        let pairs: usize = self.of.values().sum();
        format!(
            "{pairs} pairs ({}): {foreign} with something foreign, {different} unlike the twin, {oracle} of {} unlike the oracle",
            each.join(", "),
            self.plain
        )
    }
}
