//! From where a request came, for the records of who asked what.
//!
//! A sender may name its request by `X-Request-Id` (1 to 64 letters, digits, `-`, `_` and `.`); else it gets a random name.

use super::problem::REQUEST_ID;
use crate::audit::Asker;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::net::IpAddr;

/// The longest name of a request, bytes.
const NAME_BYTES_MAX: usize = 64;

/// The peer's address, put beside a request by whoever accepted the connection.
#[derive(Debug, Clone, Copy)]
pub struct Remote(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let remote = parts.extensions.get::<Remote>().map(|remote| remote.0);
        let named = parts.headers.get(&REQUEST_ID).and_then(|name| name.to_str().ok()).filter(|name| is_name(name));
        let request_id = named.map_or_else(|| format!("{:016x}", rand::random::<u64>()), str::to_owned);
        Ok(Self { remote, request_id })
    }
}

fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_has_the_name_that_its_sender_gave_if_it_is_one() {
        let name = async |given: &str| {
            let request = axum::http::Request::builder().header("x-request-id", given).body(()).unwrap();
            let mut parts = request.into_parts().0;
            parts.extensions.insert(Remote([127, 0, 0, 1].into()));
            let asker = Asker::from_request_parts(&mut parts, &()).await.unwrap();
            assert_eq!(asker.remote, Some([127, 0, 0, 1].into()));
            asker.request_id
        };
        assert_eq!(name("a-1.B_2").await, "a-1.B_2");
        for bad in ["", "a b", &"x".repeat(65), "é"] {
            assert_eq!(name(bad).await.len(), 16, "{bad}");
        }
    }
}
