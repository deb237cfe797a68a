//! Tokens: who may do what. The text is told once; what is kept is its SHA-256 and what it grants.

use super::changes::Change;
use super::secret::{self, Digest, Kind};
use super::state::State;
use super::{Registry, RegistryError, Scope, ids};
use crate::catalog::numbers::{damaged, now_ns};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Tokens at most.
pub(super) const TOKENS_MAX: usize = 50_000;
/// Instances that a token names at most.
const TOKEN_INSTANCES_MAX: usize = 1_000;
/// Random characters of a token's id; it is no secret, only unique.
pub(super) const ID_CHARS: usize = 16;
/// The cluster that pushed lines are of: no collector's.
const RESERVED_CLUSTER: &str = "ingest";

/// A token without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Token {
    /// Its id, to show and to revoke it by.
    pub id: Arc<str>,
    /// What it is for.
    pub kind: Kind,
    /// Whose lines it reads or pushes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<Arc<str>>,
    /// The only instances it reaches; absent where it reaches all of the partner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<Arc<BTreeSet<Arc<str>>>>,
    /// The only cluster it sends for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Arc<str>>,
    /// For readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When it was made, ns since the epoch; RFC 3339 in answers.
    #[serde(rename = "created_at", serialize_with = "super::ids::rfc3339")]
    #[schemars(with = "String")]
    pub created_ns: i64,
    /// When it ends, ns since the epoch; RFC 3339 in answers.
    #[serde(rename = "expires_at", serialize_with = "super::ids::rfc3339_option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub expires_ns: Option<i64>,
    /// Whether it was made by a sign-in through a provider: nobody knows its text, and it goes with its session.
    #[serde(rename = "session", skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    pub of_session: bool,
    #[serde(skip)]
    pub(super) digest: Digest,
}

/// A token to be made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub kind: Kind,
    /// For `partner` and `ingest`: whose; may be left out when `instances` are named.
    pub partner: Option<String>,
    /// For `partner` and `ingest`: only these of the partner's instances; all when absent.
    pub instances: Option<Vec<String>>,
    /// For `collector`: the cluster.
    pub cluster: Option<String>,
    /// RFC 3339; never when absent.
    pub expires_at: Option<String>,
    /// For readers.
    pub note: Option<String>,
}

/// A token that was made just now, with its text: the only time that it is seen.
#[derive(Debug, Clone)]
pub struct Minted {
    /// What it grants.
    pub token: Arc<Token>,
    /// The text, for its holder alone.
    pub text: String,
}

impl Token {
    /// Whether it has not expired at this time.
    pub(super) fn holds_at(&self, now_ns: i64) -> bool {
        self.expires_ns.is_none_or(|end| now_ns < end)
    }

    /// Whether whoever keeps its text can still make others: somebody who is signed in can, but for hours only.
    fn rules_at(&self, now_ns: i64) -> bool {
        self.kind == Kind::Staff && !self.of_session && self.holds_at(now_ns)
    }
}

impl Registry {
    /// Makes a token.
    ///
    /// # Errors
    /// When a member is invalid or does not belong to the kind, or the catalog fails.
    pub async fn mint_token(&self, new: NewToken) -> Result<Minted, RegistryError> {
        let now_ns = now_ns();
        let expires_ns = new.expires_at.as_deref().map(|text| expiry(text, now_ns)).transpose()?;
        new.note.iter().try_for_each(|note| ids::text("note", note))?;
        let text = secret::mint(new.kind);
        let token = self
            .change(|state| {
                if state.tokens.len() >= TOKENS_MAX {
                    return Err(RegistryError::full("tokens", TOKENS_MAX));
                }
                let (partner, instances, cluster) = state.grant(&new)?;
                let (id, digest) = (secret::random(ID_CHARS).into(), secret::digest(&text));
                let token = Arc::new(Token {
                    id,
                    kind: new.kind,
                    partner,
                    instances,
                    cluster,
                    note: new.note,
                    created_ns: now_ns,
                    expires_ns,
                    of_session: false,
                    digest,
                });
                Ok((vec![Change::PutToken(Arc::clone(&token))], token))
            })
            .await?;
        Ok(Minted { token, text })
    }

