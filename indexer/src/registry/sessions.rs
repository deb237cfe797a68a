//! Sessions: browsers that are signed in. The cookie holds a random text of its own, bound to a token: revoking the token ends it,
//! and the token itself is never in the browser's keeping.

use super::changes::Change;
use super::secret::{self, Digest};
use super::state::State;
use super::{Principal, Registry, RegistryError, Scope};
use crate::catalog::numbers::{damaged, now_ns};
use sqlx::{Row as _, SqliteConnection};
use std::sync::Arc;
use std::time::Duration;

/// How long a session lasts: a working day.
pub const SESSION_AGE_MAX: Duration = Duration::from_secs(12 * 3600);
/// Sessions of one token at once; the one that ends first makes room.
const SESSIONS_A_TOKEN: usize = 50;

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) digest: Digest,
    pub(super) token: Arc<str>,
    pub(super) expires_ns: i64,
}

/// A browser that has signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// What the cookie holds: told once.
    pub text: String,
    /// When it ends, ns since the epoch.
    pub expires_ns: i64,
}

impl Registry {
    /// Signs a browser in with the token behind this scope.
    ///
    /// # Errors
    /// When the token was revoked meanwhile, or the catalog fails.
    pub async fn sign_in(&self, scope: &Scope) -> Result<SignedIn, RegistryError> {
        let now_ns = now_ns();
        let text = secret::mint_session();
        let expires_ns = self
            .change(|state| {
                let token = state.tokens.get(&scope.token).filter(|token| token.holds_at(now_ns));
                let token = token.ok_or_else(|| RegistryError::absent("token", &scope.token))?;
                let age = i64::try_from(SESSION_AGE_MAX.as_nanos()).unwrap_or(i64::MAX);
                let expires_ns = now_ns.saturating_add(age).min(token.expires_ns.unwrap_or(i64::MAX));
                let session = Session { digest: secret::digest(&text), token: Arc::clone(&token.id), expires_ns };
                let mut changes = state.outworn_sessions(&token.id, now_ns);
                changes.push(Change::PutSession(Arc::new(session)));
                Ok((changes, expires_ns))
            })
            .await?;
        Ok(SignedIn { text, expires_ns })
    }

    /// Who a browser is, and when its session ends (ns since the epoch); `None` when it is not signed in, or no more.
    #[must_use]
    pub fn session(&self, text: &str) -> Option<(Principal, i64)> {
        self.session_at(text, now_ns())
    }

    pub(super) fn session_at(&self, text: &str, now_ns: i64) -> Option<(Principal, i64)> {
        let digest = secret::parse_session(text)?;
        let state = self.shared.state.read();
        let session = state.sessions.get(&digest).filter(|session| now_ns < session.expires_ns)?;
        let principal = state.principal(state.tokens.get(&session.token)?, now_ns)?;
        Some((principal, session.expires_ns))
    }

    /// Signs a browser out; one that is not signed in is fine. Of a sign-in through a provider the token goes too.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn sign_out(&self, text: &str) -> Result<(), RegistryError> {
        let Some(digest) = secret::parse_session(text) else { return Ok(()) };
        self.change(|state| {
            let Some(session) = state.sessions.get(&digest) else { return Ok((vec![], ())) };
            let own = state.tokens.get(&session.token).filter(|token| token.of_session);
            let change = own.map_or(Change::RemoveSession(digest), |token| Change::RemoveToken(Arc::clone(&token.id)));
            Ok((vec![change], ()))
        })
        .await
    }
}

impl State {
    /// The removal of the sessions that have ended, and of those of the token that must make room for one more.
    fn outworn_sessions(&self, token: &str, now_ns: i64) -> Vec<Change> {
        let (live, ended): (Vec<_>, Vec<_>) = self.sessions.values().partition(|session| now_ns < session.expires_ns);
        let mut own: Vec<_> = live.into_iter().filter(|session| *session.token == *token).collect();
        own.sort_by_key(|session| session.expires_ns);
        let over = (own.len() + 1).saturating_sub(SESSIONS_A_TOKEN);
        ended.into_iter().chain(own.into_iter().take(over)).map(|session| Change::RemoveSession(session.digest)).collect()
    }
}

pub(super) async fn put(connection: &mut SqliteConnection, session: &Session) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO sessions (digest, token, expires_ns) VALUES (?, ?, ?)")
        .bind(&session.digest[..])
        .bind(&*session.token)
        .bind(session.expires_ns)
        .execute(connection)
        .await
        .map(drop)
}

pub(super) async fn remove(connection: &mut SqliteConnection, digest: &Digest) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM sessions WHERE digest = ?").bind(&digest[..]).execute(connection).await.map(drop)
}

pub(super) async fn load(connection: &mut SqliteConnection, state: &mut State) -> Result<(), sqlx::Error> {
    for row in sqlx::query("SELECT * FROM sessions").fetch_all(connection).await? {
        let session = Session {
            digest: row.try_get::<&[u8], _>("digest")?.try_into().map_err(|error| damaged("digest", error))?,
            token: row.try_get::<&str, _>("token")?.into(),
            expires_ns: row.try_get("expires_ns")?,
        };
        state.apply(Change::PutSession(Arc::new(session)));
    }
    Ok(())
}
