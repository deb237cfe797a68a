//! `martlog admin`: the registry from a terminal. What was typed becomes the body of one request; what comes back is shown as a
//! table, or as it is with `--json`.

use super::api::{Client, NoAnswer};
use super::render::clean;
use crate::cli::{
    Action, AdminArgs, EraseArgs, ErasureAction, InstanceArgs, ModuleArgs, NodeAction, Object, PartnerAction, PartnerArgs, PolicyArgs,
    QuarantineAction, SetAction, SetArgs, TokenArgs, TokenKind,
};
use crate::config;
use crate::outcome::{Failure, Outcome};
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is to be done: one request, and where a token in its answer goes.
pub(super) struct Errand {
    pub(super) method: Method,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
    pub(super) token_out: Option<PathBuf>,
    /// The answer for people.
    pub(super) show: fn(&Value) -> String,
}

/// How often the server is asked whether an erasure has ended.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Runs the command.
pub(crate) async fn run(args: AdminArgs) -> Result<Outcome, Failure> {
    let client = Client::new(config::connect(args.connect)?)?;
    let errand = errand(args.object);
    let out = errand.token_out.as_deref().map(|path| new_private_file(path).map(|file| (path, file))).transpose()?;
    let path: Vec<&str> = errand.path.iter().map(String::as_str).collect();
    let mut answer = match ask(&client, &errand, &path).await {
        Ok(answer) => answer,
        Err(NoAnswer::Refused { status: 404, sentence, .. }) if errand.method != Method::POST => {
            writeln!(io::stderr().lock(), "martlog: {sentence}")?;
            return Ok(Outcome::Findings);
        }
        Err(error) => return Err(error.into()),
    };
    answer = ended(&client, answer).await?;
    if let Some((path, file)) = out {
        keep_token(&mut answer, path, file)?;
    }
    let mut stdout = io::stdout().lock();
    if args.json {
        if !answer.is_null() {
            writeln!(stdout, "{answer}")?;
        }
    } else {
        stdout.write_all((errand.show)(&answer).as_bytes())?;
    }
    stdout.flush()?;
    Ok(Outcome::Fine)
}

/// Waits for an erasure to end: what cannot be undone is not said to be done before it is.
async fn ended(client: &Client, mut report: Value) -> Result<Value, NoAnswer> {
    let mut told = Value::Null;
    while report["state"] == "running"
        && let Some(id) = report["id"].as_str()
    {
        if report["error"].is_string() && report["error"] != told {
            told = report["error"].clone();
            // Whoever reads standard error may be gone; the report comes at the end.
            let _ = writeln!(io::stderr().lock(), "martlog: the erasure {} waits: {}", clean(id), cell(&told));
        }
        tokio::time::sleep(ASK_EVERY).await;
        report = client.json(client.request(Method::GET, &["erasures", id])).await?;
    }
    Ok(report)
}

/// Asks; a list that comes in pages is put together.
async fn ask(client: &Client, errand: &Errand, path: &[&str]) -> Result<Value, NoAnswer> {
    let request = || client.request(errand.method.clone(), path).query(&errand.query);
    let mut whole = match &errand.body {
        Some(body) => client.json(request().json(body)).await?,
        None => client.json(request()).await?,
    };
    while let Some(Value::String(next)) = whole.as_object_mut().and_then(|members| members.shift_remove("next")) {
        let page = client.json(request().query(&[("after", next)])).await?;
        add_page(&mut whole, page);
    }
    Ok(whole)
}

/// Lists grow; `next` is the newer page's.
fn add_page(whole: &mut Value, page: Value) {
    let (Value::Object(members), Value::Object(page)) = (whole, page) else { return };
    for (key, value) in page {
        match (members.get_mut(&key), value) {
            (Some(Value::Array(items)), Value::Array(further)) => items.extend(further),
            (_, value) => {
                members.insert(key, value);
            }
        }
    }
}

