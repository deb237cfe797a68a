//! What one token may take: questions a second, and searches and tails at once. So one program in a loop keeps no other reader waiting.
//!
//! A question takes one from the token's *bucket*, which fills again at [`Quota::per_second`] up to [`Quota::burst`]; an empty one is answered 429 with the time until there is one
//! more. Invariants: a token is never told of another one; what is remembered is bounded in tokens, and a token that is forgotten begins with a full bucket, which is what it
//! would have: the one that was silent longest goes first.

use martlog_indexer::doors::problem::Problem;
use martlog_indexer::registry::Scope;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tokens that are remembered.
const TOKENS_MAX: usize = 10_000;

/// The bounds of each token.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Questions a second, for long.
    pub per_second: u32,
    /// Questions at once, after a silence.
    pub burst: u32,
    /// Searches and other questions at once.
    pub searches_max: usize,
    /// Tails at once.
    pub tails_max: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self { per_second: 200, burst: 2_000, searches_max: 16, tails_max: 64 }
    }
}

/// What runs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A search or another question.
    Search,
    /// A tail.
    Tail,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Quotas {
    quota: Quota,
    tokens: Mutex<HashMap<String, Token>>,
}

/// What a token has taken.
#[derive(Debug)]
struct Token {
    /// Questions that it may ask now, as of `at`.
    left: f64,
    at: Instant,
    searches: usize,
    tails: usize,
}

/// Something of a token's that runs, until this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    quotas: Arc<Quotas>,
    token: String,
    kind: Kind,
}

impl Quotas {
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, tokens: Mutex::default() }
    }

    /// Takes one question and one place of what the scope's token may have.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub(super) fn take(self: &Arc<Self>, scope: &Scope, kind: Kind, now: Instant) -> Result<Running, Problem> {
        let quota = self.quota;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        forget_one(&mut tokens, scope.token_id());
        let token = tokens.entry(scope.token_id().to_owned()).or_insert_with(|| Token::new(quota, now));
        token.fill(quota, now);
        if token.left < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - token.left) / f64::from(quota.per_second.max(1)));
            let detail = format!("this token has asked more than {} questions a second for a while: ask less often", quota.per_second);
            return Err(Problem::new(429, "over_rate", "Too many questions", detail).retry_after(wait));
        }
        let (running, most, what) = match kind {
            Kind::Search => (&mut token.searches, quota.searches_max, "searches"),
            Kind::Tail => (&mut token.tails, quota.tails_max, "tails"),
        };
        if *running >= most {
            let detail = format!("{most} {what} of this token are running, and no more run at once: wait for one of them to end");
            return Err(Problem::new(429, "over_share", "Too many at once", detail).retry_after(Duration::from_secs(1)));
        }
        *running += 1;
        token.left -= 1.0;
        drop(tokens);
        Ok(Running { quotas: Arc::clone(self), token: scope.token_id().to_owned(), kind })
    }
}

/// Makes room for a token that is not known; one of which something runs stays.
fn forget_one(tokens: &mut HashMap<String, Token>, wanted: &str) {
    if tokens.len() < TOKENS_MAX || tokens.contains_key(wanted) {
        return;
    }
    let idle = tokens.iter().filter(|(_, token)| token.searches == 0 && token.tails == 0);
    if let Some(silent) = idle.min_by_key(|(_, token)| token.at).map(|(id, _)| id.clone()) {
        tokens.remove(&silent);
    }
}

impl Token {
    fn new(quota: Quota, now: Instant) -> Self {
        Self { left: f64::from(quota.burst), at: now, searches: 0, tails: 0 }
    }

    fn fill(&mut self, quota: Quota, now: Instant) {
        let come = now.saturating_duration_since(self.at).as_secs_f64() * f64::from(quota.per_second);
        self.left = (self.left + come).min(f64::from(quota.burst));
        self.at = self.at.max(now);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut tokens = self.quotas.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = tokens.get_mut(&self.token) {
            let running = if self.kind == Kind::Search { &mut token.searches } else { &mut token.tails };
            *running = running.saturating_sub(1);
        }
    }
}
