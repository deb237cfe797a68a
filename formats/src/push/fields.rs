//! The attributes of an envelope, written as the text of a JSON object.
//!
//! Invariants: what is written is JSON; it has at most [`limits::LINE_BYTES_MAX`] bytes and a bit, since a value that does not fit is cut as text and what follows is left out, which
//! [`Fields::wrong`] tells.

use crate::json;
use crate::limits;
use crate::record::{Problem, Problems};

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    /// Without the brackets around it.
    inner: String,
    cut: bool,
}

impl Fields {
    /// A value that is JSON already.
    pub(super) fn raw(&mut self, key: &str, value: &str) {
        if !self.has_room(key.len() + value.len()) {
            return self.too_much(key, value);
        }
        self.key(key);
        self.inner.push_str(value);
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        if !self.has_room(key.len() + value.len()) {
            return self.too_much(key, value);
        }
        self.key(key);
        json::push_string(&mut self.inner, value);
    }

    /// A text, where there is one.
    pub(super) fn text_if_any(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.text(key, value);
        }
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str, value: impl std::fmt::Display) {
        self.raw(key, &value.to_string());
    }

    /// An object, where it has something in it.
    pub(super) fn object(&mut self, key: &str, value: &Self) {
        if !value.inner.is_empty() {
            self.raw(key, &format!("{{{}}}", value.inner));
        }
        // Afterwards: nothing is written behind a cut.
        self.cut |= value.cut;
    }

    /// Everything that the other has.
    pub(super) fn all(&mut self, other: &Self) {
        if other.inner.is_empty() {
            // Nothing to write.
        } else if self.has_room(other.inner.len()) {
            if !self.inner.is_empty() {
                self.inner.push(',');
            }
            self.inner.push_str(&other.inner);
        } else {
            self.too_much("_shared", &other.inner);
        }
        self.cut |= other.cut;
    }

    /// Something was left out that was never handed in.
    pub(super) fn leave_out(&mut self) {
        self.cut = true;
    }

    /// `too_long` where something was left out.
    pub(super) fn wrong(&self) -> Problems {
        let mut wrong = Problems::default();
        if self.cut {
            wrong.insert(Problem::TooLong);
        }
        wrong
    }

    /// The object; empty where there is nothing in it.
    pub(super) fn finish(&self) -> String {
        if self.inner.is_empty() { String::new() } else { format!("{{{}}}", self.inner) }
    }

    fn key(&mut self, key: &str) {
        if !self.inner.is_empty() {
            self.inner.push(',');
        }
        json::push_string(&mut self.inner, key);
        self.inner.push(':');
    }

    fn has_room(&self, bytes: usize) -> bool {
        !self.cut && self.inner.len() + bytes <= limits::LINE_BYTES_MAX
    }

    /// The beginning of what does not fit; of what follows nothing.
    fn too_much(&mut self, key: &str, value: &str) {
        if std::mem::replace(&mut self.cut, true) {
            return;
        }
        let room = limits::LINE_BYTES_MAX.saturating_sub(self.inner.len() + key.len().min(limits::KEY_BYTES_MAX));
        let mut text = limits::prefix(value, room).to_owned();
        text.push_str(&limits::cut_mark(value.len()));
        self.key(limits::prefix(key, limits::KEY_BYTES_MAX));
        json::push_string(&mut self.inner, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_told() {
        let mut fields = Fields::default();
        fields.text("a", "é\"\n");
        fields.number("n", -7);
        let mut inner = Fields::default();
        inner.raw("list", "[1,2]");
        fields.object("o", &inner);
        fields.object("nothing", &Fields::default());
        assert_eq!(fields.finish(), r#"{"a":"é\"\n","n":-7,"o":{"list":[1,2]}}"#);
        assert!(fields.wrong().is_empty());
        fields.text("big", &"x".repeat(limits::LINE_BYTES_MAX));
        fields.text("later", "y");
        let value: serde_json::Value = serde_json::from_str(&fields.finish()).unwrap();
        assert!(
            fields.wrong().contains(Problem::TooLong)
                && value["big"].as_str().unwrap().contains("cut from")
                && value.get("later").is_none()
        );
        assert!(fields.finish().len() < limits::LINE_BYTES_MAX + 256);
    }
}