fn errand(object: Object) -> Errand {
    match object {
        Object::Partner { action } => match action {
            PartnerAction::Add(args) => of_action("partners", Action::Add(args), partner),
            PartnerAction::List => of_action("partners", Action::List, partner),
            PartnerAction::Show { id } => of_action("partners", Action::Show { id }, partner),
            PartnerAction::Remove { id, purge } => {
                let query = if purge { vec![("purge", "true".to_owned())] } else { Vec::new() };
                Errand { query, ..of_action("partners", Action::Remove { id }, partner) }
            }
        },
        Object::Module { action } => of_set_action("modules", action, module),
        Object::Instance { action } => of_set_action("instances", action, instance),
        Object::Token { action } => {
            let token_out = match &action {
                Action::Add(token) => token.out.clone(),
                _ => None,
            };
            Errand { token_out, ..of_action("tokens", action, token) }
        }
        Object::Quarantine { action } => {
            let (method, path, body) = match action {
                QuarantineAction::List => (Method::GET, vec!["quarantine".to_owned()], None),
                QuarantineAction::Release { pod_uid, instance } => {
                    let path = vec!["quarantine".to_owned(), pod_uid, "release".to_owned()];
                    (Method::POST, path, Some(without_nulls(json!({ "instance": instance }))))
                }
            };
            Errand { method, path, query: Vec::new(), body, token_out: None, show: shown }
        }
        Object::Node { action: NodeAction::List } => {
            let path = vec!["nodes".to_owned()];
            Errand { method: Method::GET, path, query: Vec::new(), body: None, token_out: None, show: shown }
        }
        Object::Erase(args) => Errand {
            method: Method::POST,
            path: vec!["erasures".to_owned()],
            query: Vec::new(),
            body: Some(account(args)),
            token_out: None,
            show: shown,
        },
        Object::Audit(args) => super::audit::errand(args),
        Object::Erasure { action } => {
            let path = match action {
                ErasureAction::List => vec!["erasures".to_owned()],
                ErasureAction::Show { id } => vec!["erasures".to_owned(), id],
            };
            Errand { method: Method::GET, path, query: Vec::new(), body: None, token_out: None, show: shown }
        }
    }
}

fn of_action<A: Args>(collection: &str, action: Action<A>, body: fn(A) -> Value) -> Errand {
    let collection = collection.to_owned();
    let (method, path, body) = match action {
        Action::Add(args) => (Method::POST, vec![collection], Some(body(args))),
        Action::List => (Method::GET, vec![collection], None),
        Action::Show { id } => (Method::GET, vec![collection, id], None),
        Action::Remove { id } => (Method::DELETE, vec![collection, id], None),
    };
    Errand { method, path, query: Vec::new(), body, token_out: None, show: shown }
}

fn of_set_action<A: Args>(collection: &str, action: SetAction<A>, body: fn(A) -> Value) -> Errand {
    let action = match action {
        SetAction::Set(args) => {
            let path = vec![collection.to_owned(), args.id.clone()];
            return Errand { method: Method::PATCH, path, query: Vec::new(), body: Some(changed(args)), token_out: None, show: shown };
        }
        SetAction::Add(args) => Action::Add(args),
        SetAction::List => Action::List,
        SetAction::Show { id } => Action::Show { id },
        SetAction::Remove { id } => Action::Remove { id },
    };
    of_action(collection, action, body)
}

fn changed(args: SetArgs) -> Value {
    let mut body = without_nulls(json!({ "retention": args.retention, "policy": policy(args.policy) }));
    if args.no_policy {
        // Here null says something: there is none any more.
        body["policy"] = Value::Null;
    }
    body
}

/// A policy as it was given, or null; whether it can be one is for the server to say, and for it alone.
fn policy(args: PolicyArgs) -> Value {
    let redaction: Map<String, Value> = args.redact.into_iter().map(|(class, action)| (class, action.into())).collect();
    let redaction = if redaction.is_empty() { Value::Null } else { redaction.into() };
    let policy = without_nulls(json!({ "redaction": redaction, "level": args.level, "rate_limit": args.rate_limit }));
    if policy.as_object().is_some_and(Map::is_empty) { Value::Null } else { policy }
}

fn account(args: EraseArgs) -> Value {
    let dry_run = if args.dry_run { Value::Bool(true) } else { Value::Null };
    without_nulls(json!({
        "account": args.account, "csp": args.csp, "partner": args.partner, "from": args.from, "to": args.to,
        "reference": args.reference, "dry_run": dry_run
    }))
}

