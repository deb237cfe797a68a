//! Policies as they are said: what is read, what is refused and how, what holds where two are said.

use martlog_formats::Severity;
use martlog_formats::parse::Settings;
use martlog_formats::policy::{Action, Class, HashKey, Policy, PolicySet, Redaction};
use proptest::prelude::*;

fn policy(text: &str) -> Policy {
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_is_said_is_shown_as_it_was_said() {
    let text = r#"{"redaction":{"phone":"hash","ip":"keep","secret":"mask"},"level":"info","rate_limit":"5MiB"}"#;
    let read = policy(text);
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert_eq!(read.rate_limit.as_ref().unwrap().bytes_per_second(), 5 << 20);
    let level = read.level.unwrap();
    let left_out = [Some(Severity::DEBUG), Some(Severity::INFO), Some(Severity::FATAL), None].map(|severity| level.leaves_out(severity));
    assert_eq!(left_out, [true, false, false, false]);
    assert_eq!(policy(r#"{"level":null,"redaction":null}"#), policy("{}"));
    assert!(policy(r#"{"redaction":{"phone":"keep"}}"#).is_usual());
}

#[test]
fn what_is_not_known_is_refused_with_what_is_nearest() {
    for (text, said) in [
        (r#"{"redactions":{}}"#, "unknown key `redactions`: did you mean `redaction`?"),
        (r#"{"ratelimit":"1B"}"#, "did you mean `rate_limit`?"),
        (r#"{"redaction":{"phones":"mask"}}"#, "unknown class `phones`: did you mean `phone`?"),
        (r#"{"redaction":{"phone":"masked"}}"#, "unknown action `masked`: did you mean `mask`?"),
        (r#"{"redaction":{"secret":"keep"}}"#, "secrets are never kept"),
        (r#"{"redaction":{"secret":"hash"}}"#, "secrets are never kept or hashed"),
        (r#"{"level":"warning"}"#, "unknown level `warning`: did you mean `warn`?"),
        (r#"{"rate_limit":"5MB"}"#, "such as 5MiB"),
        (r#"{"rate_limit":"0B"}"#, "above 0"),
        (r#"{"rate_limit":"-1B"}"#, "a whole number"),
        (r#"{"rate_limit":"99999999999999GiB"}"#, "a whole number"),
        (r#"{"redaction":["phone"]}"#, "an object of classes and actions"),
        (r#""info""#, "a policy"),
    ] {
        let error = serde_json::from_str::<Policy>(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn each_thing_holds_as_it_is_said_nearest() {
    let module = policy(r#"{"redaction":{"phone":"mask","ip":"mask"},"level":"warn","rate_limit":"1MiB"}"#);
    let instance = policy(r#"{"redaction":{"phone":"hash","ip":"keep"},"level":"debug"}"#);
    let both = policy(r#"{"redaction":{"phone":"hash","ip":"keep"},"level":"debug","rate_limit":"1MiB"}"#);
    assert_eq!(instance.over(&module), both);
    assert_eq!(Policy::default().over(&module), module);
}

#[test]
fn a_key_is_in_no_debug_output_and_reads_back() {
    let key = HashKey::new(std::array::from_fn(|at| u8::try_from(at).unwrap()));
    let text = serde_json::to_string(&key).unwrap();
    assert!(text.starts_with("\"000102") && text.len() == 66);
    assert_eq!(serde_json::from_str::<HashKey>(&text).unwrap(), key);
    assert!(!format!("{key:?}").contains("01"));
    for bad in ["\"00\"", "\"zz\"", &format!("\"{}\"", "é".repeat(32)), "7"] {
        assert!(serde_json::from_str::<HashKey>(bad).is_err(), "{bad}");
    }
    // The form of version 1, which collectors keep on disk.
    let set = format!(
        r#"{{"version":1,"groups":[{{"partner":"acme","key":{text},"policy":{{"redaction":{{"phone":"hash"}}}},"instances":[{{"id":"a","namespace":"ns","labels":{{"app":"x"}}}},{{"id":"b","namespace":"n2"}}]}}]}}"#
    );
    let read: PolicySet = serde_json::from_str(&set).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), set);
    assert!(read.groups[0].instances[0].selects(&[("app".to_owned(), "x".to_owned())]) && !read.groups[0].instances[0].selects(&[]));
}

#[test]
fn settings_do_not_change_by_a_policy() {
    let redaction = Redaction::default().with(Class::Phone, Action::Mask).unwrap();
    let profile = martlog_formats::Profile::with_redaction(Settings::default(), &redaction, None).unwrap();
    assert_eq!(profile.settings(), &Settings::default());
}

proptest! {
    #[test]
    fn any_json_is_a_policy_or_is_refused(text in ".{0,60}|\\{\"(redaction|level|rate_limit)\":.{0,30}\\}") {
        if let Ok(read) = serde_json::from_str::<Policy>(&text) {
            prop_assert_eq!(serde_json::from_str::<Policy>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        }
    }
}
