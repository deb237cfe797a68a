//! Connections to servers that speak HTTP, trusted as the files say now.
//!
//! Invariants: no proxy is taken from the environment; no redirect is followed, for it would carry a secret elsewhere.

use martlog_collector::tls::Trust;
use rustls::ClientConfig;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(crate) struct Connections {
    trust: Trust,
    /// The longest that a server may take to take a connection.
    connect: Duration,
    /// And between two pieces of an answer.
    silence: Duration,
    /// For which trust, and the connections made so.
    held: Mutex<(Arc<ClientConfig>, reqwest::Client)>,
}

impl Connections {
    /// Connects to nothing yet.
    pub(crate) fn new(trust: Trust, connect: Duration, silence: Duration) -> Result<Self, String> {
        let config = trust.config();
        let made = make(&config, connect, silence).map_err(|error| format!("cannot set up the HTTP client: {error}"))?;
        Ok(Self { trust, connect, silence, held: Mutex::new((config, made)) })
    }

    /// The connections, made anew when another authority is trusted: a tail may outlive one.
    pub(crate) fn get(&self) -> reqwest::Client {
        let config = self.trust.config();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&held.0, &config)
            && let Ok(made) = make(&config, self.connect, self.silence)
        {
            *held = (config, made);
        }
        held.1.clone()
    }
}

fn make(config: &Arc<ClientConfig>, connect: Duration, silence: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("martlog/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect)
        .read_timeout(silence)
        .tls_backend_preconfigured((**config).clone())
        .build()
}

/// The innermost error: "connection refused" and not three times "error sending request".
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
