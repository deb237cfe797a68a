//! People: browsers that are signed in because a provider says who sits before them, not because somebody has a token.
//!
//! What they may do is still said by a token, so that scopes, quotas, records and revocation know one thing alone: each sign-in makes one, whose text nobody has ever seen. It goes with
//! its session: with signing out, when it expires, and when one more would be too many.

use super::changes::Change;
use super::secret::{self, Kind};
use super::sessions::{SESSION_AGE_MAX, Session};
use super::state::State;
use super::tokens::{ID_CHARS, TOKENS_MAX, Token};
use super::{Principal, Registry, RegistryError, Scope, SignedIn, ids};
use crate::catalog::numbers::now_ns;
use std::sync::Arc;

/// Sign-ins of one person at once; the one that ends first makes room.
const SIGN_INS_OF_ONE: usize = 50;
/// Sign-ins of all people at once: the other tokens keep their room.
pub(super) const SIGN_INS_MAX: usize = TOKENS_MAX / 5;

/// Somebody whom a provider knows.
#[derive(Debug, Clone)]
pub struct Person {
    /// Whose lines they read: a partner's id; `None` for staff, who read all.
    pub partner: Option<String>,
    /// Who they are and who says so, for lists of tokens and records of who asked what; the same for the same person. At most 500 bytes, one line.
    pub name: String,
}

impl Registry {
    /// Signs a browser in as this person, with a token of its own that ends with the session.
    ///
    /// # Errors
    /// When there is no such partner, the name is none, too many people are signed in, or the catalog fails.
    pub async fn sign_in_person(&self, person: Person) -> Result<(SignedIn, Scope), RegistryError> {
        ids::text("name", &person.name)?;
        let (now_ns, text) = (now_ns(), secret::mint_session());
        let age = i64::try_from(SESSION_AGE_MAX.as_nanos()).unwrap_or(i64::MAX);
        let expires_ns = now_ns.saturating_add(age);
        let token = self
            .change(|state| {
                let mut changes = state.outworn_people(&person.name, now_ns);
                let signed_in = state.tokens.values().filter(|token| token.of_session).count();
                if signed_in.saturating_sub(changes.len()) >= SIGN_INS_MAX {
                    return Err(RegistryError::full("sign-ins", SIGN_INS_MAX));
                }
                let token = Arc::new(state.token_of(&person, now_ns, expires_ns)?);
                changes.push(Change::PutToken(Arc::clone(&token)));
                let session = Session { digest: secret::digest(&text), token: Arc::clone(&token.id), expires_ns };
                changes.push(Change::PutSession(Arc::new(session)));
                Ok((changes, token))
            })
            .await?;
        let principal = self.shared.state.read().principal(&token, now_ns);
        // A token that was made as one of these two kinds is a reader's.
        let Some(Principal::Reader(scope)) = principal else { return Err(RegistryError::absent("token", &token.id)) };
        Ok((SignedIn { text, expires_ns }, scope))
    }

    /// Removes the tokens of sign-ins that have expired.
    ///
    /// # Errors
    /// When the catalog fails.
    pub(crate) async fn remove_ended_people(&self) -> Result<(), RegistryError> {
        let now_ns = now_ns();
        self.change(|state| Ok((state.ended_people(now_ns).map(removed).collect(), ()))).await
    }
}

impl State {
    fn ended_people(&self, now_ns: i64) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.values().filter(move |token| token.of_session && !token.holds_at(now_ns))
    }

    /// The removal of what has ended, and of what must make room for one more sign-in of this person.
    fn outworn_people(&self, name: &str, now_ns: i64) -> Vec<Change> {
        let is_own = |token: &&Arc<Token>| token.of_session && token.holds_at(now_ns) && token.note.as_deref() == Some(name);
        let mut own: Vec<_> = self.tokens.values().filter(is_own).collect();
        own.sort_by_key(|token| token.expires_ns);
        let over = (own.len() + 1).saturating_sub(SIGN_INS_OF_ONE);
        self.ended_people(now_ns).chain(own.into_iter().take(over)).map(removed).collect()
    }

    /// A token that nobody has the text of.
    fn token_of(&self, person: &Person, now_ns: i64, expires_ns: i64) -> Result<Token, RegistryError> {
        let partner = person.partner.as_deref().map(|id| {
            let partner = self.partners.get(id).ok_or_else(|| RegistryError::absent("partner", id))?;
            Ok::<_, RegistryError>(Arc::clone(&partner.id))
        });
        let partner = partner.transpose()?;
        let kind = if partner.is_some() { Kind::Partner } else { Kind::Staff };
        Ok(Token {
            id: secret::random(ID_CHARS).into(),
            kind,
            partner,
            instances: None,
            cluster: None,
            note: Some(person.name.clone()),
            created_ns: now_ns,
            expires_ns: Some(expires_ns),
            of_session: true,
            digest: secret::digest(&secret::mint(kind)),
        })
    }
}

fn removed(token: &Arc<Token>) -> Change {
    Change::RemoveToken(Arc::clone(&token.id))
}
