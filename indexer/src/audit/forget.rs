//! What erasures take out of the records.
//!
//! A partner's own records go with it, as do its counts in those of staff; texts of staff that name something of it lose the text. An account's erasure takes away every text that has
//! its id in it, whoever asked; that somebody asked, when and how much, stays.

use super::{Audit, Record};
use crate::catalog::CatalogError;
use martlog_formats::words;

/// Letters and digits from which an id is looked for also within longer ones: a text too few is worse than one too many.
const WITHIN_CHARS_MIN: usize = 6;

impl Audit {
    /// Takes out what is of a partner that leaves; `names` are the ids of it and of what is its.
    pub(crate) async fn forget_partner(&self, partner: &str, names: &[String]) -> Result<(), CatalogError> {
        let _one = self.shared.writing.lock().await;
        self.write_all().await?;
        self.shared.memory.lock().forget();
        let gone = |record: &Record| [&record.query, &record.note].into_iter().flatten().any(|text| names_any(text, names));
        self.shared.catalog.forget_partner_in_audit(partner, gone).await
    }

    /// Takes away the texts of queries that have an account's id.
    pub(crate) async fn forget_account(&self, account: &str) -> Result<(), CatalogError> {
        let _one = self.shared.writing.lock().await;
        self.write_all().await?;
        self.shared.memory.lock().forget();
        let account = Account::new(account);
        let gone = |record: &Record| record.query.as_deref().is_some_and(|text| account.is_in(text));
        self.shared.catalog.forget_texts_in_audit(gone).await
    }
}

/// An id, in any spelling.
pub(crate) struct Account {
    letters: String,
    words: Vec<String>,
}

impl Account {
    pub(crate) fn new(text: &str) -> Self {
        Self { letters: letters(text), words: words::words(text).map(std::borrow::Cow::into_owned).collect() }
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        if self.letters.chars().count() >= WITHIN_CHARS_MIN {
            return letters(text).contains(&self.letters);
        }
        let text: Vec<String> = words::words(text).map(std::borrow::Cow::into_owned).collect();
        !self.words.is_empty() && text.windows(self.words.len()).any(|some| some == self.words)
    }
}

/// Whether a text has one of these names, in any case.
pub(crate) fn names_any(text: &str, names: &[String]) -> bool {
    let text = text.to_lowercase();
    names.iter().any(|name| text.contains(&name.to_lowercase()))
}

/// Letters and digits alone, without case.
fn letters(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_in_any_spelling_and_a_short_one_as_a_word() {
        let long = Account::new("79123456789");
        for text in ["account_id:79123456789", "\"+7 912 345-67-89\"", "x OR 79123456789@msisdn"] {
            assert!(long.is_in(text), "{text}");
        }
        assert!(!long.is_in("account_id:79123456780"));
        let short = Account::new("42");
        assert!(short.is_in("account_id:42") && !short.is_in("account_id:421") && !short.is_in("timeout"));
    }
}
