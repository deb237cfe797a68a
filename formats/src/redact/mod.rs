//! Redaction: secrets are removed before a record leaves the node.
//!
//! Two things are recognised: *keys* that name secrets (`password`, `access_token`, …), whose values go, in JSON at any depth and in text of
//! many forms ([`text`]); and *shapes* that are secrets whatever stands beside them (Bearer credentials, JSON Web Tokens, SIP Digest responses,
//! SRTP keys, PEM private keys). Each is replaced by a mark, `[redacted:kind]`, and counted. Where the instance's policy says so, personal data are found in the same
//! way, by keys and by shapes ([`find`]), and masked or hashed ([`personal`]).
//!
//! Invariants: redacting twice changes nothing; text inside a JSON string stays inside it, so attributes stay a JSON object. Where the end of
//! a secret is in doubt, more is removed, not less. One pass of vector instructions finds the places where a secret may begin ([`prefilter`]) and an automaton
//! says what may begin there: clean lines cost only the first.

mod find;
mod json;
mod keys;
mod personal;
mod prefilter;
mod shape;
mod text;
mod value;

use crate::record::RedactionKind;
use aho_corasick::{AhoCorasick, BuildError, Input};
use keys::Keys;
use prefilter::Prefilter;
use std::borrow::Cow;
use std::ops::Range;

pub(crate) use json::Rewriter;
pub(crate) use personal::{Hex, Personal, class};

/// How often a text is gone through again because a removal may have laid another secret bare.
const PASSES_MAX: usize = 4;

/// What every mark begins with.
const MARK_START: &str = "[redacted:";

/// Finds and removes secrets. Built once per profile.
#[derive(Debug)]
pub(crate) struct Redactor {
    prefilter: Prefilter,
    automaton: AhoCorasick,
    triggers: Vec<Trigger>,
    keys: Keys,
    /// What is done with personal data, and which are looked for by their shape; `None` where all of them stay.
    personal: Option<(Personal, find::Wanted)>,
}

/// What a found literal may be the beginning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trigger {
    /// A part of a key that names a secret.
    Key,
    /// `Bearer …`.
    Bearer,
    /// `eyJ`: base64 of `{"`.
    Jwt,
    /// `response=` of a Digest.
    Digest,
    /// An SRTP key.
    Inline,
    /// The first or last line of a PEM block.
    Pem,
    /// An escaped ASCII character, behind which a JSON key may hide.
    Escape,
}

/// A removal: what is replaced, and whether the mark needs the quotes that the value did not have.
#[derive(Debug)]
struct Edit {
    range: Range<usize>,
    kind: RedactionKind,
    quote: Option<Quote>,
}

/// A quotation mark and how many backslashes stand before it: none in plain text, one in JSON inside a JSON string, three one level deeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quote {
    character: u8,
    backslashes: usize,
}

/// How many secrets of each kind were removed.
#[derive(Debug, Default)]
pub(crate) struct Tally([u16; RedactionKind::ALL.len()]);

impl Tally {
    pub(crate) fn add(&mut self, kind: RedactionKind) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// The kinds that occurred, in the order of their numbers.
    pub(crate) fn counts(&self) -> Vec<(RedactionKind, u16)> {
        RedactionKind::ALL.iter().zip(self.0).filter(|(_, count)| *count > 0).map(|(kind, count)| (*kind, count)).collect()
    }
}

/// The text that stands for a secret of this kind.
pub(crate) fn mark(kind: RedactionKind) -> String {
    format!("{MARK_START}{}]", kind.as_str())
}

/// The length of the mark that the text begins with, if it does.
fn mark_length(text: &str) -> Option<usize> {
    if text.starts_with(personal::HASH_START) {
        return personal::hash_length(text);
    }
    let rest = text.strip_prefix(MARK_START)?;
    RedactionKind::ALL.iter().find_map(|kind| rest.strip_prefix(kind.as_str())?.strip_prefix(']').map(|after| text.len() - after.len()))
}

/// Whether the text is a mark and nothing else.
fn is_mark(text: &str) -> bool {
    mark_length(text) == Some(text.len())
}

impl Redactor {
    pub(crate) fn new(more_keys: &[String], personal: Option<Personal>) -> Result<Self, BuildError> {
        let keys = Keys::new(more_keys, |kind| personal.as_ref().is_some_and(|personal| personal.wants(kind)));
        // Of two equal literals the first one is found: a PEM block and a key may both be called "private key".
        let mut literals: Vec<(String, Trigger)> = [
            ("bearer", Trigger::Bearer),
            ("eyJ", Trigger::Jwt),
            ("response", Trigger::Digest),
            ("inline:", Trigger::Inline),
            ("private key", Trigger::Pem),
            ("\\u00", Trigger::Escape),
        ]
        .map(|(literal, trigger)| (literal.to_owned(), trigger))
        .into();
        literals.extend(keys.literals().into_iter().map(|literal| (literal, Trigger::Key)));
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(literals.iter().map(|(literal, _)| literal))?;
        let prefilter = Prefilter::new(literals.iter().map(|(literal, _)| literal.as_str()));
        let personal = personal.map(|personal| {
            let [phone, imsi, email, ip] =
                [RedactionKind::Phone, RedactionKind::Imsi, RedactionKind::Email, RedactionKind::Ip].map(|kind| personal.wants(kind));
            (personal, find::Wanted { phone, imsi, email, ip })
        });
        let triggers = literals.into_iter().map(|(_, trigger)| trigger).collect();
        Ok(Self { prefilter, automaton, triggers, keys, personal })
    }