fn partner(args: PartnerArgs) -> Value {
    without_nulls(json!({ "id": args.id, "name": args.name }))
}

fn module(args: ModuleArgs) -> Value {
    without_nulls(json!({ "id": args.id, "partner": args.partner, "retention": args.retention, "policy": policy(args.policy) }))
}

fn instance(args: InstanceArgs) -> Value {
    let labels: Map<String, Value> = args.labels.into_iter().map(|(key, value)| (key, value.into())).collect();
    let labels = if labels.is_empty() { Value::Null } else { labels.into() };
    let selector = without_nulls(json!({ "namespace": args.namespace, "labels": labels }));
    without_nulls(json!({ "id": args.id, "module": args.module, "csp": args.csp, "environment": args.environment, "selector": selector,
                          "retention": args.retention, "policy": policy(args.policy) }))
}

fn token(args: TokenArgs) -> Value {
    let kind = match args.kind {
        TokenKind::Staff => "staff",
        TokenKind::Partner => "partner",
        TokenKind::Ingest => "ingest",
        TokenKind::Collector => "collector",
    };
    let instances = if args.instances.is_empty() { Value::Null } else { args.instances.into() };
    without_nulls(json!({
        "kind": kind, "partner": args.partner, "instances": instances, "cluster": args.cluster, "expires_at": args.expires_at, "note": args.note
    }))
}

/// A member that was not given is absent, not null.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}

/// Made before the token is: one that cannot be kept is not asked for.
fn new_private_file(path: &Path) -> Result<std::fs::File, Failure> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| Failure::Usage(format!("cannot make {}: {error}; --out needs a new file", path.display())))
}

fn keep_token(answer: &mut Value, path: &Path, mut file: std::fs::File) -> Result<(), Failure> {
    let token = answer.as_object_mut().and_then(|members| members.shift_remove("token"));
    let Some(Value::String(token)) = token else { return Err(Failure::Server("the answer holds no token".to_owned())) };
    let written = file.write_all(format!("{token}\n").as_bytes()).and_then(|()| file.sync_all());
    written
        .map_err(|error| Failure::Server(format!("cannot write the token to {}: {error}; remove it and make another one", path.display())))
}

/// A list as a table, an object as lines of `key: value`, nothing as nothing.
fn shown(answer: &Value) -> String {
    match answer {
        Value::Null => String::new(),
        Value::Array(items) => table(items),
        Value::Object(members) => match members.values().find_map(Value::as_array).filter(|_| members.len() == 1) {
            Some(items) => table(items),
            // A report: what it says of itself, and below it what it lists.
            None => members
                .iter()
                .map(|(key, value)| match value.as_array().filter(|items| items.iter().any(Value::is_object)) {
                    Some(items) => format!("{}:\n{}", clean(key), table(items)),
                    None => format!("{}: {}\n", clean(key), cell(value)),
                })
                .collect(),
        },
        other => format!("{}\n", cell(other)),
    }
}

