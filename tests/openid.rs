//! Sign-in through a provider: a real server behind a proxy that has put it below a path, and a provider of our own that can be down, slow, or lie.

mod front;
mod provider;

use crate::harness::{Scene, Server, path, process};
use front::{Browser, Front};
use provider::{CLIENT, Provider, SECRET, Wrong};
use reqwest::Method;
use serde_json::{Value, json};

/// All that takes part.
struct World {
    scene: Scene,
    server: Server,
    front: Front,
    provider: Provider,
}

impl World {
    async fn new() -> Self {
        Self::with("").await
    }

    /// With more lines in the config file.
    async fn with(more: &str) -> Self {
        let (scene, front, provider) = (Scene::new(), Front::start().await, Provider::start().await);
        let config = config(&scene, &front, &provider.address, more);
        let server = scene.serve_with(&["--config", &config]).await;
        front.leads_to(&server.address);
        server.partner("acme", "sms", "434", "ns-acme").await;
        server.partner("zeta", "voice", "255", "ns-zeta").await;
        Self { scene, server, front, provider }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.front)
    }

    /// Where the page is, and what stands behind its address.
    fn page(&self, rest: &str) -> String {
        format!("{}{rest}", self.front.page)
    }

    /// Signs somebody in who must not be; the code that the page gets.
    async fn refused(&self) -> String {
        let mut browser = self.browser();
        let end = browser.sign_in("?q=kept").await;
        assert!(!browser.cookies.contains_key("martlog_session"), "nobody is signed in: {end}");
        assert!(end.as_str().starts_with(&self.page("?q=kept#signin=")), "{end}");
        end.fragment().and_then(|fragment| fragment.strip_prefix("signin=")).expect("a code").to_owned()
    }

    async fn tokens(&self) -> Vec<Value> {
        let told = self.server.api.get("tokens").await.json();
        told["tokens"].as_array().expect("tokens").iter().filter(|token| token["session"] == true).cloned().collect()
    }

    async fn audit(&self, action: &str) -> Vec<Value> {
        self.server.api.get(&format!("audit?action={action}")).await.json()["records"].as_array().expect("records").clone()
    }
}

/// The config file of a server that is behind `front` and asks the provider at `issuer`.
fn config(scene: &Scene, front: &Front, issuer: &str, more: &str) -> String {
    let (file, secret) = (scene.root.join("martlog.toml"), scene.root.join("openid.secret"));
    std::fs::write(&secret, format!("{SECRET}\n")).expect("the secret");
    let text = format!(
        "[serve]\nopenid-issuer = \"{issuer}\"\nopenid-page = \"{}\"\nopenid-client-id = \"{CLIENT}\"\n\
         openid-client-secret-file = \"openid.secret\"\nopenid-claim = \"groups\"\nopenid-staff = [\"support\"]\nopenid-name = \"Test SSO\"\n{more}",
        front.page
    );
    std::fs::write(&file, text).expect("the config file");
    path(&file).to_owned()
}

fn in_groups(groups: &[&str]) -> Value {
    json!({"sub": "248289761001", "preferred_username": "alice", "groups": groups})
}

