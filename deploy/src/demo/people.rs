//! The registry of the demo: fills it over HTTP as an administrator would, and keeps the tokens in `tokens.json` (0600), since a server shows each only once.
//!
//! Everything is made with the same bodies at each start, which the server answers with "is there already"; tokens are made anew only where none works.

use super::world::{Instance, MODULES, PARTNERS, World};
use crate::client::api::{Client, NoAnswer};
use crate::config::Connect;
use crate::outcome::Failure;
use martlog_collector::tls::{self, Trust};
use martlog_collector::token::Token;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The cluster that the demo's node is in.
pub(super) const CLUSTER: &str = "demo";

/// The tokens of a demo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tokens {
    pub(super) staff: String,
    /// By partner.
    pub(super) partners: BTreeMap<String, String>,
    pub(super) collector: String,
}

/// Fills the registry of the server that has just started and gives its tokens.
///
/// # Errors
/// When the server refuses, or the tokens cannot be read or kept.
pub(super) async fn settle(dir: &Path, server_dir: &Path, url: &str, world: &World) -> Result<Tokens, Failure> {
    let mut tokens = load(dir)?;
    if tokens.staff.is_empty() {
        tokens.staff = read(&server_dir.join("staff.token"))?.trim().to_owned();
        // Kept at once: the server writes its file only once.
        save(dir, &tokens)?;
    }
    let client = client(url, &tokens.staff, dir)?;
    for (id, name) in PARTNERS {
        post(&client, "partners", json!({"id": id, "name": name})).await?;
    }
    for module in MODULES.iter().filter(|module| PARTNERS.iter().any(|(id, _)| *id == module.partner)) {
        post(&client, "modules", json!({"id": module.id, "partner": module.partner})).await?;
    }
    for instance in &world.instances {
        post(&client, "instances", body(instance)).await?;
    }
    for (id, _) in PARTNERS {
        if !tokens.partners.contains_key(id) {
            let token = token(&client, json!({"kind": "partner", "partner": id, "note": "demo"})).await?;
            tokens.partners.insert(id.to_owned(), token);
        }
    }
    if tokens.collector.is_empty() {
        tokens.collector = token(&client, json!({"kind": "collector", "cluster": CLUSTER, "note": "demo"})).await?;
    }
    save(dir, &tokens)?;
    Ok(tokens)
}

/// Writes the pods' labels as the collector reads them without a Kubernetes API.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_labels(path: &Path, world: &World) -> Result<(), Failure> {
    let labels: BTreeMap<&str, &BTreeMap<String, String>> = world.pods.iter().map(|pod| (&*pod.uid, &pod.labels)).collect();
    let text = serde_json::to_vec_pretty(&labels).map_err(std::io::Error::from);
    text.and_then(|text| std::fs::write(path, text)).map_err(|error| Failure::Server(format!("cannot write {}: {error}", path.display())))
}

fn client(url: &str, token: &str, dir: &Path) -> Result<Client, Failure> {
    let trust = Trust::of(url, &tls::Options::default()).map_err(Failure::Server)?;
    Client::new(Connect { server: url.to_owned(), token: Token::given(token), token_file: path(dir), trust })
}

async fn post(client: &Client, collection: &str, body: Value) -> Result<Value, Failure> {
    client.json(client.request(Method::POST, &[collection]).json(&body)).await.map_err(|error: NoAnswer| match Failure::from(error) {
        Failure::Server(text) | Failure::Usage(text) => {
            Failure::Server(format!("the demo cannot register {body} under {collection}: {text}"))
        }
        other @ Failure::ReaderGone => other,
    })
}

async fn token(client: &Client, body: Value) -> Result<String, Failure> {
    let answer = post(client, "tokens", body).await?;
    answer["token"].as_str().map(str::to_owned).ok_or_else(|| Failure::Server("the server's answer holds no token".to_owned()))
}

fn body(instance: &Instance) -> Value {
    let mut selector = json!({"namespace": instance.namespace});
    if !instance.labels.is_empty() {
        selector["labels"] = json!(instance.labels);
    }
    json!({"id": instance.id, "module": instance.module, "csp": instance.csp, "environment": instance.environment, "selector": selector})
}

fn path(dir: &Path) -> PathBuf {
    dir.join("tokens.json")
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Server(format!("cannot read {}: {error}; remove the demo's folder to begin anew", path.display())))
}

fn load(dir: &Path) -> Result<Tokens, Failure> {
    let path = path(dir);
    if !path.exists() {
        return Ok(Tokens::default());
    }
    serde_json::from_str(&read(&path)?)
        .map_err(|error| Failure::Server(format!("cannot read {}: {error}; remove the demo's folder to begin anew", path.display())))
}

fn save(dir: &Path, tokens: &Tokens) -> Result<(), Failure> {
    let beside = dir.join("tokens.json.tmp");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(tokens)?)?;
        file.sync_all()?;
        std::fs::rename(&beside, path(dir))
    };
    write().map_err(|error| Failure::Server(format!("cannot write {}: {error}", path(dir).display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn tokens_are_kept_and_private() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path()).unwrap(), Tokens::default());
        let tokens =
            Tokens { staff: "s".to_owned(), partners: BTreeMap::from([("lumina".to_owned(), "p".to_owned())]), collector: "c".to_owned() };
        save(dir.path(), &tokens).unwrap();
        assert_eq!(load(dir.path()).unwrap(), tokens);
        assert_eq!(std::fs::metadata(path(dir.path())).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_instance_in_a_shared_namespace_is_selected_by_its_label() {
        let world = World::new(1);
        let shared = world.instances.iter().find(|instance| instance.csp == "902").unwrap();
        assert_eq!(body(shared)["selector"]["labels"]["app.kubernetes.io/instance"], shared.id);
        let own = world.instances.iter().find(|instance| instance.csp == "434").unwrap();
        assert!(body(own)["selector"].get("labels").is_none());
    }
}
