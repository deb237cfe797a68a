//! Why the registry did not do what it was asked; each text says what to do.

use crate::catalog::CatalogError;

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A member of the request cannot be taken.
    #[error("`{field}` {reason}")]
    Invalid {
        /// The member, as a dotted path.
        field: String,
        /// What is wrong and what would be right; completes "`field` …".
        reason: String,
    },
    /// There is no such thing, or it is not the caller's: one answer for both.
    #[error("there is no {what} `{id}`")]
    Absent {
        /// `partner`, `module`, `instance`, `token` or `pod`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// It contradicts what is there.
    #[error("{detail}")]
    Conflict {
        /// A stable code.
        code: &'static str,
        /// What it contradicts and what to do.
        detail: String,
    },
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl RegistryError {
    pub(super) fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.to_owned(), reason: reason.into() }
    }

    pub(super) fn absent(what: &'static str, id: &str) -> Self {
        Self::Absent { what, id: super::ids::shown(id) }
    }

    pub(super) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    /// Something with this id is there already and differs in these members.
    pub(super) fn exists(what: &'static str, id: &str, differs: &[&str]) -> Self {
        let detail = format!("the {what} `{id}` exists with another {}: change it with PATCH, or choose another id", differs.join(" and "));
        Self::conflict("exists", detail)
    }

    /// There is no room for more.
    pub(super) fn full(what: &'static str, limit: usize) -> Self {
        Self::conflict("full", format!("there are {limit} {what}, the most that are kept: remove those that are not used any more"))
    }

    /// Something cannot be removed while others depend on it.
    pub(super) fn in_use(what: &'static str, id: &str, users: &'static str, names: &[&str]) -> Self {
        const NAMED_MAX: usize = 5;
        let mut list = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        if names.len() > NAMED_MAX {
            list += &format!(" and {} more", names.len() - NAMED_MAX);
        }
        Self::conflict("in_use", format!("the {what} `{id}` still has {users}: {list}; remove them first"))
    }
}
