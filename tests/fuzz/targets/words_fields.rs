//! Words are folded, bounded and found again; one field visited is that field found among all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use martlog_formats::fields::{self, Scalar};
use martlog_formats::words;

fuzz_target!(|text: &str| {
    let found: Vec<_> = words::words(text).map(|word| word.into_owned()).collect();
    for word in &found {
        assert!(!word.is_empty() && word.len() <= words::WORD_BYTES_MAX);
        assert!(words::has_word(text, word));
    }
    assert!(words::has_phrase(text, &found));
    assert!(words::matches_wildcard("*", &words::fold(text)));

    let mut all: Vec<(String, Scalar<'_>)> = Vec::new();
    fields::for_each(text, |path, scalar| all.push((path.to_owned(), scalar)));
    for (path, scalar) in &all {
        let _ = scalar.number(path);
        let _ = fields::normalise_id(path, scalar.text());
    }
    let _ = fields::number(text);
    let _ = fields::get(text, "a.b");
});