    /// The places of a line where a secret may be, in its own text or behind the escapes of JSON strings: the first byte of each, rising. Quick, and never
    /// wrongly without one: a stretch of the line that has none, and begins and ends where JSON parts keys and values, is free of secrets.
    pub(crate) fn suspicions(&self, line: &str) -> Vec<usize> {
        let mut places = Vec::new();
        let mut at = 0;
        while let Some((trigger, hit)) = self.next_hit(line, at) {
            let suspect = match trigger {
                Trigger::Key => self.keys.kind(&line[text::identifier(line, &hit)]).is_some(),
                Trigger::Jwt => line[hit.clone()] == *"eyJ",
                Trigger::Digest => line[hit.end..].trim_start_matches([' ', '\\', 't']).starts_with('='),
                Trigger::Bearer | Trigger::Inline | Trigger::Pem | Trigger::Escape => true,
            };
            if suspect {
                places.push(hit.start);
            }
            at = hit.end;
        }
        let mut shapes = Vec::new();
        self.find_shapes(line, &mut shapes);
        if !shapes.is_empty() {
            places.extend(shapes.into_iter().map(|edit| edit.range.start));
            places.sort_unstable();
        }
        places
    }

    /// What stands for a value of this kind of personal data; `None` where it stays.
    pub(crate) fn personal(&self, kind: RedactionKind, value: &str) -> Option<String> {
        self.personal.as_ref()?.0.replacement(kind, value)
    }

    /// The kind of secret that a JSON key names.
    pub(crate) fn key(&self, key: &str) -> Option<RedactionKind> {
        self.keys.kind(key)
    }

    /// A text without its secrets.
    pub(crate) fn text<'t>(&self, text: &'t str, tally: &mut Tally) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for _ in 0..PASSES_MAX {
            let edits = self.edits(&text);
            if edits.is_empty() {
                break;
            }
            text = Cow::Owned(self.apply(&text, &edits, tally));
        }
        text
    }

    /// A raw line, or several joined, without its secrets. A line that is nothing but 64 base64 digits is the inside of a PEM block whose first line is elsewhere.
    pub(crate) fn line<'t>(&self, line: &'t str, tally: &mut Tally) -> Cow<'t, str> {
        if shape::is_pem_body_line(line) {
            tally.add(RedactionKind::PrivateKey);
            return Cow::Owned(mark(RedactionKind::PrivateKey));
        }
        self.text(line, tally)
    }

    /// All removals, in order, none touching another. A removed value is searched as well: it may turn out to be the key of a further one.
    fn edits(&self, text: &str) -> Vec<Edit> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((trigger, hit)) = self.next_hit(text, at) {
            at = hit.end;
            found.extend(match trigger {
                Trigger::Key => self.value_of_key(text, &hit),
                Trigger::Bearer => shape::bearer(text, &hit),
                Trigger::Jwt => shape::jwt(text, &hit),
                Trigger::Digest => shape::digest_response(text, &hit),
                Trigger::Inline => shape::srtp_key(text, &hit),
                Trigger::Pem => shape::private_key(text, &hit).or_else(|| self.value_of_key(text, &hit)),
                Trigger::Escape => None,
            });
        }
        self.find_shapes(text, &mut found);
        found.retain(|edit| {
            let personal = self.personal.as_ref().filter(|_| class(edit.kind).is_some());
            personal.is_none_or(|(personal, _)| personal.replaces(edit.kind, &text[edit.range.clone()]))
        });
        found.sort_by_key(|edit| edit.range.start);
        let mut edits: Vec<Edit> = Vec::with_capacity(found.len());
        for edit in found {
            match edits.last_mut() {
                Some(last) if edit.range.start < last.range.end => {
                    last.range.end = last.range.end.max(edit.range.end);
                    if class(last.kind).is_some() && class(edit.kind).is_none() {
                        last.kind = edit.kind;
                    }
                }
                _ => edits.push(edit),
            }
        }
        edits
    }

    fn find_shapes(&self, text: &str, found: &mut Vec<Edit>) {
        if let Some((_, wanted)) = self.personal {
            find::find(text, wanted, found);
        }
    }

    fn value_of_key(&self, text: &str, hit: &Range<usize>) -> Option<Edit> {
        let name = text::identifier(text, hit);
        let kind = self.keys.kind(&text[name.clone()])?;
        text::value_of_key(text, &name, kind)
    }

    fn next_hit(&self, text: &str, from: usize) -> Option<(Trigger, Range<usize>)> {
        let from = self.prefilter.find(text.as_bytes(), from)?;
        let found = self.automaton.find(Input::new(text).range(from..))?;
        Some((*self.triggers.get(found.pattern().as_usize())?, found.range()))
    }

    fn apply(&self, text: &str, edits: &[Edit], tally: &mut Tally) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut at = 0;
        for edit in edits {
            redacted.push_str(&text[at..edit.range.start]);
            let quote =
                edit.quote.map(|quote| format!("{}{}", "\\".repeat(quote.backslashes), char::from(quote.character))).unwrap_or_default();
            redacted.push_str(&quote);
            let value = &text[edit.range.clone()];
            redacted.push_str(&self.personal(edit.kind, value).unwrap_or_else(|| mark(edit.kind)));
            redacted.push_str(&quote);
            tally.add(edit.kind);
            at = edit.range.end;
        }
        redacted.push_str(&text[at..]);
        redacted
    }
}
