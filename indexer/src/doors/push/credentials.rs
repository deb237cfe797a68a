//! The token of a client that speaks a protocol of its own: where that protocol puts credentials, the token stands.
//!
//! | header | the token is |
//! |---|---|
//! | `Authorization: Bearer TOKEN` | as it is |
//! | `Authorization: Basic BASE64(USER:TOKEN)` | the password; the user says nothing |
//! | `Authorization: ApiKey BASE64(ID:TOKEN)` (Elasticsearch) | the key; the id says nothing |

use super::super::auth::{Ingest, bearer, reader, unauthenticated};
use super::super::problem::Problem;
use crate::Indexer;
use crate::registry::{Principal, Scope};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest credentials that are decoded, bytes.
const CREDENTIALS_BYTES_MAX: usize = 1 << 10;

/// Who pushes.
pub(in super::super) fn ingest(indexer: &Indexer, headers: &HeaderMap) -> Result<Ingest, Problem> {
    match principal(indexer, headers)? {
        Principal::Ingest { token, instances, .. } => Ok(Ingest { token, instances }),
        Principal::Reader(_) | Principal::Collector { .. } => {
            Err(Problem::forbidden("only ingest tokens may push lines: use an ingest token"))
        }
    }
}

/// The scope of who reads by a protocol that is not the own API's. A browser's cookie is none of its credentials: another site's page could send it.
///
/// # Errors
/// 401 without a valid token, 403 for tokens that only write.
pub fn client_scope(indexer: &Indexer, headers: &HeaderMap) -> Result<Scope, Problem> {
    reader(principal(indexer, headers)?)
}

fn principal(indexer: &Indexer, headers: &HeaderMap) -> Result<Principal, Problem> {
    let principal = match bearer(headers) {
        Some(token) => indexer.registry().authenticate(token),
        None => encoded(headers).and_then(|token| indexer.registry().authenticate(&token)),
    };
    principal.ok_or_else(unauthenticated)
}

fn encoded(headers: &HeaderMap) -> Option<String> {
    let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("basic") || scheme.eq_ignore_ascii_case("apikey");
    if !known || credentials.len() > CREDENTIALS_BYTES_MAX {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    pair.split_once(':').map(|(_, token)| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        encoded(&headers)
    }

    #[test]
    fn the_token_is_behind_the_colon() {
        let pair = STANDARD.encode("anybody:mart_ingest_x:y");
        assert_eq!(token(&format!("Basic {pair}")).as_deref(), Some("mart_ingest_x:y"));
        assert_eq!(token(&format!("ApiKey {pair}")).as_deref(), Some("mart_ingest_x:y"));
        for bad in [
            "Basic",
            "Basic !!",
            "Digest eDp5",
            &format!("Basic {}", STANDARD.encode("nocolon")),
            &format!("Basic {}", STANDARD.encode([0xff, b':'])),
        ] {
            assert_eq!(token(bad), None, "{bad}");
        }
        assert_eq!(token(&format!("Basic {}", STANDARD.encode(format!("u:{}", "x".repeat(2_000))))), None);
    }
}
