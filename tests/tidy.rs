//! The documents say what is there: links lead somewhere, commands exist, and files open with what they are for.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_source_file_opens_with_what_it_is_for() {
    let mut missing = Vec::new();
    for folder in ["formats", "collector", "indexer", "query", "deploy", "tests"] {
        for file in files(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let opens = match file.extension().and_then(|extension| extension.to_str()) {
                Some("rs") => text.trim_start().starts_with("//!") || text.starts_with("#!["),
                Some("js" | "css") => text.starts_with("/*") || text.starts_with("//"),
                Some("sql") => text.starts_with("--"),
                _ => true,
            };
            if !opens {
                missing.push(file);
            }
        }
    }
    assert!(missing.is_empty(), "these say nothing at their head: {missing:#?}");
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for file in files(root()).into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.contains(' ') {
                continue;
            }
            if !file.parent().unwrap_or(root()).join(path).exists() {
                broken.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_its_own_crate_names_each_technology() {
    let rules = [("tantivy::", "indexer"), ("sqlx::", "indexer"), ("hyper::", "collector")];
    let mut found = Vec::new();
    for folder in ["formats", "collector", "indexer", "query", "deploy"] {
        for file in files(&root().join(folder)).into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            for (name, owner) in rules {
                if folder != owner && text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(name)) {
                    found.push(format!("{}: {name}", file.display()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Routes below `/api/v1` come from `describe::Api::at` alone, which wants to know what they are, so that none is missing in the API's document.
#[test]
fn every_route_of_the_api_is_described() {
    // Foreign protocols are described by those who made them.
    let own = ["describe.rs", "page.rs", "docs.rs", "doors/foreign.rs", "http/loki/mod.rs"];
    let mut found = Vec::new();
    for folder in ["indexer/src/doors", "query/src"] {
        let is_own = |file: &Path| own.iter().any(|name| file.ends_with(name));
        for file in files(&root().join(folder))
            .into_iter()
            .filter(|file| file.extension().is_some_and(|extension| extension == "rs") && !is_own(file))
        {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let routes = text.lines().filter(|line| line.contains(".route(") && !line.contains("\"/api/{*path}\""));
            found.extend(routes.map(|line| format!("{}: {}", file.display(), line.trim())));
        }
    }
    assert!(found.is_empty(), "these routes are not described: add them with Api::at: {found:#?}");
}

/// The files of the project below a folder, without what is built.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if !["target", ".git", "node_modules"].iter().any(|skipped| name == *skipped) {
                    folders.push(path);
                }
            } else {
                found.push(path);
            }
        }
    }
    found
}
