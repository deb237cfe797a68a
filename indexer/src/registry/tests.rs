//! The registry over a real catalog.

mod people;

use super::*;
use crate::row::Owner;
use martlog_formats::wire::Stream;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

struct World {
    dir: tempfile::TempDir,
    registry: Registry,
    staff: Scope,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(Catalog::open(dir.path()).await.unwrap()).await.unwrap();
        let staff = registry.bootstrap_staff_token().await.unwrap().unwrap();
        let staff = reader(&registry, &staff);
        Self { dir, registry, staff }
    }

    /// Partners `acme` (modules `sms`, `voice`) and `zeta` (module `chat`), an instance of each module for the CSP 434.
    async fn with_instances() -> Self {
        let world = Self::new().await;
        for partner in ["acme", "zeta"] {
            world.registry.create_partner(NewPartner { id: partner.to_owned(), name: None }).await.unwrap();
        }
        for (module, partner) in [("sms", "acme"), ("voice", "acme"), ("chat", "zeta")] {
            world.registry.create_module(new_module(module, partner)).await.unwrap();
            world.registry.create_instance(new_instance(&format!("{module}-434"), module, &format!("ns-{module}"), &[])).await.unwrap();
        }
        world
    }

    async fn reopened(self) -> Self {
        self.registry.close().await;
        self.registry.shared.catalog.close().await;
        let registry = Registry::open(Catalog::open(self.dir.path()).await.unwrap()).await.unwrap();
        Self { registry, ..self }
    }

    async fn mint(&self, new: NewToken) -> Result<Minted, RegistryError> {
        self.registry.mint_token(new).await
    }
}

fn reader(registry: &Registry, token: &str) -> Scope {
    match registry.authenticate(token) {
        Some(Principal::Reader(scope)) => scope,
        other => panic!("{other:?}"),
    }
}

fn new_module(id: &str, partner: &str) -> NewModule {
    NewModule { id: id.to_owned(), partner: partner.to_owned(), name: None, retention: None, policy: None }
}

fn new_instance(id: &str, module: &str, namespace: &str, labels: &[(&str, &str)]) -> NewInstance {
    NewInstance {
        id: id.to_owned(),
        module: module.to_owned(),
        csp: "434".to_owned(),
        environment: None,
        selector: selector(namespace, labels),
        retention: None,
        policy: None,
    }
}

fn selector(namespace: &str, labels: &[(&str, &str)]) -> Selector {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>();
    Selector { namespace: namespace.to_owned(), labels }
}

fn new_token(kind: Kind) -> NewToken {
    NewToken { kind, partner: None, instances: None, cluster: None, expires_at: None, note: None }
}

fn stream(namespace: &str, pod_uid: &str) -> Stream {
    Stream { namespace: namespace.to_owned(), pod: "pod".to_owned(), pod_uid: pod_uid.to_owned(), container: "main".to_owned(), restart: 0 }
}

