//! What the config file says of the provider through which people sign in: keys `openid-…` of `[serve]`.
//!
//! ```toml
//! [serve]
//! openid-issuer = "https://sso.example/realms/telecom"   # as the provider says it itself
//! openid-page = "https://logs.example/"                  # where browsers have the page
//! openid-client-id = "martlog"
//! openid-client-secret-file = "openid.secret"            # left out for a client without a secret
//! openid-claim = "groups"                                # a claim of the ID token, or a JSON pointer into it
//! openid-staff = ["telecom-support"]                     # its values that are staff; others are ids of partners
//! openid-name = "Telecom SSO"                            # the issuer's host without it
//! openid-scopes = ["profile", "groups"]                  # ["profile"] without it
//! openid-ca-cert = "sso-ca.crt"                          # the system's authorities without it
//! ```

use super::file::Table;
use super::noted;
use crate::serve;
use martlog_collector::tls::{self, Trust};
use martlog_collector::token::Token;
use martlog_query::openid::{OpenId, Settings, Url};
use std::path::PathBuf;
use std::sync::Arc;

/// The longest name of a provider, characters: it stands on a button.
const NAME_CHARS_MAX: usize = 40;

/// The keys as they are written.
#[derive(Debug, Default)]
pub(super) struct Written {
    issuer: Option<String>,
    page: Option<String>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    claim: Option<String>,
    staff: Option<Vec<String>>,
    name: Option<String>,
    scopes: Option<Vec<String>>,
    ca_cert: Option<PathBuf>,
}

/// Reads the keys out of `[serve]`.
pub(super) fn read(serve: &mut Table<'_>, problems: &mut Vec<String>) -> Written {
    Written {
        issuer: serve.text("openid-issuer", problems),
        page: serve.text("openid-page", problems),
        client_id: serve.text("openid-client-id", problems),
        client_secret_file: serve.path("openid-client-secret-file", problems),
        claim: serve.text("openid-claim", problems),
        staff: serve.texts("openid-staff", problems),
        name: serve.text("openid-name", problems),
        scopes: serve.texts("openid-scopes", problems),
        ca_cert: serve.path("openid-ca-cert", problems),
    }
}

impl Written {
    fn is_empty(&self) -> bool {
        let Self { issuer, page, client_id, client_secret_file, claim, staff, name, scopes, ca_cert } = self;
        let texts = [issuer, page, client_id, claim, name].iter().all(|text| text.is_none());
        texts && client_secret_file.is_none() && ca_cert.is_none() && staff.is_none() && scopes.is_none()
    }
}

/// The provider that is meant; `in_clear` where addresses of other machines may be in clear.
pub(super) fn provider(written: Written, in_clear: bool, problems: &mut Vec<String>) -> Option<OpenId> {
    if written.is_empty() {
        return None;
    }
    let before = problems.len();
    let issuer = written.issuer.as_deref().and_then(|text| noted(url("openid-issuer", text, in_clear), problems));
    let page = written.page.as_deref().and_then(|text| noted(url("openid-page", text, in_clear), problems)).map(folder);
    let missing = [
        (written.issuer.is_none(), "openid-issuer = \"https://…\", the provider's issuer as it says it itself"),
        (written.page.is_none(), "openid-page = \"https://…\", the address under which browsers have the page of this server"),
        (written.client_id.is_none(), "openid-client-id, what the provider calls this server"),
        (written.claim.is_none(), "openid-claim, the claim that says who somebody is: staff, or which partner"),
    ];
    problems.extend(missing.iter().filter(|(is, _)| *is).map(|(_, what)| format!("sign-in through a provider needs {what}")));
    let staff = written.staff.unwrap_or_default();
    let scopes = written.scopes.unwrap_or_else(|| vec!["profile".to_owned()]);
    let name = written.name.or_else(|| issuer.as_ref()?.host_str().map(|host| host.chars().take(NAME_CHARS_MAX).collect()));
    problems.extend(unfit(&staff, &scopes, name.as_deref()));
    let secret = written.client_secret_file.map(|path| Token::other("client secret", &path)).and_then(|read| noted(read, problems));
    let client_secret = secret.map(|secret| Arc::new(move || secret.get()) as Arc<dyn Fn() -> Arc<str> + Send + Sync>);
    let trust = trust(written.issuer.as_deref()?, written.ca_cert, problems);
    let (page, client_id, claim, name, trust) = (page?, written.client_id?, written.claim?, name?, trust?);
    for (key, text) in [("openid-client-id", &client_id), ("openid-claim", &claim)] {
        if text.trim().is_empty() {
            problems.push(format!("{key} is empty: write what the provider knows"));
        }
    }
    let fetch = noted(serve::openid::fetch(trust), problems)?;
    if problems.len() > before {
        return None;
    }
    let settings = Settings { name, issuer: written.issuer?, client_id, client_secret, page, scopes, claim, staff, fetch };
    noted(OpenId::new(settings), problems)
}

/// What is wrong with the lists and the name.
fn unfit(staff: &[String], scopes: &[String], name: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    if staff.iter().any(|value| value.trim().is_empty()) {
        found.push("openid-staff: an empty value would be everybody's without one: leave it out".to_owned());
    }
    if let Some(bad) = scopes.iter().find(|scope| scope.is_empty() || !scope.bytes().all(|byte| byte.is_ascii_graphic())) {
        found.push(format!("openid-scopes: \"{bad}\" is no scope: write each by itself, as in [\"profile\", \"groups\"]"));
    }
    if name.is_some_and(|name| name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control)) {
        found.push(format!("openid-name: write what people call the provider, on one line of at most {NAME_CHARS_MAX} characters"));
    }
    found
}

/// Whose certificate the provider must have.
fn trust(issuer: &str, ca_cert: Option<PathBuf>, problems: &mut Vec<String>) -> Option<Trust> {
    let trust = Trust::of(issuer, &tls::Options { ca_cert, server_name: None });
    noted(trust.map_err(|error| format!("openid-issuer: {}", error.replace("--ca-cert", "openid-ca-cert"))), problems)
}

/// An address that secrets and cookies may go to: over TLS, or on this machine.
fn url(key: &str, text: &str, in_clear: bool) -> Result<Url, String> {
    let bad = |why: &str| format!("{key}: \"{text}\" {why}: write it as https://HOST/PATH");
    let url: Url = text.parse().map_err(|_| bad("is no URL"))?;
    let is_here = url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    });
    match url.scheme() {
        "https" => {}
        "http" if is_here || in_clear => {}
        "http" => return Err(bad("would send sign-ins in clear to another machine")),
        _ => return Err(bad("is no address for browsers")),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("holds more than an address"));
    }
    Ok(url)
}

/// The same as a folder, so that other addresses stand beside the page.
fn folder(mut page: Url) -> Url {
    if !page.path().ends_with('/') {
        let path = format!("{}/", page.path());
        page.set_path(&path);
    }
    page
}