/// Columns are the members of the items, in the order in which they first come.
pub(super) fn table(items: &[Value]) -> String {
    if items.is_empty() {
        return "none\n".to_owned();
    }
    let mut columns: Vec<&str> = Vec::new();
    for key in items.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&key.as_str()) {
            columns.push(key);
        }
    }
    let mut rows = vec![columns.iter().map(|column| clean(&column.to_uppercase())).collect::<Vec<_>>()];
    rows.extend(items.iter().map(|item| columns.iter().map(|column| item.get(column).map_or_else(|| "-".to_owned(), cell)).collect()));
    let widths: Vec<usize> =
        (0..columns.len()).map(|at| rows.iter().map(|row: &Vec<String>| row[at].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.into_iter().map(line).collect()
}

/// A value within a line.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    clean(&text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn typed(line: &str) -> (String, String, Option<Value>) {
        let cli = Cli::try_parse_from(format!("martlog admin {line}").split(' ')).unwrap();
        let Command::Admin(admin) = cli.command else { panic!("not admin") };
        let errand = errand(admin.object);
        (errand.method.to_string(), errand.path.join("/"), errand.body)
    }

    #[test]
    fn what_is_typed_becomes_the_body_that_the_interface_names() {
        assert_eq!(typed("partner add acme"), ("POST".into(), "partners".into(), Some(json!({ "id": "acme" }))));
        assert_eq!(typed("module add sms --partner acme").2, Some(json!({ "id": "sms", "partner": "acme" })));
        assert_eq!(
            typed("instance add sms-434 --module sms --csp 434 --namespace mart --label app=sms --label tier=a=b").2,
            Some(json!({ "id": "sms-434", "module": "sms", "csp": "434",
                         "selector": { "namespace": "mart", "labels": { "app": "sms", "tier": "a=b" } } }))
        );
        assert_eq!(
            typed("token add --kind ingest --partner acme --instance a --instance b").2,
            Some(json!({ "kind": "ingest", "partner": "acme", "instances": ["a", "b"] }))
        );
        assert_eq!(
            typed("instance set a --redact phone=hash --redact ip=keep --level info --rate-limit 5MiB --retention 7d"),
            (
                "PATCH".into(),
                "instances/a".into(),
                Some(
                    json!({ "retention": "7d", "policy": { "redaction": { "phone": "hash", "ip": "keep" }, "level": "info", "rate_limit": "5MiB" } })
                )
            )
        );
        assert_eq!(typed("module set sms --no-policy").2, Some(json!({ "policy": null })));
        assert_eq!(typed("module set sms --retention 7d").2, Some(json!({ "retention": "7d" })));
        assert_eq!(
            typed("module add sms --partner acme --redact phone=mask").2,
            Some(json!({ "id": "sms", "partner": "acme", "policy": { "redaction": { "phone": "mask" } } }))
        );
        assert_eq!(typed("token remove t1"), ("DELETE".into(), "tokens/t1".into(), None));
        assert_eq!(typed("node list"), ("GET".into(), "nodes".into(), None));
        assert_eq!(typed("quarantine list"), ("GET".into(), "quarantine".into(), None));
        assert_eq!(typed("quarantine release u-1"), ("POST".into(), "quarantine/u-1/release".into(), Some(json!({}))));
        assert_eq!(typed("quarantine release u-1 --instance a").2, Some(json!({ "instance": "a" })));
        assert_eq!(
            typed("erase --account 79123456789 --csp 434 --dry-run"),
            ("POST".into(), "erasures".into(), Some(json!({ "account": "79123456789", "csp": "434", "dry_run": true })))
        );
        assert_eq!(typed("erasure show e1"), ("GET".into(), "erasures/e1".into(), None));
        assert_eq!(typed("partner remove acme --purge"), ("DELETE".into(), "partners/acme".into(), None));
    }

    #[test]
    fn a_list_is_a_table() {
        let answer = json!({ "partners": [{ "id": "acme", "name": "Acme \u{1b}[31mInc" }, { "id": "b", "since": 3 }] });
        assert_eq!(shown(&answer), "ID    NAME      SINCE\nacme  Acme Inc  -\nb     -         3\n");
        assert_eq!(shown(&json!([])), "none\n");
        assert_eq!(shown(&json!({ "id": "t1", "instances": ["a", "b"] })), "id: t1\ninstances: a, b\n");
    }

    #[test]
    fn pages_become_one_list() {
        let mut whole = json!({ "tokens": [{ "id": "a" }] });
        add_page(&mut whole, json!({ "tokens": [{ "id": "b" }], "next": "b" }));
        assert_eq!(whole, json!({ "tokens": [{ "id": "a" }, { "id": "b" }], "next": "b" }));
    }

    #[test]
    fn a_token_goes_to_its_file_and_not_to_the_screen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = new_private_file(&path).unwrap();
        let mut answer = json!({ "id": "t1", "token": "mart_staff_x" });
        keep_token(&mut answer, &path, file).unwrap();
        assert_eq!(shown(&answer), "id: t1\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mart_staff_x\n");
        assert!(matches!(new_private_file(&path), Err(Failure::Usage(_))));
    }
}