#[tokio::test]
async fn a_partner_signs_in_sees_its_own_lines_and_signs_out() {
    let world = World::new().await;
    for module in ["sms-434", "voice-255"] {
        let partner = if module == "sms-434" { "acme" } else { "zeta" };
        let token = world.server.token(json!({"kind": "ingest", "partner": partner})).await;
        let told = world.server.api.with_token(&token).ingest(&format!("{{\"level\":\"info\",\"msg\":\"from {partner}\"}}")).await;
        assert_eq!(told.status, 200, "{}", told.text);
    }
    world.provider.person(in_groups(&["everybody", "acme"]));
    let mut browser = world.browser();
    assert_eq!(browser.api(Method::GET, "session").await.status, 401);
    let about = browser.api(Method::GET, "session/openid").await;
    assert_eq!(serde_json::from_str::<Value>(&about.text).unwrap(), json!({"name": "Test SSO"}));
    let end = browser.sign_in("?q=level%3Aerror+csp%3A434&from=-1h").await;
    assert_eq!(end.as_str(), world.page("?q=level%3Aerror+csp%3A434&from=-1h"));

    let session: Value = serde_json::from_str(&browser.api(Method::GET, "session").await.text).unwrap();
    assert_eq!((&session["kind"], &session["partner"]), (&json!("partner"), &json!("acme")));
    let ends = chrono::DateTime::parse_from_rfc3339(session["expires_at"].as_str().unwrap()).unwrap();
    let hours = (ends.to_utc() - chrono::Utc::now()).num_minutes();
    assert!((12 * 60 - 2..=12 * 60).contains(&hours), "{hours} min");
    let fields: Value = serde_json::from_str(&browser.api(Method::GET, "usage").await.text).unwrap();
    assert!(fields.to_string().contains("sms-434") && !fields.to_string().contains("voice-255"), "{fields}");

    let tokens = world.tokens().await;
    assert_eq!(tokens.len(), 1);
    assert_eq!((&tokens[0]["kind"], &tokens[0]["note"]), (&json!("partner"), &json!("Test SSO: alice (248289761001)")));
    let made = world.audit("token_made").await;
    assert!(made.iter().any(|record| record["note"] == tokens[0]["note"] && record["subject"] == tokens[0]["id"]), "{made:#?}");

    assert_eq!(browser.api(Method::DELETE, "session").await.status, 204);
    assert_eq!(browser.api(Method::GET, "session").await.status, 401);
    assert!(world.tokens().await.is_empty(), "the token goes with its session");
    let gone = world.audit("token_revoked").await;
    assert!(gone.iter().any(|record| record["note"] == tokens[0]["note"]), "{gone:#?}");
}

#[tokio::test]
async fn staff_sign_in_see_everything_and_can_be_signed_out_by_others() {
    let world = World::new().await;
    world.provider.person(in_groups(&["support", "acme"]));
    let mut browser = world.browser();
    assert_eq!(browser.sign_in("").await.as_str(), world.page(""));
    let session: Value = serde_json::from_str(&browser.api(Method::GET, "session").await.text).unwrap();
    assert_eq!((&session["kind"], session.get("partner")), (&json!("staff"), None));
    assert_eq!(browser.api(Method::GET, "nodes").await.status, 200);
    let token = &world.tokens().await[0];
    assert_eq!(world.server.api.delete(&format!("tokens/{}", token["id"].as_str().unwrap())).await.status, 204);
    assert_eq!(browser.api(Method::GET, "session").await.status, 401);
}

#[tokio::test]
async fn the_cookies_are_for_their_purpose_alone() {
    let world = World::new().await;
    world.provider.person(in_groups(&["acme"]));
    let mut browser = world.browser();
    let begun = browser.get(&browser.beginning("")).await;
    let [away] = &begun.set_cookie[..] else { panic!("{:?}", begun.set_cookie) };
    assert!(away.starts_with("martlog_openid=") && away.ends_with("; Max-Age=600; HttpOnly; SameSite=Lax"), "{away}");
    let there = browser.get(&begun.location.unwrap()).await;
    let end = browser.get(&there.location.unwrap()).await;
    let [session] = &end.set_cookie[..] else { panic!("{:?}", end.set_cookie) };
    assert!(
        session.starts_with("martlog_session=sess_") && session.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"),
        "{session}"
    );
    // Below the folder of the three addresses alone, wherever the proxy has put them.
    assert_eq!(browser.cookies["martlog_openid"].1, "/logs/api/v1/session/openid");
}

