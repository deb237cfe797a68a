//! The demo, as a newcomer starts it.

use crate::harness::api::Api;
use crate::harness::process::Process;
use crate::harness::{Scene, path, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_lines_to_each_partner_and_stops_cleanly() {
    let scene = Scene::new();
    let data = scene.root.join("demo");
    let mut demo =
        Process::start("demo", &["demo", "--data", path(&data), "--listen", "127.0.0.1:0", "--seed", "7", "--rate", "200"], &scene.root);
    let mut text = String::new();
    let tokens = until("the demo's tokens", async || {
        let out = demo.stdout();
        let tokens: Vec<String> = out.split_whitespace().filter(|word| word.starts_with("mart_")).map(str::to_owned).collect();
        text.clone_from(&out);
        (tokens.len() >= 5 && out.contains("http://")).then_some(tokens)
    })
    .await;
    let address =
        text.split_whitespace().find(|word| word.starts_with("http://")).expect("the address").trim_end_matches(['/', '.', ',']).to_owned();
    let staff = tokens.iter().find(|token| token.starts_with("mart_staff_")).expect("the staff token");
    let staff = Api::new(&address, staff);
    let mut modules = std::collections::BTreeSet::new();
    for token in tokens.iter().filter(|token| token.starts_with("mart_partner_")) {
        let partner = Api::new(&address, token);
        let rows = until("a partner's lines", async || {
            let rows = partner.search("*").await.rows;
            (rows.len() > 100).then_some(rows)
        })
        .await;
        let mut partners: Vec<_> = rows.iter().filter_map(|row| row["partner"].as_str()).collect();
        partners.sort_unstable();
        partners.dedup();
        assert_eq!(partners.len(), 1, "a partner sees its own lines only: {partners:?}");
    }
    until("all twelve modules", async || {
        for row in staff.search_all("*").await {
            modules.extend(row["module"].as_str().map(str::to_owned));
        }
        (modules.len() >= 12).then_some(())
    })
    .await;
    for query in ["verdict:ok", "verdict:repaired", "verdict:raw", "problem:secret_redacted", "level>=error", "in:quarantine"] {
        assert!(!staff.search(query).await.rows.is_empty(), "{query} finds nothing in the demo");
    }
    let page = crate::harness::api::client(None).get(&address).send().await.expect("the page");
    assert!(page.headers()["content-security-policy"].to_str().expect("text").contains("default-src 'none'"));
    demo.signal(rustix::process::Signal::INT);
    assert_eq!(demo.wait().await, Some(0), "{}", demo.stderr());
}
