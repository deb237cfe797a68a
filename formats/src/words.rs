//! Words: the one rule by which text becomes searchable words, used for queries, live records and splits alike.
//!
//! A word is an NFC-normalised, case-folded run of letters, digits, marks and `_`.