#[tokio::test]
async fn after_signing_in_a_browser_goes_nowhere_but_to_the_page() {
    let world = World::new().await;
    world.provider.person(in_groups(&["acme"]));
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "?a=b#signin=unknown",
        "?a\r\nSet-Cookie: a=b",
        "\\\\evil.example",
        "@evil.example",
    ] {
        let end = world.browser().sign_in(to).await;
        assert_eq!(end.as_str(), world.page(""), "{to}");
    }
    let end = world.browser().sign_in("?q=https%3A%2F%2Fevil.example").await;
    assert_eq!(end.as_str(), world.page("?q=https%3A%2F%2Fevil.example"));
}

#[tokio::test]
async fn whoever_is_nobody_here_is_told_so_and_the_log_says_why() {
    let world = World::new().await;
    for (groups, code) in
        [(vec!["everybody"], "unknown"), (vec![], "unknown"), (vec!["ACME"], "unknown"), (vec!["acme", "zeta"], "ambiguous")]
    {
        world.provider.person(in_groups(&groups));
        assert_eq!(world.refused().await, code, "{groups:?}");
    }
    world.provider.person(json!({"sub": "7"}));
    assert_eq!(world.refused().await, "unknown");
    let log = world.server.process.stderr();
    assert!(log.contains("the claim `groups` of Test SSO: alice (248289761001) names several partners: acme, zeta"), "{log}");
    assert!(world.tokens().await.is_empty());
}

#[tokio::test]
async fn what_a_provider_says_is_believed_only_if_it_holds() {
    let world = World::new().await;
    world.provider.person(in_groups(&["support"]));
    for (wrong, why) in [
        (Wrong::Issuer, "Invalid issuer"),
        (Wrong::OtherAudience, "Invalid audiences"),
        (Wrong::MoreAudiences, "not a trusted audience"),
        (Wrong::OtherParty, "`azp`"),
        (Wrong::Expired, "Expired"),
        (Wrong::Nonce, "Invalid nonce"),
        (Wrong::NoNonce, "Invalid nonce"),
        (Wrong::Unsigned, "No signature found"),
        (Wrong::BySecret, "Disallowed signature algorithm"),
        (Wrong::ByUnknownKey, "No matching key"),
        (Wrong::Changed, "Crypto error"),
        (Wrong::Critical, "critical JWT header"),
        (Wrong::NoIdToken, "without an ID token"),
    ] {
        world.provider.is(wrong);
        assert_eq!(world.refused().await, "untrusted", "{wrong:?}");
        let log = world.server.process.stderr();
        assert!(log.lines().last().is_some_and(|line| line.contains(why)), "{wrong:?}: {log}");
    }
    assert!(world.tokens().await.is_empty());
    world.provider.is(Wrong::Nothing);
    assert_eq!(world.browser().sign_in("").await.as_str(), world.page(""), "and then it is believed again");
}

#[tokio::test]
async fn a_provider_that_signs_nobody_in_is_told_apart() {
    let world = World::new().await;
    for (wrong, code) in [(Wrong::Denies, "denied"), (Wrong::Fails, "unreachable"), (Wrong::Refuses, "misconfigured")] {
        world.provider.is(wrong);
        assert_eq!(world.refused().await, code, "{wrong:?}");
    }
}

