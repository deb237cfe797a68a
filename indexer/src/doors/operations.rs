//! What the doors are, for the API's document: one function for each group of routes.

use super::describe::{ANY, COLLECTOR, INGEST, Method, Operation, READERS, STAFF};
use super::{backup, erasures, ingest, instances, nodes, quarantine, session, tokens};
use crate::registry::{
    Instance, Module, NewInstance, NewModule, NewPartner, NewToken, Partner, PatchInstance, PatchModule, PatchPartner, Token,
};
use martlog_formats::policy::PolicySet;
use martlog_formats::wire::{AppendAnswer, Heartbeat, PositionsAnswer, PositionsRequest};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

const COLLECTORS: &str = "The collector's protocol";
const REGISTRY: &str = "The registry";
const UPKEEP: &str = "Upkeep";

/// A page of partners.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Partners")]
struct PartnersPage {
    /// By id.
    partners: Vec<Partner>,
    /// Send it as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A page of modules.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Modules")]
struct ModulesPage {
    /// By id.
    modules: Vec<Module>,
    /// Send it as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A page of instances.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Instances")]
struct InstancesPage {
    /// By id.
    instances: Vec<Instance>,
    /// Send it as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A page of tokens.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tokens")]
struct TokensPage {
    /// By id.
    tokens: Vec<Token>,
    /// Send it as `after`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// An operation of a door, which can be busy or slow.
fn door(
    method: Method,
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    roles: &'static [&'static str],
    summary: &'static str,
) -> Operation {
    Operation::new(method, path, id, tag, roles, summary).fails(&[503])
}

fn registry(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    let roles = if method == Method::Get { READERS } else { STAFF };
    let operation = door(method, path, id, REGISTRY, roles, summary);
    if path.ends_with("{id}") { operation.named("id", "Its id.") } else { operation }
}

/// A list in pages.
fn listed(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    registry(Method::Get, path, id, summary)
        .asked::<u32>("limit", "Items of a page, 1 to 10,000; as many without it.")
        .asked::<String>("after", "The `next` of the page before.")
}

fn creation(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    registry(Method::Post, path, id, summary).fails(&[408, 409])
}

fn change(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    registry(Method::Patch, path, id, summary).fails(&[408, 409])
}

pub(super) fn append() -> Operation {
    door(
        Method::Post,
        "/api/v1/append",
        "append",
        COLLECTORS,
        COLLECTOR,
        "Stores a batch of lines, exactly once, in the binary form of formats::wire.",
    )
    .takes_bytes("application/octet-stream")
    .header("Content-Encoding", "`zstd` or `gzip`.")
    .gives::<AppendAnswer>(200, "Every part is durable.")
    .gives::<AppendAnswer>(409, "A part does not begin at its mark, or breaks the form.")
    .gives::<AppendAnswer>(429, "A part must wait: too much of one module.")
    .gives::<AppendAnswer>(503, "A part must wait: the store cannot take it now.")
    .fails(&[408])
}

pub(super) fn positions() -> Operation {
    door(Method::Post, "/api/v1/positions", "positions", COLLECTORS, COLLECTOR, "Tells how far files are stored.")
        .takes::<PositionsRequest>(json!({"node": "node-1", "files": ["00000000000000000000000000000001"]}))
        .gives::<PositionsAnswer>(200, "The marks, in the order of the files.")
        .fails(&[408])
}

pub(super) fn heartbeat() -> Operation {
    let example = json!({"node": "node-1", "time_ns": 1_795_342_370_000_000_000_i64, "files": []});
    door(Method::Post, "/api/v1/heartbeat", "heartbeat", COLLECTORS, COLLECTOR, "Takes note of how far a collector is.")
        .takes::<Heartbeat>(example)
        .gives_nothing(204, "Noted.")
        .with_header("X-Martlog-Epoch", "The store's epoch: another one than before means that it was restored.")
        .fails(&[408])
}

pub(super) fn policy() -> Operation {
    door(
        Method::Get,
        "/api/v1/policy",
        "policy",
        COLLECTORS,
        COLLECTOR,
        "Tells what is said of the instances' lines, with the keys of hashes.",
    )
    .header("If-None-Match", "The `ETag` of what is known.")
    .gives::<PolicySet>(200, "All policies.")
    .with_header("ETag", "Their version.")
    .gives_nothing(304, "Nothing has changed.")
    .fails(&[500])
}

pub(super) fn ingest() -> Operation {
    door(
        Method::Post,
        "/api/v1/ingest",
        "ingest",
        "Lines from elsewhere",
        INGEST,
        "Stores lines, one a line of the body; a bad line never fails the others.",
    )
    .takes_bytes("application/x-ndjson")
    .asked::<String>("instance", "Whose lines they are; a token of one instance needs none.")
    .header("Content-Encoding", "`zstd` or `gzip`; none without it.")
    .header("Idempotency-Key", "A name of this request, at most 255 bytes: sent again with it, the lines are stored once.")
    .gives::<ingest::Answer>(200, "What became of the lines; they are durable.")
    .fails(&[404, 408, 409, 422, 429, 500])
}

pub(super) fn partners() -> [Operation; 5] {
    const LIST: &str = "/api/v1/partners";
    const ONE: &str = "/api/v1/partners/{id}";
    [
        listed(LIST, "listPartners", "Lists partners.").gives::<PartnersPage>(200, "A page."),
        creation(LIST, "createPartner", "Makes a partner; the same again is fine.")
            .takes::<NewPartner>(json!({"id": "acme", "name": "Acme Messaging"}))
            .gives::<Partner>(200, "It was there already.")
            .gives::<Partner>(201, "It was made."),
        registry(Method::Get, ONE, "showPartner", "Shows a partner.").gives::<Partner>(200, "It."),
        change(ONE, "changePartner", "Changes a partner.")
            .takes::<PatchPartner>(json!({"name": "Acme"}))
            .gives::<Partner>(200, "As it is now."),
        registry(Method::Delete, ONE, "removePartner", "Removes a partner that nothing names; with `purge`, any with every byte of it.")
            .asked::<bool>("purge", "Removes everything of it, for good.")
            .gives::<erasures::Report>(202, "Its tokens are revoked; the rest goes in the background.")
            .gives_nothing(204, "It is gone.")
            .fails(&[409]),
    ]
}

pub(super) fn modules() -> [Operation; 5] {
    const LIST: &str = "/api/v1/modules";
    const ONE: &str = "/api/v1/modules/{id}";
    [
        listed(LIST, "listModules", "Lists modules.").gives::<ModulesPage>(200, "A page."),
        creation(LIST, "createModule", "Makes a module; the same again is fine.")
            .takes::<NewModule>(json!({"id": "sms", "partner": "acme", "retention": "30d"}))
            .gives::<Module>(200, "It was there already.")
            .gives::<Module>(201, "It was made."),
        registry(Method::Get, ONE, "showModule", "Shows a module.").gives::<Module>(200, "It."),
        change(ONE, "changeModule", "Changes a module.")
            .takes::<PatchModule>(json!({"policy": {"redaction": {"phone": "hash"}, "level": "info"}}))
            .gives::<Module>(200, "As it is now."),
        registry(Method::Delete, ONE, "removeModule", "Removes a module without instances.")
            .gives_nothing(204, "It is gone.")
            .fails(&[409]),
    ]
}

pub(super) fn instances() -> [Operation; 5] {
    const LIST: &str = "/api/v1/instances";
    const ONE: &str = "/api/v1/instances/{id}";
    let example =
        json!({"id": "sms-434", "module": "sms", "csp": "434", "selector": {"namespace": "csp-434-sms", "labels": {"app": "sms"}}});
    [
        listed(LIST, "listInstances", "Lists instances.").gives::<InstancesPage>(200, "A page."),
        creation(LIST, "createInstance", "Makes an instance; quarantined pods that it selects are released to it.")
            .takes::<NewInstance>(example)
            .gives::<instances::Given>(200, "It was there already.")
            .gives::<instances::Given>(201, "It was made."),
        registry(Method::Get, ONE, "showInstance", "Shows an instance.").gives::<Instance>(200, "It."),
        change(ONE, "changeInstance", "Changes an instance.")
            .takes::<PatchInstance>(json!({"csp": "434"}))
            .gives::<instances::Given>(200, "As it is now."),
        registry(Method::Delete, ONE, "removeInstance", "Removes an instance that no token names; its lines stay.")
            .gives_nothing(204, "It is gone.")
            .fails(&[409]),
    ]
}

pub(super) fn tokens() -> [Operation; 4] {
    const LIST: &str = "/api/v1/tokens";
    const ONE: &str = "/api/v1/tokens/{id}";
    [
        listed(LIST, "listTokens", "Lists tokens, without their texts.").gives::<TokensPage>(200, "A page."),
        creation(LIST, "createToken", "Makes a token; its text is in this answer alone.")
            .takes::<NewToken>(json!({"kind": "partner", "partner": "acme", "note": "for the developers"}))
            .gives::<tokens::Given>(201, "It was made."),
        registry(Method::Get, ONE, "showToken", "Shows a token, without its text.").gives::<Token>(200, "It."),
        registry(Method::Delete, ONE, "revokeToken", "Revokes a token; what it holds open ends within a second.")
            .gives_nothing(204, "It is gone.")
            .fails(&[409]),
    ]
}

pub(super) fn quarantine() -> [Operation; 2] {
    let release = door(
        Method::Post,
        "/api/v1/quarantine/{pod_uid}/release",
        "releasePod",
        UPKEEP,
        STAFF,
        "Gives a quarantined pod's lines to their owner.",
    );
    [
        door(Method::Get, "/api/v1/quarantine", "listQuarantine", UPKEEP, STAFF, "Lists pods whose lines have no owner.")
            .gives::<quarantine::Pods>(200, "All of them, 10,000 at most, and those that the store alone knows."),
        release
            .named("pod_uid", "The pod's UID.")
            .takes::<quarantine::Release>(json!({"instance": "sms-434"}))
            .or_nothing()
            .gives::<quarantine::PodReleased>(200, "How many rows went.")
            .fails(&[408, 409, 429]),
    ]
}

pub(super) fn nodes() -> Operation {
    door(Method::Get, "/api/v1/nodes", "listNodes", UPKEEP, STAFF, "Lists the nodes that collectors speak for.")
        .gives::<nodes::Nodes>(200, "All of them.")
}

pub(super) fn erasures() -> [Operation; 3] {
    const LIST: &str = "/api/v1/erasures";
    let example = json!({"account": "79123456789", "csp": "434", "reference": "TICKET-7", "dry_run": true});
    [
        door(Method::Get, LIST, "listErasures", UPKEEP, STAFF, "Lists reports of what was erased.")
            .gives::<erasures::Reports>(200, "All, oldest first."),
        door(Method::Post, LIST, "erase", UPKEEP, STAFF, "Erases one account's lines for good; with `dry_run`, counts them.")
            .takes::<erasures::Body>(example)
            .gives::<erasures::DryRun>(200, "What would go.")
            .gives::<erasures::Report>(202, "It began.")
            .fails(&[408]),
        door(Method::Get, "/api/v1/erasures/{id}", "showErasure", UPKEEP, STAFF, "Shows a report.")
            .named("id", "Its id.")
            .gives::<erasures::Report>(200, "It."),
    ]
}

pub(super) fn backup() -> Operation {
    door(
        Method::Post,
        "/api/v1/backup",
        "backup",
        UPKEEP,
        STAFF,
        "Makes a snapshot for `martlog backup` on the same machine; it is held for as long as the answer is read.",
    )
    .gives_as::<backup::Line>(200, "application/x-ndjson", "The snapshot, then a sign of life every few seconds.")
    .fails(&[409])
}

pub(super) fn session() -> [Operation; 3] {
    const AT: &str = "/api/v1/session";
    const TAG: &str = "Sessions of browsers";
    [
        door(Method::Get, AT, "showSession", TAG, ANY, "Tells who the caller is.").gives::<session::Who>(200, "The caller."),
        door(Method::Post, AT, "signIn", TAG, super::describe::NOBODY, "Exchanges a token for a cookie.")
            .takes::<session::SignIn>(json!({"token": "mart_partner_…"}))
            .gives::<session::Who>(200, "Signed in.")
            .with_header("Set-Cookie", "The session, for 12 hours at most.")
            .fails(&[401, 403, 408]),
        door(Method::Delete, AT, "signOut", TAG, super::describe::NOBODY, "Ends the cookie's session.")
            .gives_nothing(204, "There is none any more.")
            .fails(&[403]),
    ]
}