    /// Makes the first staff token and tells its text; `None` when there is a valid one already.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn bootstrap_staff_token(&self) -> Result<Option<String>, RegistryError> {
        self.bootstrap_staff_token_with(|_| Ok(())).await
    }

    /// The same, for a caller that keeps the text where its owner finds it: `keep` runs before the token is valid, so that a
    /// crash between both leaves a useless text, never a valid token that nobody knows.
    ///
    /// # Errors
    /// When the text could not be kept or the catalog fails; then there is no token.
    pub async fn bootstrap_staff_token_with(
        &self,
        keep: impl FnOnce(&str) -> std::io::Result<()>,
    ) -> Result<Option<String>, RegistryError> {
        let (now_ns, text) = (now_ns(), secret::mint(Kind::Staff));
        self.change(|state| {
            if state.tokens.values().any(|token| token.rules_at(now_ns)) {
                return Ok((vec![], None));
            }
            keep(&text)
                .map_err(|error| RegistryError::conflict("not_kept", format!("the first staff token could not be kept: {error}")))?;
            let token = Token {
                id: secret::random(ID_CHARS).into(),
                kind: Kind::Staff,
                partner: None,
                instances: None,
                cluster: None,
                note: Some("made at the first start".to_owned()),
                created_ns: now_ns,
                expires_ns: None,
                of_session: false,
                digest: secret::digest(&text),
            };
            Ok((vec![Change::PutToken(Arc::new(token))], Some(text.clone())))
        })
        .await
    }

    /// Revokes a token: it is refused from now on, and its sessions and open tails end.
    ///
    /// # Errors
    /// When there is none, it is the last one that could make another, or the catalog fails.
    pub async fn revoke_token(&self, id: &str) -> Result<(), RegistryError> {
        let now_ns = now_ns();
        self.change(|state| {
            let there = state.tokens.get(id).ok_or_else(|| RegistryError::absent("token", id))?;
            let other = |token: &Arc<Token>| token.id != there.id && token.rules_at(now_ns);
            if there.rules_at(now_ns) && !state.tokens.values().any(other) {
                let detail = format!("`{id}` is the last staff token, and nobody could make another: make one first");
                return Err(RegistryError::conflict("last_staff_token", detail));
            }
            Ok((vec![Change::RemoveToken(Arc::clone(&there.id))], ()))
        })
        .await
    }

    /// The tokens of the scope, by id: a partner's own; a scope narrowed to instances shows only the token behind it.
    #[must_use]
    pub fn tokens(&self, scope: &Scope) -> Vec<Arc<Token>> {
        self.shared.state.read().tokens.values().filter(|token| shows(scope, token)).cloned().collect()
    }

    /// A token of the scope.
    ///
    /// # Errors
    /// When there is none in the scope.
    pub fn token(&self, scope: &Scope, id: &str) -> Result<Arc<Token>, RegistryError> {
        let token = self.shared.state.read().tokens.get(id).filter(|token| shows(scope, token)).cloned();
        token.ok_or_else(|| RegistryError::absent("token", id))
    }

    /// Whether a token is there and has not expired.
    pub(crate) fn token_holds(&self, id: &str) -> bool {
        let now_ns = now_ns();
        self.own_token(id).is_some_and(|token| token.holds_at(now_ns))
    }

    /// The token with this id, whosever it is, for one who has shown its text.
    pub(crate) fn own_token(&self, id: &str) -> Option<Arc<Token>> {
        self.shared.state.read().tokens.get(id).cloned()
    }
}

fn shows(scope: &Scope, token: &Token) -> bool {
    match scope.partner() {
        None => true,
        Some(_) if scope.instances().is_some() => *token.id == *scope.token,
        Some(own) => token.partner.as_deref() == Some(own),
    }
}

/// The end of a token's life.
fn expiry(text: &str, now_ns: i64) -> Result<i64, RegistryError> {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    let time =
        time.map_err(|_| RegistryError::invalid("expires_at", "must be a time in RFC 3339 with a zone, such as 2027-01-31T00:00:00Z"))?;
    match time.timestamp_nanos_opt() {
        None => Err(RegistryError::invalid("expires_at", "is too far away: leave it out for a token that does not end by itself")),
        Some(end) if end <= now_ns => Err(RegistryError::invalid("expires_at", "lies in the past")),
        Some(end) => Ok(end),
    }
}

/// Partner, instances and cluster of a token.
type Grant = (Option<Arc<str>>, Option<Arc<BTreeSet<Arc<str>>>>, Option<Arc<str>>);

