//! The token that is sent along: given, or in a file that may be replaced at any time.
//!
//! Invariant: it is in no log, no error and no `Debug` output.

use crate::fresh::Fresh;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone)]
pub struct Token(Arc<Fresh<Arc<str>>>);

impl Token {
    /// One that never changes.
    #[must_use]
    pub fn given(text: &str) -> Self {
        Self(Arc::new(Fresh::fixed(text.into())))
    }

    /// The one in a file, whitespace around it left aside; read again when the file changes.
    ///
    /// # Errors
    /// A sentence that names the file, when it cannot be read or does not hold one token.
    pub fn file(path: &Path) -> Result<Self, String> {
        Self::secret("token", "token (mart_…)", path)
    }

    /// Another secret that is kept in the same way, such as a `what` that somebody else gave.
    ///
    /// # Errors
    /// As of [`Self::file`].
    pub fn other(what: &'static str, path: &Path) -> Result<Self, String> {
        Self::secret(what, what, path)
    }

    fn secret(what: &'static str, form: &'static str, path: &Path) -> Result<Self, String> {
        let named: PathBuf = path.to_owned();
        let fresh = Fresh::read(vec![path.to_owned()], move |contents| {
            let text = contents.first().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default().trim();
            if text.is_empty() || text.len() > TOKEN_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("the {what} file {} does not hold one {form} and nothing else", named.display()));
            }
            Ok(text.into())
        })?;
        Ok(Self(Arc::new(fresh)))
    }

    /// As it is now.
    #[must_use]
    pub fn get(&self) -> Arc<str> {
        self.0.get()
    }
}

/// A token is some 60 bytes.
const TOKEN_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_holds_one_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, " mart_staff_abc_1\n").unwrap();
        let token = Token::file(&path).unwrap();
        assert_eq!(&*token.get(), "mart_staff_abc_1");
        assert!(!format!("{token:?}").contains("abc"));
        for bad in [&b""[..], b"\n", b"two tokens", b"\xff", &[b'x'; 5000]] {
            std::fs::write(&path, bad).unwrap();
            assert!(Token::file(&path).unwrap_err().contains("does not hold one token"));
        }
        assert!(Token::file(&folder.path().join("absent")).unwrap_err().starts_with("cannot read the file"));
    }
}
