//! Every scalar of a record's attributes as a name and a text.
//!
//! The same scalar comes under its own name and, where it has one, under its canonical one.

use martlog_formats::fields;

/// Calls with the name and the text of every scalar value, those of arrays one by one.
pub(crate) fn each_scalar(attributes: &str, mut each: impl FnMut(&str, &str)) {
    fields::for_each(attributes, |path, scalar| each(path, scalar.text()));
}