fn pairs(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn head(namespace: &str, pod_uid: &str, labels: &[(&str, &str)]) -> PodHead {
    PodHead { stream: stream(namespace, pod_uid), labels: pairs(labels) }
}

fn code<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> String {
    match result {
        Err(RegistryError::Conflict { code, .. }) => code.to_owned(),
        Err(RegistryError::Invalid { field, .. }) => format!("invalid {field}"),
        Err(RegistryError::Absent { what, .. }) => format!("no {what}"),
        other => panic!("{other:?}"),
    }
}

/// Everything that staff can list, as answers have it.
fn everything(world: &World) -> serde_json::Value {
    let (registry, staff) = (&world.registry, &world.staff);
    let pods: Vec<_> = registry.quarantined();
    serde_json::json!([registry.partners(staff), registry.modules(staff), registry.instances(staff), registry.tokens(staff), pods])
}

#[tokio::test]
async fn the_same_twice_is_fine_and_another_body_is_a_conflict() {
    let world = World::with_instances().await;
    let registry = &world.registry;
    assert!(!registry.create_partner(NewPartner { id: "acme".to_owned(), name: None }).await.unwrap().new);
    assert_eq!(code(registry.create_partner(NewPartner { id: "acme".to_owned(), name: Some("Acme".to_owned()) }).await), "exists");
    assert!(!registry.create_module(new_module("sms", "acme")).await.unwrap().new);
    assert_eq!(code(registry.create_module(new_module("sms", "zeta")).await), "exists");
    assert!(!registry.create_instance(new_instance("sms-434", "sms", "ns-sms", &[])).await.unwrap().new);
    let differs = registry.create_instance(NewInstance { csp: "7".to_owned(), ..new_instance("sms-434", "sms", "other", &[]) }).await;
    assert!(differs.as_ref().unwrap_err().to_string().contains("csp and selector"), "{differs:?}");
    assert_eq!(code(differs), "exists");
    assert_eq!(code(registry.create_module(new_module("x", "nobody")).await), "invalid partner");
    assert_eq!(code(registry.create_instance(new_instance("x", "nothing", "ns", &[])).await), "invalid module");
    assert_eq!(code(registry.create_instance(new_instance("x", "sms", "Ns", &[])).await), "invalid selector.namespace");
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_takes_away() {
    let world = World::with_instances().await;
    let registry = &world.registry;
    let patch = |text: &str| serde_json::from_str::<PatchInstance>(text).unwrap();
    let changed = registry.patch_instance("sms-434", patch(r#"{"environment":"production"}"#)).await.unwrap();
    assert_eq!((changed.environment.as_deref(), &*changed.csp), (Some("production"), "434"));
    let changed = registry.patch_instance("sms-434", patch(r#"{"environment":null,"csp":"435"}"#)).await.unwrap();
    assert_eq!((changed.environment.as_deref(), &*changed.csp), (None, "435"));
    assert_eq!(code(registry.patch_instance("sms-434", patch(r#"{"selector":{"namespace":"ns-chat"}}"#)).await), "selector_overlaps");
    assert_eq!(code(registry.patch_instance("nothing", patch("{}")).await), "no instance");
    let name = |name: Option<&str>| PatchPartner { name: Some(name.map(str::to_owned)) };
    assert_eq!(registry.patch_partner("acme", name(Some("Acme"))).await.unwrap().name.as_deref(), Some("Acme"));
    assert_eq!(registry.patch_partner("acme", PatchPartner::default()).await.unwrap().name.as_deref(), Some("Acme"));
    assert_eq!(registry.patch_partner("acme", name(None)).await.unwrap().name, None);
    assert_eq!(code(registry.patch_partner("acme", name(Some("two\nlines"))).await), "invalid name");
}

#[tokio::test]
async fn nothing_is_removed_that_others_depend_on() {
    let world = World::with_instances().await;
    let registry = &world.registry;
    let bound = NewToken { instances: Some(vec!["chat-434".to_owned()]), ..new_token(Kind::Ingest) };
    let token = world.mint(bound).await.unwrap().token;
    let error = registry.remove_partner("zeta").await.unwrap_err();
    assert_eq!(error.to_string(), "the partner `zeta` still has modules: `chat`; remove them first");
    assert_eq!(code(registry.remove_module("chat").await), "in_use");
    assert_eq!(code(registry.remove_instance("chat-434").await), "in_use");
    registry.revoke_token(&token.id).await.unwrap();
    registry.remove_instance("chat-434").await.unwrap();
    registry.remove_module("chat").await.unwrap();
    world.mint(NewToken { partner: Some("zeta".to_owned()), ..new_token(Kind::Partner) }).await.unwrap();
    assert_eq!(code(registry.remove_partner("zeta").await), "in_use");
    assert_eq!(code(registry.remove_partner("nobody").await), "no partner");
}

#[tokio::test]
async fn selectors_that_could_share_a_pod_are_refused() {
    let world = World::with_instances().await;
    let add = |id: &'static str, labels: &'static [(&str, &str)]| world.registry.create_instance(new_instance(id, "sms", "shared", labels));
    assert!(add("a", &[("app", "a")]).await.unwrap().new);
    assert!(add("b", &[("app", "b")]).await.unwrap().new);
    for (labels, names) in
        [(&[][..], "`a`"), (&[("app", "a"), ("tier", "1")][..], "`a`"), (&[("tier", "1")][..], "`a`"), (&[("app", "b")][..], "`b`")]
    {
        let refused = add("c", labels).await;
        assert!(refused.as_ref().unwrap_err().to_string().contains(names), "{labels:?} {refused:?}");
        assert_eq!(code(refused), "selector_overlaps");
    }
    assert!(add("c", &[("app", "c"), ("tier", "1")]).await.unwrap().new);
}

#[tokio::test]
async fn a_stream_is_its_instances_or_its_pods_quarantine() {
    let world = World::with_instances().await;
    let registry = &world.registry;
    registry.create_instance(new_instance("sms-7", "sms", "shared", &[("app", "sms"), ("csp", "7")])).await.unwrap();
    let owner = |namespace: &str, labels: &[(&str, &str)]| registry.owner_of(&stream(namespace, "uid-1"), &pairs(labels));
    assert_eq!(&*owner("shared", &[("app", "sms"), ("csp", "7"), ("x", "y")]).instance, "sms-7");
    assert_eq!(&*owner("ns-sms", &[]).instance, "sms-434");
    assert_eq!(&*owner("ns-sms", &[("vendor_id", "acme")]).instance, "sms-434");
    assert_eq!(&*owner("ns-sms", &[("app.kubernetes.io/version", "1.4.2")]).version, "1.4.2");
    assert_eq!(&*owner("ns-sms", &[("app.kubernetes.io/version", &"9".repeat(64))]).version, "");
    for (namespace, labels) in [
        ("shared", &[][..]),
        ("shared", &[("app", "sms")][..]),
        ("shared", &[("app", "sms"), ("csp", "8")][..]),
        ("elsewhere", &[][..]),
        ("ns-sms", &[("vendor_id", "zeta")][..]),
    ] {
        let owner = owner(namespace, labels);
        assert!(owner.key.is_quarantine(), "{namespace} {labels:?}");
        assert_eq!((&*owner.key.module, &*owner.instance), ("uid-1", ""));
    }
}

#[tokio::test]
async fn the_same_owner_is_one_arc_until_its_instance_changes() {
    let world = World::with_instances().await;
    let registry = &world.registry;
    let owner = || registry.owner_of(&stream("ns-sms", "uid"), &pairs(&[("app.kubernetes.io/version", "1")]));
    assert!(Arc::ptr_eq(&owner(), &owner()));
    assert!(Arc::ptr_eq(&registry.instance("sms-434").unwrap(), &registry.instance("sms-434").unwrap()));
    let before = owner();
    registry.patch_instance("sms-434", PatchInstance { csp: Some("435".to_owned()), ..PatchInstance::default() }).await.unwrap();
    assert_eq!((&*before.csp, &*owner().csp), ("434", "435"));
    for version in 0..500 {
        let _ = registry.owner_of(&stream("ns-sms", "uid"), &pairs(&[("app.kubernetes.io/version", &version.to_string())]));
    }
    assert!(Arc::ptr_eq(&owner(), &owner()));
}

#[test]
fn a_pods_uid_never_becomes_a_path() {
    for uid in ["../../etc", "a/b", "", ".", "..", "a\0b", &"x".repeat(65), "ünï"] {
        let id = owners::quarantine_id(uid);
        assert!(id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{uid} {id}");
    }
    assert_eq!(&*owners::quarantine_id("0b5a1c1e-7d3f-4a53-9a43-2a0f0e7f6a11"), "0b5a1c1e-7d3f-4a53-9a43-2a0f0e7f6a11");
}

#[tokio::test]
async fn a_token_grants_what_its_kind_and_partner_allow() {
    let world = World::with_instances().await;
    let registry = &world.registry;
    let partner = world.mint(NewToken { partner: Some("acme".to_owned()), ..new_token(Kind::Partner) }).await.unwrap();
    let scope = reader(registry, &partner.text);
    assert!(!scope.is_staff() && scope.allows(&registry.instance("sms-434").unwrap()));
    assert!(!scope.allows(&registry.instance("chat-434").unwrap()));
    let ids = |list: Vec<Arc<Instance>>| list.iter().map(|instance| instance.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(registry.instances(&scope)), ["sms-434", "voice-434"]);
    assert_eq!(code(registry.module(&scope, "chat").map(drop)), code(registry.module(&scope, "none").map(drop)));

    let narrow = NewToken { instances: Some(vec!["voice-434".to_owned()]), ..new_token(Kind::Partner) };
    let narrow = reader(registry, &world.mint(narrow).await.unwrap().text);
    assert_eq!(narrow.partner(), Some("acme"));
    assert_eq!(ids(registry.instances(&narrow)), ["voice-434"]);
    assert_eq!(registry.modules(&narrow).len(), 1);
    assert_eq!(registry.tokens(&narrow).len(), 1);
    assert_ne!(narrow.fingerprint(), scope.fingerprint());

    let collector = world.mint(NewToken { cluster: Some("eu-1".to_owned()), ..new_token(Kind::Collector) }).await.unwrap();
    assert!(matches!(registry.authenticate(&collector.text), Some(Principal::Collector { cluster, .. }) if &*cluster == "eu-1"));
}

#[tokio::test]
async fn an_ingest_token_without_instances_has_those_that_the_partner_has_now() {
    let world = World::with_instances().await;
    let ingest = world.mint(NewToken { partner: Some("acme".to_owned()), ..new_token(Kind::Ingest) }).await.unwrap();
    let instances = || match world.registry.authenticate(&ingest.text) {
        Some(Principal::Ingest { instances, .. }) => instances.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(instances(), ["sms-434", "voice-434"]);
    world.registry.remove_instance("sms-434").await.unwrap();
    world.registry.create_instance(new_instance("voice-9", "voice", "nine", &[])).await.unwrap();
    assert_eq!(instances(), ["voice-434", "voice-9"]);
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused_by_its_member() {
    let world = World::with_instances().await;
    let refused = async |new: NewToken| code(world.mint(new).await);
    let acme = || Some("acme".to_owned());
    assert_eq!(refused(NewToken { partner: acme(), ..new_token(Kind::Staff) }).await, "invalid partner");
    assert_eq!(refused(NewToken { cluster: Some("eu".to_owned()), ..new_token(Kind::Staff) }).await, "invalid cluster");
    assert_eq!(refused(new_token(Kind::Collector)).await, "invalid cluster");
    assert_eq!(refused(NewToken { cluster: Some("ingest".to_owned()), ..new_token(Kind::Collector) }).await, "invalid cluster");
    assert_eq!(refused(NewToken { cluster: Some("a b".to_owned()), ..new_token(Kind::Collector) }).await, "invalid cluster");
    assert_eq!(refused(new_token(Kind::Partner)).await, "invalid partner");
    assert_eq!(refused(NewToken { partner: Some("nobody".to_owned()), ..new_token(Kind::Partner) }).await, "invalid partner");
    let foreign = Some(vec!["sms-434".to_owned(), "chat-434".to_owned()]);
    assert_eq!(refused(NewToken { instances: foreign.clone(), ..new_token(Kind::Ingest) }).await, "invalid instances");
    assert_eq!(refused(NewToken { partner: acme(), instances: foreign, ..new_token(Kind::Partner) }).await, "invalid instances");
    assert_eq!(refused(NewToken { partner: acme(), instances: Some(vec![]), ..new_token(Kind::Partner) }).await, "invalid instances");
    assert_eq!(refused(NewToken { expires_at: Some("tomorrow".to_owned()), ..new_token(Kind::Staff) }).await, "invalid expires_at");
    assert_eq!(
        refused(NewToken { expires_at: Some("2001-01-01T00:00:00Z".to_owned()), ..new_token(Kind::Staff) }).await,
        "invalid expires_at"
    );
    assert_eq!(
        refused(NewToken { expires_at: Some("2999-01-01T00:00:00Z".to_owned()), ..new_token(Kind::Staff) }).await,
        "invalid expires_at"
    );
    assert_eq!(refused(NewToken { note: Some("x".repeat(501)), ..new_token(Kind::Staff) }).await, "invalid note");
}

#[tokio::test]
async fn a_revoked_token_ends_at_once_and_its_readers_are_told() {
    let world = World::with_instances().await;
    let registry = &world.registry;
    let minted = world.mint(NewToken { partner: Some("acme".to_owned()), ..new_token(Kind::Partner) }).await.unwrap();
    let scope = reader(registry, &minted.text);
    let session = registry.sign_in(&scope).await.unwrap();
    let mut changes = registry.changes();
    changes.mark_unchanged();
    assert!(registry.still_valid(&scope) && registry.session(&session.text).is_some());
    registry.revoke_token(&minted.token.id).await.unwrap();
    assert!(changes.has_changed().unwrap());
    assert!(!registry.still_valid(&scope));
    assert!(registry.authenticate(&minted.text).is_none() && registry.session(&session.text).is_none());
    assert_eq!(code(registry.sign_in(&scope).await.map(drop)), "no token");
    assert_eq!(code(registry.revoke_token(&minted.token.id).await), "no token");
}

#[tokio::test]
async fn an_expired_token_grants_nothing() {
    let world = World::with_instances().await;
    let expires_at = Some("2199-01-01T00:00:00Z".to_owned());
    let minted = world.mint(NewToken { partner: Some("acme".to_owned()), expires_at, ..new_token(Kind::Partner) }).await.unwrap();
    let end = minted.token.expires_ns.unwrap();
    let state = world.registry.shared.state.read();
    assert!(state.principal(&minted.token, end - 1).is_some());
    assert!(state.principal(&minted.token, end).is_none());
}

#[tokio::test]
async fn the_first_staff_token_is_told_once_and_the_last_is_not_revoked() {
    let world = World::new().await;
    assert_eq!(world.registry.bootstrap_staff_token().await.unwrap(), None);
    let first = Arc::clone(&world.registry.tokens(&world.staff)[0]);
    assert_eq!(code(world.registry.revoke_token(&first.id).await), "last_staff_token");
    let second = world.mint(new_token(Kind::Staff)).await.unwrap();
    world.registry.revoke_token(&first.id).await.unwrap();
    assert_eq!(code(world.registry.revoke_token(&second.token.id).await), "last_staff_token");
}

#[tokio::test]
async fn a_first_staff_token_that_could_not_be_kept_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::open(Catalog::open(dir.path()).await.unwrap()).await.unwrap();
    let refused = registry.bootstrap_staff_token_with(|_| Err(std::io::Error::other("no room"))).await;
    assert_eq!(code(refused.map(drop)), "not_kept");
    let mut kept = String::new();
    let told = registry
        .bootstrap_staff_token_with(|text| {
            kept.push_str(text);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(told.as_deref(), Some(kept.as_str()));
    assert!(registry.authenticate(&kept).is_some());
}

#[tokio::test]
async fn a_session_ends_by_time_and_by_signing_out() {
    let world = World::new().await;
    let signed_in = world.registry.sign_in(&world.staff).await.unwrap();
    assert!(world.registry.session_at(&signed_in.text, signed_in.expires_ns - 1).is_some());
    assert!(world.registry.session_at(&signed_in.text, signed_in.expires_ns).is_none());
    assert!(world.registry.session("sess_nonsense").is_none());
    world.registry.sign_out(&signed_in.text).await.unwrap();
    world.registry.sign_out(&signed_in.text).await.unwrap();
    assert!(world.registry.session(&signed_in.text).is_none());
}

#[tokio::test]
async fn a_session_survives_a_restart_and_old_ones_make_room() {
    let world = World::new().await;
    let first = world.registry.sign_in(&world.staff).await.unwrap();
    let world = world.reopened().await;
    assert!(world.registry.session(&first.text).is_some());
    for _ in 0..50 {
        world.registry.sign_in(&world.staff).await.unwrap();
    }
    assert!(world.registry.session(&first.text).is_none());
    assert_eq!(world.registry.shared.state.read().sessions.len(), 50);
}

#[tokio::test]
async fn no_secret_is_in_the_file() {
    let world = World::with_instances().await;
    let minted = world.mint(NewToken { partner: Some("acme".to_owned()), ..new_token(Kind::Partner) }).await.unwrap();
    let session = world.registry.sign_in(&world.staff).await.unwrap();
    let mut bytes = std::fs::read(world.dir.path().join("catalog.sqlite")).unwrap();
    bytes.extend(std::fs::read(world.dir.path().join("catalog.sqlite-wal")).unwrap());
    let holds = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
    assert!(holds(&minted.token.id), "the test looks at the right bytes");
    let random = minted.text.split('_').nth(2).unwrap();
    assert!(!holds(random) && !holds("mart_partner") && !holds(session.text.strip_prefix("sess_").unwrap()));
}

#[tokio::test]
async fn a_change_is_shown_even_when_nobody_waits_for_it() {
    let world = World::new().await;
    for n in 0..20 {
        let create = world.registry.create_partner(NewPartner { id: format!("p{n}"), name: None });
        // Dropped at its first await, or a little later.
        let _ = tokio::time::timeout(Duration::from_micros(n * 50), create).await;
    }
    world.registry.close().await;
    let shown = everything(&world);
    assert_eq!(everything(&world.reopened().await), shown);
}

#[tokio::test]
async fn a_quarantined_pod_is_listed_until_its_owner_has_its_lines() {
    let world = World::with_instances().await;
    let heads = [head("wild", "uid-1", &[("app", "x")]), head("ns-sms", "uid-2", &[("vendor_id", "zeta")]), head("ns-sms", "uid-3", &[])];
    let watched = world.registry.note_quarantine("eu", "n1", &heads).await.unwrap();
    assert_eq!(watched, [&heads[0], &heads[1]]);
    let world = world.reopened().await;
    let listed = world.registry.quarantined();
    assert_eq!(listed.iter().map(|(pod, _)| &*pod.id).collect::<Vec<_>>(), ["uid-1", "uid-2"]);
    assert_eq!(listed[0].1, Reason::NoInstance);
    assert_eq!(listed[1].1, Reason::ClaimContradicts { instance: "sms-434".into(), registered: "acme".into() });
    assert!(Arc::ptr_eq(&world.registry.owner_of(&heads[0].stream, &heads[0].labels), &listed[0].0.owner));
    assert!(world.registry.releasable().is_empty());

    world.registry.create_instance(new_instance("sms-9", "sms", "wild", &[("app", "x")])).await.unwrap();
    let releasable = world.registry.releasable();
    let releasable: Vec<(&str, &Owner)> = releasable.iter().map(|(id, owner)| (&**id, &**owner)).collect();
    assert!(matches!(releasable.as_slice(), [("uid-1", owner)] if &*owner.instance == "sms-9"), "{releasable:?}");
    assert_eq!(world.registry.quarantined()[0].1, Reason::AwaitsRelease { instance: "sms-9".into() });
    // Until it is released, a batch of the pod is looked at again.
    assert_eq!(world.registry.note_quarantine("eu", "n1", &heads[..1]).await.unwrap().len(), 1);
    world.registry.forget_pods(&["uid-1".into(), "unknown".into()]).await.unwrap();
    assert_eq!(world.registry.note_quarantine("eu", "n1", &heads[..1]).await.unwrap().len(), 0);
    assert_eq!(world.reopened().await.registry.quarantined().len(), 1);
}

#[tokio::test]
async fn labels_that_were_known_are_not_lost_to_a_collector_that_has_just_started() {
    let world = World::with_instances().await;
    let note = async |labels: &[(&str, &str)]| {
        world.registry.note_quarantine("eu", "n1", &[head("wild", "uid", labels)]).await.unwrap();
        world.registry.quarantined()[0].0.labels.clone()
    };
    assert!(note(&[]).await.is_empty());
    assert_eq!(note(&[("app", "x")]).await.len(), 1);
    assert_eq!(note(&[]).await.len(), 1);
    assert_eq!(note(&[("app", "y"), ("tier", "1")]).await.len(), 2);
}

#[tokio::test]
async fn the_quarantines_list_is_bounded() {
    let world = World::new().await;
    for round in 0..11 {
        let heads: Vec<_> = (0..1_000).map(|n| head("wild", &format!("uid-{round}-{n}"), &[])).collect();
        world.registry.note_quarantine("eu", "n1", &heads).await.unwrap();
    }
    let listed = world.registry.quarantined();
    assert_eq!(listed.len(), 10_000);
    assert!(listed.iter().all(|(pod, _)| !pod.id.starts_with("uid-0-")));
    assert_eq!(world.reopened().await.registry.quarantined().len(), 10_000);
}

/// What can be asked of the registry.
#[derive(Debug, Clone)]
enum Op {
    Partner(u8),
    Module(u8, u8),
    Instance(u8, u8, u8, u8),
    Move(u8, u8, u8),
    Token(u8),
    Revoke(u8),
    Note(u8, u8),
    Remove(u8, u8),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let small = 0_u8..4;
    let op = prop_oneof![
        small.clone().prop_map(Op::Partner),
        (small.clone(), small.clone()).prop_map(|(a, b)| Op::Module(a, b)),
        (small.clone(), small.clone(), small.clone(), small.clone()).prop_map(|(a, b, c, d)| Op::Instance(a, b, c, d)),
        (small.clone(), small.clone(), small.clone()).prop_map(|(a, b, c)| Op::Move(a, b, c)),
        small.clone().prop_map(Op::Token),
        small.clone().prop_map(Op::Revoke),
        (small.clone(), small.clone()).prop_map(|(a, b)| Op::Note(a, b)),
        (small.clone(), small).prop_map(|(a, b)| Op::Remove(a, b)),
    ];
    prop::collection::vec(op, 0..40)
}

async fn run(world: &World, op: Op) -> Result<(), RegistryError> {
    let registry = &world.registry;
    let label = |n: u8| ["", "a", "b", "c"][usize::from(n)];
    let labels = |n: u8| if n == 0 { vec![] } else { vec![("app", label(n))] };
    match op {
        Op::Partner(n) => registry.create_partner(NewPartner { id: format!("p{n}"), name: None }).await.map(drop),
        Op::Module(n, p) => registry.create_module(new_module(&format!("m{n}"), &format!("p{p}"))).await.map(drop),
        Op::Instance(n, m, ns, l) => {
            registry.create_instance(new_instance(&format!("i{n}"), &format!("m{m}"), &format!("ns{ns}"), &labels(l))).await.map(drop)
        }
        Op::Move(n, ns, l) => {
            let selector = Some(selector(&format!("ns{ns}"), &labels(l)));
            registry.patch_instance(&format!("i{n}"), PatchInstance { selector, ..PatchInstance::default() }).await.map(drop)
        }
        Op::Token(p) => world.mint(NewToken { partner: Some(format!("p{p}")), ..new_token(Kind::Partner) }).await.map(drop),
        Op::Revoke(n) => match registry.tokens(&world.staff).get(usize::from(n)) {
            Some(token) => registry.revoke_token(&token.id).await,
            None => Ok(()),
        },
        Op::Note(ns, l) => {
            let heads = [head(&format!("ns{ns}"), &format!("uid-{ns}-{l}"), &labels(l))];
            registry.note_quarantine("eu", "n", &heads).await.map(drop)
        }
        Op::Remove(0, n) => registry.remove_partner(&format!("p{n}")).await,
        Op::Remove(1, n) => registry.remove_module(&format!("m{n}")).await,
        Op::Remove(2, n) => registry.remove_instance(&format!("i{n}")).await,
        Op::Remove(_, n) => registry.forget_pods(&[format!("uid-{n}-{n}").into()]).await,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is asked: what memory shows is what a restart reads, no two instances select one pod, and everything has its owner.
    #[test]
    fn memory_and_catalog_are_one(ops in ops()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            for op in ops {
                if let Err(error @ RegistryError::Catalog(_)) = run(&world, op).await {
                    return Err(TestCaseError::fail(error.to_string()));
                }
            }
            let instances = world.registry.instances(&world.staff);
            for (at, one) in instances.iter().enumerate() {
                prop_assert!(instances[at + 1..].iter().all(|other| !one.selector.overlaps(&other.selector)));
                let labels: Vec<_> = one.selector.labels.clone().into_iter().collect();
                prop_assert_eq!(&world.registry.owner_of(&stream(&one.selector.namespace, "uid"), &labels).instance, &one.id);
                prop_assert_eq!(&world.registry.module(&world.staff, &one.module).unwrap().partner, &one.partner);
            }
            let shown = everything(&world);
            prop_assert_eq!(everything(&world.reopened().await), shown);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn policies_and_keys_are_the_same_after_a_restart_and_older_partners_get_a_key() {
    let world = World::with_instances().await;
    let policy: martlog_formats::policy::Policy = serde_json::from_str(r#"{"redaction":{"phone":"hash"},"level":"warn"}"#).unwrap();
    let said = PatchInstance { policy: Some(Some(policy.clone())), ..PatchInstance::default() };
    world.registry.patch_instance("sms-434", said).await.unwrap();
    let before = world.registry.policy_document().unwrap();
    let (read, key) = world.registry.policy_of("sms-434");
    assert_eq!(read, policy);
    sqlx::query("UPDATE partners SET hash_key = NULL WHERE id = 'zeta'").execute(world.registry.shared.catalog.pool()).await.unwrap();
    let zeta = world.registry.policy_of("chat-434").1.unwrap();
    let world = world.reopened().await;
    let after = world.registry.policy_document().unwrap();
    assert_eq!((&after.tag, &after.body), (&before.tag, &before.body));
    assert_eq!(world.registry.policy_of("sms-434"), (policy, key));
    let drawn = world.registry.policy_of("chat-434").1.unwrap();
    assert!(drawn != zeta && Some(drawn) != key);
    let world = world.reopened().await;
    assert_eq!(world.registry.policy_of("chat-434").1, Some(drawn), "drawn once");
    // One document until something changes.
    let one = world.registry.policy_document().unwrap();
    assert!(Arc::ptr_eq(&one, &world.registry.policy_document().unwrap()));
    world.registry.remove_instance("sms-434").await.unwrap();
    assert_ne!(world.registry.policy_document().unwrap().tag, one.tag);
}
