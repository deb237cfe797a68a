//! Redacting twice is redacting once, also under policies that mask and hash, and a secret planted beside its key is gone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use martlog_formats::parse::Settings;
use martlog_formats::policy::{Action, Class, HashKey, Redaction};
use martlog_formats::{Profile, parse};
use std::sync::LazyLock;

static PROFILE: LazyLock<Profile> = LazyLock::new(Profile::default);
static POLICIES: LazyLock<[Profile; 2]> = LazyLock::new(|| {
    [Action::Mask, Action::Hash].map(|action| {
        let classes = Class::ALL.into_iter().filter(|class| *class != Class::Secret);
        let redaction = classes.fold(Redaction::default(), |redaction, class| redaction.with(class, action).expect("no secret"));
        Profile::with_redaction(Settings::default(), &redaction, Some(&HashKey::new([7; 32]))).expect("usual settings")
    })
});
const SECRET: &str = "Kq7Zw3Xv9Tn2Bm5c";

fuzz_target!(|text: &str| {
    let once = PROFILE.redact(text);
    assert_eq!(PROFILE.redact(&once), once);
    for profile in POLICIES.iter() {
        let once = profile.redact(text);
        assert_eq!(profile.redact(&once), once);
    }
    if text.contains(SECRET) {
        return;
    }
    for carrier in ["password=", "\"token\": \"", "'pin': '", "Authorization: Basic "] {
        let close = carrier.chars().last().filter(|c| matches!(c, '"' | '\'')).map_or(String::new(), String::from);
        let planted = format!("{text} {carrier}{SECRET}{close} {text}");
        let record = parse(planted.as_bytes(), 0, &PROFILE);
        assert!(!record.message.contains(SECRET) && !record.attributes.contains(SECRET), "{planted:?}");
        let planted = serde_json::json!({"message": "m", "body": planted}).to_string();
        let record = parse(planted.as_bytes(), 0, &PROFILE);
        assert!(!record.message.contains(SECRET) && !record.attributes.contains(SECRET), "{planted:?}");
    }
});
