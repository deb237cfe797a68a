//! Secrets: the text of a token or of a browser's session, seen once by its holder and kept as a SHA-256 alone.
//!
//! ```text
//! token   = "mart_" kind "_" random "_" crc       kind = staff | partner | ingest | collector
//! random  = 40 base62 characters (238 bits)       crc  = CRC-32 of all before its "_", as 6 base62 digits
//! link    = "mart_excerpt_" random "_" crc                opens one excerpt; no token
//! session = "sess_" random
//! ```
//!
//! The prefix and the checksum let secret scanners find a leaked token without false alarms, and let the server refuse a mistyped one
//! without a look-up. A CRC-32 finds every change of one character.

use rand::RngExt as _;
use rand::distr::Alphanumeric;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What is kept of a secret: its SHA-256. The secrets have 238 random bits, so a slow hash would add nothing.
pub(super) type Digest = [u8; 32];

/// The word of links where tokens have their kind.
const LINK: &str = "excerpt";
const BRAND: &str = "mart";
const SESSION_PREFIX: &str = "sess_";
const RANDOM_CHARS: usize = 40;
const CRC_CHARS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The kind of a token: what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "TokenKind")]
pub enum Kind {
    /// Reads everything and writes the registry.
    Staff,
    /// Reads what is one partner's.
    Partner,
    /// Pushes lines of a partner's instances.
    Ingest,
    /// Sends what the nodes of one cluster log.
    Collector,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Staff, Self::Partner, Self::Ingest, Self::Collector];

    /// The word in tokens and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Partner => "partner",
            Self::Ingest => "ingest",
            Self::Collector => "collector",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A new token.
pub(super) fn mint(kind: Kind) -> String {
    let body = format!("{BRAND}_{}_{}", kind.as_str(), random(RANDOM_CHARS));
    let crc = checksum(&body);
    format!("{body}_{crc}")
}

/// The kind and digest of a token's text; `None` when it has not the form of one or its checksum is wrong.
pub(super) fn parse(text: &str) -> Option<(Kind, Digest)> {
    let (body, crc) = text.rsplit_once('_')?;
    let mut pieces = body.split('_');
    let (brand, kind, random) = (pieces.next()?, Kind::from_word(pieces.next()?)?, pieces.next()?);
    let formed = brand == BRAND && is_random(random) && pieces.next().is_none() && checksum(body) == crc;
    formed.then(|| (kind, digest(text)))
}

/// What is kept of the secret of an excerpt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(Digest);

impl Link {
    /// A new secret, and what is kept of it.
    pub(crate) fn mint() -> (String, Self) {
        let body = format!("{BRAND}_{LINK}_{}", random(RANDOM_CHARS));
        let text = format!("{body}_{}", checksum(&body));
        let link = Self(digest(&text));
        (text, link)
    }

    /// What is kept of this secret; `None` when it has not the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (body, crc) = text.rsplit_once('_')?;
        let random = body.strip_prefix(BRAND)?.strip_prefix('_')?.strip_prefix(LINK)?.strip_prefix('_')?;
        (is_random(random) && checksum(body) == crc).then(|| Self(digest(text)))
    }

    pub(crate) fn digest(&self) -> &[u8] {
        &self.0
    }
}

/// A new session.
pub(super) fn mint_session() -> String {
    format!("{SESSION_PREFIX}{}", random(RANDOM_CHARS))
}

/// The digest of a session's text; `None` when it has not the form of one.
pub(super) fn parse_session(text: &str) -> Option<Digest> {
    text.strip_prefix(SESSION_PREFIX).filter(|rest| is_random(rest)).map(|_| digest(text))
}

/// A short random id that is no secret.
pub(super) fn random(chars: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(chars).map(char::from).collect()
}

pub(super) fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

fn is_random(text: &str) -> bool {
    text.len() == RANDOM_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The CRC-32 of the text in base 62, most significant digit first.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut digits = ['0'; CRC_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(DIGITS[rest % DIGITS.len()]);
        rest /= DIGITS.len();
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_minted_token_is_read_back_as_its_kind() {
        for kind in Kind::ALL {
            let text = mint(kind);
            assert_eq!(parse(&text), Some((kind, digest(&text))), "{text}");
            assert!(text.starts_with(&format!("mart_{}_", kind.as_str())));
        }
        assert_ne!(mint(Kind::Staff), mint(Kind::Staff));
    }

    /// The form is a promise to secret scanners: this one was made by the first version and must be read for ever.
    #[test]
    fn the_form_of_a_token_stays() {
        let body = "mart_partner_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd";
        assert_eq!(checksum(body), "2DPHib");
        assert!(parse(&format!("{body}_2DPHib")).is_some());
    }

    #[test]
    fn a_session_is_no_token_and_a_token_no_session() {
        assert_eq!(parse(&mint_session()), None);
        assert_eq!(parse_session(&mint(Kind::Staff)), None);
        let session = mint_session();
        assert_eq!(parse_session(&session), Some(digest(&session)));
    }

    #[test]
    fn a_link_is_no_token_and_a_token_no_link() {
        let (text, link) = Link::mint();
        assert_eq!((Link::parse(&text), parse(&text), parse_session(&text)), (Some(link), None, None));
        assert_eq!(Link::parse(&mint(Kind::Partner)), None);
        let changed = if text.ends_with('x') { 'y' } else { 'x' };
        assert_eq!(Link::parse(&format!("{}{changed}", &text[..text.len() - 1])), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".*", piece in "mart_(staff|partner|x)?_[0-9A-Za-z_é]{0,50}_[0-9A-Za-z]{0,8}") {
            let _ = (parse(&text), parse(&piece), parse_session(&text));
        }

        #[test]
        fn every_change_of_one_character_is_found(at in any::<prop::sample::Index>(), to in "[ -~]", kind in prop::sample::select(Kind::ALL.to_vec())) {
            let text = mint(kind);
            let at = at.index(text.len());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assert!(changed == text || parse(&changed).is_none(), "{}", changed);
        }

        #[test]
        fn every_swap_of_neighbours_is_found(at in 0_usize..50, kind in prop::sample::select(Kind::ALL.to_vec())) {
            let text = mint(kind);
            let mut bytes = text.clone().into_bytes();
            bytes.swap(at, at + 1);
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert!(changed == text || parse(&changed).is_none(), "{}", changed);
        }
    }
}