impl State {
    /// What the token will grant: nothing but what is registered, and instances of one partner alone.
    fn grant(&self, new: &NewToken) -> Result<Grant, RegistryError> {
        let unwanted = |field: &str| RegistryError::invalid(field, format!("does not belong to a token of kind {}", new.kind.as_str()));
        match new.kind {
            Kind::Staff | Kind::Collector if new.partner.is_some() => return Err(unwanted("partner")),
            Kind::Staff | Kind::Collector if new.instances.is_some() => return Err(unwanted("instances")),
            Kind::Staff | Kind::Partner | Kind::Ingest if new.cluster.is_some() => return Err(unwanted("cluster")),
            Kind::Staff => return Ok((None, None, None)),
            Kind::Collector => {
                let cluster =
                    new.cluster.as_deref().ok_or_else(|| RegistryError::invalid("cluster", "is missing: name the collector's cluster"))?;
                if cluster == RESERVED_CLUSTER {
                    return Err(RegistryError::invalid("cluster", "is reserved for pushed lines: choose another name"));
                }
                return Ok((None, None, Some(ids::name("cluster", cluster)?)));
            }
            Kind::Partner | Kind::Ingest => {}
        }
        let partner = self.granted_partner(new)?;
        let Some(names) = &new.instances else { return Ok((Some(partner), None, None)) };
        if names.is_empty() || names.len() > TOKEN_INSTANCES_MAX {
            return Err(RegistryError::invalid(
                "instances",
                format!("must name 1 to {TOKEN_INSTANCES_MAX}, or be left out for all of the partner's"),
            ));
        }
        let own = |id: &String| match self.instances.get(id.as_str()) {
            Some(instance) if instance.partner == partner => Ok(Arc::clone(&instance.id)),
            _ => Err(RegistryError::invalid(
                "instances",
                format!("names `{}`, which is no instance of the partner `{partner}`", ids::shown(id)),
            )),
        };
        let instances = names.iter().map(own).collect::<Result<BTreeSet<_>, _>>()?;
        Ok((Some(partner), Some(Arc::new(instances)), None))
    }

    /// The partner that is named, or else the one of the first instance.
    fn granted_partner(&self, new: &NewToken) -> Result<Arc<str>, RegistryError> {
        if let Some(named) = &new.partner {
            let known = self.partners.get(named.as_str()).map(|partner| Arc::clone(&partner.id));
            return known.ok_or_else(|| {
                RegistryError::invalid("partner", format!("names no registered partner: make `{}` first", ids::shown(named)))
            });
        }
        let first = new.instances.iter().flatten().next();
        let first = first.ok_or_else(|| RegistryError::invalid("partner", "is missing: name the partner, or instances of it"))?;
        let instance = self.instances.get(first.as_str());
        instance
            .map(|instance| Arc::clone(&instance.partner))
            .ok_or_else(|| RegistryError::invalid("instances", format!("names `{}`, which is not registered", ids::shown(first))))
    }
}

/// Tokens never change: there is only this one way in which a row is written.
pub(super) async fn put(connection: &mut SqliteConnection, token: &Token) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO tokens (id, digest, kind, partner, cluster, note, created_ns, expires_ns, bound, of_session) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&*token.id)
    .bind(&token.digest[..])
    .bind(token.kind.as_str())
    .bind(token.partner.as_deref())
    .bind(token.cluster.as_deref())
    .bind(&token.note)
    .bind(token.created_ns)
    .bind(token.expires_ns)
    .bind(token.instances.is_some())
    .bind(token.of_session)
    .execute(&mut *connection)
    .await?;
    for instance in token.instances.iter().flat_map(|set| set.iter()) {
        let statement = sqlx::query("INSERT INTO token_instances (token, instance) VALUES (?, ?)");
        statement.bind(&*token.id).bind(&**instance).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn load(connection: &mut SqliteConnection, state: &mut State) -> Result<(), sqlx::Error> {
    let mut bound = std::collections::HashMap::<String, BTreeSet<Arc<str>>>::new();
    for row in sqlx::query("SELECT token, instance FROM token_instances").fetch_all(&mut *connection).await? {
        bound.entry(row.try_get("token")?).or_default().insert(row.try_get::<&str, _>("instance")?.into());
    }
    for row in sqlx::query("SELECT * FROM tokens").fetch_all(connection).await? {
        let (id, kind) = (row.try_get::<&str, _>("id")?, row.try_get::<&str, _>("kind")?);
        let text = |column: &'static str| row.try_get::<Option<&str>, _>(column).map(|text| text.map(Arc::<str>::from));
        let is_bound: bool = row.try_get("bound")?;
        let token = Token {
            kind: Kind::from_word(kind).ok_or_else(|| damaged("kind", std::io::Error::other(format!("`{kind}` is no kind of token"))))?,
            partner: text("partner")?,
            // A bound token whose rows are lost reaches nothing, never everything.
            instances: is_bound.then(|| Arc::new(bound.remove(id).unwrap_or_default())),
            cluster: text("cluster")?,
            note: row.try_get("note")?,
            created_ns: row.try_get("created_ns")?,
            expires_ns: row.try_get("expires_ns")?,
            of_session: row.try_get("of_session")?,
            digest: row.try_get::<&[u8], _>("digest")?.try_into().map_err(|error| damaged("digest", error))?,
            id: id.into(),
        };
        state.apply(Change::PutToken(Arc::new(token)));
    }
    Ok(())
}
