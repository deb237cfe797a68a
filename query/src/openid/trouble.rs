//! Why nobody is signed in: a code that the page has a sentence for, and what the server's log says for its operator.

use std::fmt;

/// See the module. The text says what happened at the provider; it is for the log, never for the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The provider cannot be reached, or says that it cannot now.
    Unreachable(String),
    /// What the provider said cannot be believed.
    Untrusted(String),
    /// The sign-in is too old, was used, or is another browser's.
    Stale(String),
    /// Nobody was signed in there: refused, or given up.
    Denied(String),
    /// The provider does not take this server for the client that it says it is.
    Misconfigured(String),
    /// The provider knows them, and here nobody is registered for what it says.
    Unknown(String),
    /// What the provider says is true of several partners.
    Ambiguous(String),
    /// The server cannot keep the sign-in now.
    Unkept(String),
}

impl Trouble {
    /// The code by which the page knows it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Untrusted(_) => "untrusted",
            Self::Stale(_) => "stale",
            Self::Denied(_) => "denied",
            Self::Misconfigured(_) => "misconfigured",
            Self::Unknown(_) => "unknown",
            Self::Ambiguous(_) => "ambiguous",
            Self::Unkept(_) => "unkept",
        }
    }

    /// Whether the operator has to do something.
    #[must_use]
    pub const fn concerns_operator(&self) -> bool {
        !matches!(self, Self::Stale(_) | Self::Denied(_))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreachable(told)
        | Self::Untrusted(told)
        | Self::Stale(told)
        | Self::Denied(told)
        | Self::Misconfigured(told)
        | Self::Unknown(told)
        | Self::Ambiguous(told)
        | Self::Unkept(told)) = self;
        formatter.write_str(told)
    }
}
