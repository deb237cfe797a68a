//! Sign-ins that wait for their browsers: each for [`AGE_MAX`] at most, [`WAITING_MAX`] at once, of which the oldest makes room.
//!
//! Invariants: a sign-in is taken once, by the browser that began it: another one that has come by the state neither gets it nor ends it. Of a browser's cookie the SHA-256 alone is kept.
//! Whoever begins many pushes out the oldest, so one that is pushed out before a person could type a password needs hundreds of others a second; what they take is bounded by the longest view.

use openidconnect::{Nonce, PkceCodeVerifier};
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a browser may be at the provider: a second factor that has to be found included.
pub(super) const AGE_MAX: Duration = Duration::from_secs(600);
/// Sign-ins at once.
pub(super) const WAITING_MAX: usize = 4_096;
/// Characters of a browser's cookie: 190 bits.
const BROWSER_CHARS: usize = 32;

/// What one needs to end.
pub(super) struct WaitingSignIn {
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
    pub(super) to: String,
}

/// See the module.
#[derive(Default)]
pub(super) struct Waiting {
    by_state: HashMap<String, (Instant, [u8; 32], WaitingSignIn)>,
    /// States in the order in which they began; some of them are taken already. No longer than [`WAITING_MAX`].
    order: VecDeque<String>,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Waiting").field("sign_ins", &self.by_state.len()).finish_non_exhaustive()
    }
}

impl Waiting {
    /// One more waits.
    pub(super) fn put(&mut self, state: &str, browser: &str, sign_in: WaitingSignIn, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let waits = self.by_state.get(oldest).is_some_and(|(since, _, _)| now.duration_since(*since) < AGE_MAX);
            if waits && self.order.len() < WAITING_MAX {
                break;
            }
            self.by_state.remove(oldest);
            self.order.pop_front();
        }
        self.order.push_back(state.to_owned());
        self.by_state.insert(state.to_owned(), (now, digest(browser), sign_in));
    }

    /// The one of this state, if this browser began it and it is not too old.
    pub(super) fn take(&mut self, state: &str, browser: &str, now: Instant) -> Option<WaitingSignIn> {
        let (since, began_by, _) = self.by_state.get(state)?;
        if now.duration_since(*since) >= AGE_MAX || *began_by != digest(browser) {
            return None;
        }
        self.by_state.remove(state).map(|(_, _, sign_in)| sign_in)
    }
}

/// What a browser's cookie shall hold.
pub(super) fn new_browser() -> String {
    rand::rng().sample_iter(Alphanumeric).take(BROWSER_CHARS).map(char::from).collect()
}

/// Whether a cookie holds what one of ours would.
pub(super) fn is_browser(text: &str) -> bool {
    text.len() == BROWSER_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn digest(browser: &str) -> [u8; 32] {
    Sha256::digest(browser.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(to: &str) -> WaitingSignIn {
        WaitingSignIn { nonce: Nonce::new("n".to_owned()), verifier: PkceCodeVerifier::new("v".to_owned()), to: to.to_owned() }
    }

    #[test]
    fn one_is_taken_once_by_the_browser_that_began_it() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.put("s1", "alice", sign_in("?q=a"), now);
        waiting.put("s2", "alice", sign_in("?q=b"), now);
        assert!(waiting.take("s1", "mallory", now).is_none() && waiting.take("s3", "alice", now).is_none());
        assert_eq!(waiting.take("s2", "alice", now).map(|sign_in| sign_in.to).as_deref(), Some("?q=b"), "two tabs of one browser");
        assert_eq!(waiting.take("s1", "alice", now).map(|sign_in| sign_in.to).as_deref(), Some("?q=a"));
        assert!(waiting.take("s1", "alice", now).is_none());
    }

    #[test]
    fn one_that_is_too_old_is_gone() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.put("s1", "alice", sign_in(""), now);
        assert!(waiting.take("s1", "alice", now + AGE_MAX).is_none());
        waiting.put("s2", "alice", sign_in(""), now + AGE_MAX);
        assert_eq!((waiting.by_state.len(), waiting.order.len()), (1, 1));
    }

    #[test]
    fn the_oldest_makes_room_and_what_was_taken_takes_none() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        for number in 0..WAITING_MAX * 3 {
            waiting.put(&number.to_string(), "alice", sign_in(""), now);
            if number % 2 == 0 {
                assert!(waiting.take(&number.to_string(), "alice", now).is_some());
            }
            assert!(waiting.order.len() <= WAITING_MAX && waiting.by_state.len() <= WAITING_MAX);
        }
        assert!(waiting.take("1", "alice", now).is_none());
        assert!(waiting.take(&(WAITING_MAX * 3 - 1).to_string(), "alice", now).is_some());
    }

    #[test]
    fn a_browser_s_cookie_is_told_from_others() {
        let own = new_browser();
        assert!(is_browser(&own) && own != new_browser());
        for bad in ["", "x", &own[1..], &format!("{}é", &own[2..]), &format!("{};", &own[1..])] {
            assert!(!is_browser(bad), "{bad}");
        }
    }
}