/// At the door, before a browser is sent anywhere; then behind it, when the code is exchanged.
#[tokio::test]
async fn a_provider_that_is_down_slow_or_broken_costs_a_sentence() {
    let world = World::new().await;
    world.provider.person(in_groups(&["acme"]));
    let table = [
        (Wrong::Down, "unreachable"),
        (Wrong::Redirects, "unreachable"),
        (Wrong::Html, "untrusted"),
        (Wrong::Endless, "untrusted"),
        (Wrong::DocumentIssuer, "untrusted"),
        (Wrong::ScriptDoor, "untrusted"),
        (Wrong::Slow, "unreachable"),
    ];
    for (wrong, code) in table {
        world.provider.is(wrong);
        let mut browser = world.browser();
        let begun =
            tokio::time::timeout(std::time::Duration::from_secs(20), browser.get(&browser.beginning("?q=a"))).await.expect("in time");
        let end = begun.location.expect("the page");
        assert_eq!(end.as_str(), world.page(&format!("#signin={code}")), "{wrong:?}");
        // A failure is told for two seconds without asking again.
        tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    }
    world.provider.is(Wrong::Nothing);
    assert_eq!(world.browser().sign_in("").await.as_str(), world.page(""));
    for (wrong, code) in table.into_iter().filter(|(wrong, _)| !matches!(wrong, Wrong::DocumentIssuer | Wrong::ScriptDoor)) {
        world.provider.is(Wrong::Nothing);
        let mut browser = world.browser();
        let back = browser.away("?q=a").await;
        world.provider.is(wrong);
        let end = browser.get(&back).await.location.expect("the page");
        assert_eq!(end.as_str(), world.page(&format!("?q=a#signin={code}")), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_server_starts_without_its_provider_and_signs_in_once_it_is_there() {
    let (scene, front) = (Scene::new(), Front::start().await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = scene.serve_with(&["--config", &config(&scene, &front, &nobody, "")]).await;
    front.leads_to(&server.address);
    let mut browser = Browser::new(&front);
    let end = browser.get(&browser.beginning("")).await.location.unwrap();
    assert_eq!(end.fragment(), Some("signin=unreachable"));
    let log = server.process.stderr();
    assert!(log.contains("cannot talk to 127.0.0.1: ") && log.contains("efused"), "{log}");
    assert!(!log.contains(SECRET), "the secret is in no log");
}

#[tokio::test]
async fn a_sign_in_is_good_once_for_the_browser_that_began_it() {
    let world = World::new().await;
    world.provider.person(in_groups(&["acme"]));
    let stale = world.page("#signin=stale");
    let mut browser = world.browser();
    let back = browser.away("?q=a").await;
    // Another browser that has come by the address gets nothing, and ends nothing.
    assert_eq!(world.browser().get(&back).await.location.unwrap().as_str(), stale);
    let mut other = world.browser();
    other.away("").await;
    assert_eq!(other.get(&back).await.location.unwrap().as_str(), stale);
    assert_eq!(browser.get(&back).await.location.unwrap().as_str(), world.page("?q=a"));
    // The state again, whatever the code.
    assert_eq!(browser.get(&back).await.location.unwrap().as_str(), stale);
    let mut changed = back.clone();
    changed.query_pairs_mut().append_pair("code", "code-99");
    assert_eq!(browser.get(&changed).await.location.unwrap().as_str(), stale);
    // A state that nobody was given, and none at all.
    for query in ["state=guessed&code=code-1", "code=code-1", "error=access_denied", ""] {
        let mut guessed = back.clone();
        guessed.set_query(Some(query));
        assert_eq!(browser.get(&guessed).await.location.unwrap().as_str(), stale, "{query}");
    }
    // The code again, with a state that waits: the provider does not take it.
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let mut again = browser.away("?q=b").await;
    let kept: Vec<(String, String)> = again.query_pairs().into_owned().filter(|(name, _)| name != "code").collect();
    again.query_pairs_mut().clear().extend_pairs(kept).append_pair("code", &code);
    assert_eq!(browser.get(&again).await.location.unwrap().as_str(), world.page("?q=b#signin=stale"));
    assert_eq!(world.tokens().await.len(), 1);
}

#[tokio::test]
async fn two_tabs_of_one_browser_sign_in_beside_each_other() {
    let world = World::new().await;
    world.provider.person(in_groups(&["acme"]));
    let mut browser = world.browser();
    let (first, second) = (browser.away("?q=1").await, browser.away("?q=2").await);
    assert_eq!(browser.get(&second).await.location.unwrap().as_str(), world.page("?q=2"));
    assert_eq!(browser.get(&first).await.location.unwrap().as_str(), world.page("?q=1"));
}

#[tokio::test]
async fn an_answer_of_another_provider_is_not_taken_for_ours() {
    let world = World::new().await;
    world.provider.person(in_groups(&["acme"]));
    let mut browser = world.browser();
    let mut back = browser.away("").await;
    let others: Vec<(String, String)> = back.query_pairs().into_owned().filter(|(name, _)| name != "iss").collect();
    back.query_pairs_mut().clear().extend_pairs(others).append_pair("iss", "https://evil.example");
    assert_eq!(browser.get(&back).await.location.unwrap().as_str(), world.page("#signin=untrusted"));
}

#[tokio::test]
async fn new_keys_are_learnt_and_unknown_ones_do_not_wear_the_provider_out() {
    let world = World::new().await;
    world.provider.person(in_groups(&["acme"]));
    world.browser().sign_in("").await;
    assert_eq!((world.provider.asked("document"), world.provider.asked("keys")), (1, 1));
    world.browser().sign_in("").await;
    assert_eq!(world.provider.asked("keys"), 1, "what it said holds for an hour");
    world.provider.rotate("second");
    // Too soon to ask again: the keys were read a moment ago.
    assert_eq!(world.refused().await, "untrusted");
    assert_eq!(world.provider.asked("keys"), 1);
    tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    assert_eq!(world.browser().sign_in("").await.as_str(), world.page(""));
    assert_eq!(world.provider.asked("keys"), 2);
    world.provider.is(Wrong::ByUnknownKey);
    for _ in 0..5 {
        assert_eq!(world.refused().await, "untrusted");
    }
    assert_eq!(world.provider.asked("keys"), 2);
}

#[tokio::test]
async fn a_secret_that_the_provider_does_not_know_is_the_operator_s_to_mend_without_a_restart() {
    let world = World::new().await;
    world.provider.person(in_groups(&["acme"]));
    let file = world.scene.root.join("openid.secret");
    std::fs::write(&file, "another").unwrap();
    let code = crate::harness::until("the other secret", async || Some(world.refused_or_in().await).filter(|code| !code.is_empty())).await;
    assert_eq!(code, "misconfigured");
    std::fs::write(&file, SECRET).unwrap();
    crate::harness::until("the right secret", async || Some(world.refused_or_in().await).filter(|code| code.is_empty())).await;
}

impl World {
    /// How a sign-in ends: empty when somebody is signed in.
    async fn refused_or_in(&self) -> String {
        self.browser().sign_in("").await.fragment().map_or_else(String::new, |fragment| fragment.replace("signin=", ""))
    }
}

#[tokio::test]
async fn a_server_without_a_provider_says_what_to_do_instead() {
    let (scene, front) = (Scene::new(), Front::start().await);
    let server = scene.serve().await;
    front.leads_to(&server.address);
    let mut browser = Browser::new(&front);
    assert_eq!(browser.api(Method::GET, "session/openid").await.text, "{}");
    for at in ["session/openid/begin", "session/openid/callback?state=a&code=b"] {
        let told = browser.api(Method::GET, at).await;
        assert_eq!(told.status, 404);
        assert!(told.text.contains("sign in with a token"), "{}", told.text);
    }
}

#[tokio::test]
async fn a_config_that_makes_no_provider_ends_the_start_with_what_to_write() {
    let scene = Scene::new();
    let file = scene.root.join("martlog.toml");
    std::fs::write(&file, "[serve]\nopenid-issuer = \"http://sso.example\"\nopenid-staf = [\"a\"]\n").unwrap();
    let (data, file) = (scene.data(), path(&file).to_owned());
    let (code, _, told) = process::run(&["serve", "--dir", path(&data), "--config", &file], &scene.root).await;
    assert_eq!(code, Some(2));
    for part in [
        "would send sign-ins in clear to another machine",
        "did you mean \"openid-staff\"?",
        "needs openid-page",
        "needs openid-client-id",
        "needs openid-claim",
    ] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
}
