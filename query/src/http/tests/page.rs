//! The page's files: all there, all served, under a policy that lets nothing else in; and what others wrote is what they published.

use super::Server;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const UI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ui");
/// Files of the folder that no browser asks for.
const KEPT_FOR_PEOPLE: [&str; 2] = ["vendor/manifest.json", "vendor/licences/"];

/// Every file of the folder, by its path in it.
fn files() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::from(UI)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(UI).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split(['"', '\''])
}

/// What a module needs before it runs: its imports, without those that it asks for when somebody opens a page.
fn needs(text: &str) -> impl Iterator<Item = &str> {
    let statements = text.lines().filter(|line| line.starts_with("import ") || line.starts_with("export "));
    statements
        .filter_map(|line| line.split_once(" from "))
        .filter_map(|(_, name)| name.split('"').nth(1))
        .filter(|name| name.starts_with('.'))
}

/// What a first visit takes, from the module that begins.
fn first_visit() -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec!["app/main.js".to_owned()]);
    while let Some(name) = open.pop() {
        let text = std::fs::read_to_string(Path::new(UI).join(&name)).unwrap();
        if found.insert(name.clone()) {
            open.extend(needs(&text).map(|import| resolved(&name, import)));
        }
    }
    found
}

/// The file that a module names, from where it stands.
fn resolved(importer: &str, import: &str) -> String {
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[tokio::test]
async fn the_page_and_its_files_come_with_a_strict_policy() {
    let server = Server::start().await;
    let page = server.get("/", &[]).await;
    assert_eq!((page.status.as_u16(), page.headers["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'sha256-"), "{policy}");
    assert!(policy.contains("require-trusted-types-for 'script'") && !policy.contains("unsafe"), "{policy}");
    let etag = page.headers["etag"].to_str().unwrap();
    let again = server.get("/", &[("if-none-match", etag)]).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    assert_eq!(server.get("/assets/nothing.js", &[]).await.status, 404);
    assert!(!page.text.contains("=\"/"), "an address of the page does not begin at the root: it may stand below a path");
}

#[tokio::test]
async fn every_file_is_served_and_every_import_leads_to_one() {
    let server = Server::start().await;
    let page = server.get("/", &[]).await;
    let all = files();
    let named: BTreeSet<&str> = quoted(&page.text).filter_map(|name| name.trim_start_matches("./").strip_prefix("assets/")).collect();
    for name in &named {
        assert!(all.contains(*name), "the page names {name}, which is not there");
    }
    let first = first_visit();
    for name in all.iter().filter(|name| *name != "index.html" && !KEPT_FOR_PEOPLE.iter().any(|kept| name.starts_with(kept))) {
        let file = server.get(&format!("/assets/{name}"), &[]).await;
        assert_eq!(file.status, 200, "{name}: name it in page.rs");
        if !name.ends_with(".js") {
            continue;
        }
        assert_eq!(file.headers["content-type"], "text/javascript; charset=utf-8");
        // A module that is not named is found only when the one before it has come: each step is a journey to the server. What is loaded later is not waited for.
        assert_eq!(
            first.contains(name),
            named.contains(name.as_str()),
            "{name}: index.html names what a first visit takes, and nothing else"
        );
        for import in quoted(&file.text).filter(|import| import.starts_with('.') && import.ends_with(".js")) {
            let target = resolved(name, import);
            assert!(all.contains(&target), "{name} imports {import}, which is not there");
        }
    }
}

#[test]
fn what_others_wrote_is_what_the_manifest_says() {
    let vendor = Path::new(UI).join("vendor");
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(vendor.join("manifest.json")).unwrap()).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    for file in listed {
        let text = |key: &str| file[key].as_str().unwrap_or_else(|| panic!("{file} has no {key}"));
        let bytes = std::fs::read(vendor.join(text("file"))).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, text("sha256"), "{} is not what {} {} published", text("file"), text("package"), text("version"));
        assert!(["MIT", "Apache-2.0"].contains(&text("licence")), "{file}");
        let licence = std::fs::read_to_string(vendor.join(text("licence_file"))).unwrap();
        assert!(licence.contains("Permission is hereby granted") || licence.contains("Apache License"), "{file}");
    }
    let known: BTreeSet<&str> =
        listed.iter().flat_map(|file| [file["file"].as_str().unwrap(), file["licence_file"].as_str().unwrap()]).collect();
    let there = files();
    let unlisted: Vec<&String> = there
        .iter()
        .filter(|name| name.strip_prefix("vendor/").is_some_and(|name| name != "manifest.json" && !known.contains(name)))
        .collect();
    assert!(unlisted.is_empty(), "{unlisted:?} are in no manifest");
}
