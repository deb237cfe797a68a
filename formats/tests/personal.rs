//! Personal data under a policy: nothing of a masked or hashed value is left, wherever it stands; what a record says of it; that nothing else changes.

use crate::corpus::{RUNTIME_NS, visible};
use martlog_formats::parse::Settings;
use martlog_formats::policy::{Action, Class, HashKey, Redaction};
use martlog_formats::{Ending, Profile, RedactionKind, Verdict, parse, parse_ending};
use proptest::prelude::*;
use std::sync::LazyLock;

fn all(action: Action) -> Redaction {
    let classes = Class::ALL.into_iter().filter(|class| *class != Class::Secret);
    classes.fold(Redaction::default(), |redaction, class| redaction.with(class, action).unwrap())
}

fn profile(redaction: Redaction, key: u8) -> Profile {
    Profile::with_redaction(Settings::default(), &redaction, Some(&HashKey::new([key; 32]))).unwrap()
}

static USUAL: LazyLock<Profile> = LazyLock::new(Profile::default);
static MASKING: LazyLock<Profile> = LazyLock::new(|| profile(all(Action::Mask), 1));
static HASHING: LazyLock<Profile> = LazyLock::new(|| profile(all(Action::Hash), 1));

/// Where a value (`§`) may stand in a text and be known by its shape.
const CARRIERS: &[&str] = &[
    "§",
    "call from § ended",
    "to=§&x=1",
    "?to=%22§%22",
    "{'to': '§', 'n': 1}",
    r#"{\"to\":\"§\"}"#,
    r#"{\\\"to\\\": \\\"§\\\"}"#,
    r"first\n§\nlast",
    "(§)",
    "<to>§</to>",
    "sip:§;transport=udp",
    "[§]",
    "к абоненту § нет пути",
    "§, §",
];

/// Values, the part that a mask hides of each and a hash all of it, and their kind.
fn values() -> impl Strategy<Value = (String, String, RedactionKind)> {
    prop_oneof![
        "3805[0-9]{8}".prop_map(|value| (value.clone(), value, RedactionKind::Phone)),
        "\\+49[2-9][0-9]{9}".prop_map(|value| (value.clone(), value[1..].to_owned(), RedactionKind::Phone)),
        "2550[0-9]{11}".prop_map(|value| (value.clone(), value, RedactionKind::Imsi)),
        "8938[0-9]{15}".prop_map(|value| (value.clone(), value, RedactionKind::Imsi)),
        "[g-z]{5,12}@[a-z]{3,8}\\.(com|de)".prop_map(|value| (
            value.clone(),
            value.split('@').next().unwrap().to_owned(),
            RedactionKind::Email
        )),
        (1..=255_u8, 0..=255_u8, 0..=255_u8, 0..=255_u8).prop_map(|(a, b, c, d)| {
            let value = format!("{a}.{b}.{c}.{d}");
            (value.clone(), value, RedactionKind::Ip)
        }),
        "2001:db8:[1-9a-f]{4}:[1-9a-f]{4}::[1-9a-f]{4}".prop_map(|value| (value.clone(), value, RedactionKind::Ip)),
    ]
}

/// Values under a key that names their class, whatever they look like.
fn named() -> impl Strategy<Value = (&'static str, String, RedactionKind)> {
    let phone = prop::sample::select(vec!["msisdn", "phone", "callerId", "customer_phone", "a_number"]);
    let account = prop::sample::select(vec!["account_id", "i_account", "i_customer", "subscriberId"]);
    let text = prop::sample::select(vec!["text", "body", "sms_text"]);
    prop_oneof![
        (phone, "0[0-9]{6,9}").prop_map(|(key, value)| (key, value, RedactionKind::Phone)),
        (account, "[g-z]{6,12}|[1-9][0-9]{6,9}|3805[0-9]{8}@msisdn").prop_map(|(key, value)| (key, value, RedactionKind::Account)),
        (text, "[g-z]{5,9}( [g-z]{5,9}){1,5}").prop_map(|(key, value)| (key, value, RedactionKind::Sms)),
        (prop::sample::select(vec!["imsi", "imei"]), "[0-9]{8,14}").prop_map(|(key, value)| (key, value, RedactionKind::Imsi)),
        (Just("email"), "[g-z]{5,12}@[g-z]{4,8}").prop_map(|(key, value)| (key, value, RedactionKind::Email)),
    ]
}

/// The lines in which a text may come.
fn lines(text: &str) -> Vec<String> {
    let inside = serde_json::json!({ "note": text }).to_string();
    vec![
        text.to_owned(),
        format!("INFO:root:REQ <b7ad6b7169203331> {text}"),
        serde_json::json!({"timestamp": "2026-11-22T10:12:50Z", "level": "info", "message": text}).to_string(),
        serde_json::json!({"message": "m", "extra": {"list": [text, {"a": text}]}}).to_string(),
        serde_json::json!({"message": {"note": text}, "x": inside}).to_string(),
        serde_json::json!({"message": "m", text: 1}).to_string(),
    ]
}

/// What must hold of every record of a policy.
fn check(line: &str, profile: &Profile, hidden: &str, kind: RedactionKind) -> Result<(), TestCaseError> {
    let record = parse(line.as_bytes(), RUNTIME_NS, profile);
    let seen = visible(&record);
    prop_assert!(!seen.contains(hidden), "{:?} in {:?}\nfrom {:?}", hidden, seen, line);
    prop_assert!(record.redactions.iter().any(|(found, count)| *found == kind && *count > 0), "{:?} of {:?}", record, line);
    prop_assert_eq!(&record, &parse(line.as_bytes(), RUNTIME_NS, profile));
    prop_assert_eq!(profile.redact(&record.message), record.message.as_str(), "twice, from {:?}", line);
    if !record.attributes.is_empty() {
        let again = parse(record.attributes.as_bytes(), RUNTIME_NS, profile);
        prop_assert!(again.redactions.is_empty(), "twice: {:?} of {:?}", again, record.attributes);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&record.attributes).is_ok());
    }
    // The policy is the operator's: it makes no fault of the line's.
    let usual = parse(line.as_bytes(), RUNTIME_NS, &USUAL);
    prop_assert_eq!(
        (record.verdict, record.problems, record.severity, record.time_ns),
        (usual.verdict, usual.problems, usual.severity, usual.time_ns)
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_is_gone_wherever_it_stands((value, hidden, kind) in values(), carrier in prop::sample::select(CARRIERS)) {
        for line in lines(&carrier.replace('§', &value)) {
            check(&line, &MASKING, &hidden, kind)?;
            check(&line, &HASHING, &hidden, kind)?;
            let kept = parse(line.as_bytes(), RUNTIME_NS, &USUAL);
            prop_assert!(visible(&kept).contains(&value) && kept.redactions.is_empty(), "{:?}", kept);
        }
    }

    #[test]
    fn a_value_that_its_key_names_is_gone_whatever_it_looks_like((key, value, kind) in named()) {
        let object = serde_json::json!({ key: value }).to_string();
        let mut all = vec![
            serde_json::json!({"message": "m", key: value}).to_string(),
            serde_json::json!({"message": "m", "extra": {key: [value, {"deep": value}]}}).to_string(),
            serde_json::json!({"message": "m", "raw": object}).to_string(),
            serde_json::json!({"message": "m", "list": [{"name": key, "value": value}]}).to_string(),
            format!("INFO:root:got {{'{key}': '{value}', 'n': 1}}"),
            format!("level=info {key}=\"{value}\" n=1"),
            format!("ERROR it failed, {key}: {value}"),
        ];
        if let Ok(number) = value.parse::<u64>().map(|number| number.to_string()) && number == value {
            all.push(format!(r#"{{"message":"m","{key}":{number}}}"#));
            all.push(format!("got {{'{key}': {number}}}"));
        }
        for line in all {
            check(&line, &MASKING, &value, kind)?;
            check(&line, &HASHING, &value, kind)?;
        }
    }

    #[test]
    fn a_class_that_is_kept_is_left_alone((value, _, kind) in values(), carrier in prop::sample::select(CARRIERS)) {
        let class = Class::ALL.into_iter().find(|class| class.as_str() == kind.as_str()).unwrap();
        // A number before an `@` counts as what it is beside it, so nothing but this class is said.
        let keeping = profile(all(Action::Mask).with(class, Action::Keep).unwrap(), 1);
        let line = serde_json::json!({"message": "m", "x": carrier.replace('§', &value)}).to_string();
        prop_assert!(visible(&parse(line.as_bytes(), RUNTIME_NS, &keeping)).contains(&value), "{}", line);
    }

    /// Fields that are passed over quickly come out as those that are all looked at.
    #[test]
    fn what_is_passed_over_had_nothing((value, hidden, _) in values(), carrier in prop::sample::select(CARRIERS)) {
        let text = carrier.replace('§', &value);
        let quick = serde_json::json!({"message": "m", "x": text});
        let slow = serde_json::json!({"message": "m", "x": text, "n": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}});
        let of = |line: &serde_json::Value| {
            let record = parse(line.to_string().as_bytes(), RUNTIME_NS, &HASHING);
            serde_json::from_str::<serde_json::Value>(&record.attributes).unwrap()["x"].clone()
        };
        let (quick, slow) = (of(&quick), of(&slow));
        prop_assert!(!quick.to_string().contains(&hidden));
        prop_assert_eq!(quick, slow);
    }

    #[test]
    fn any_text_is_read_and_reading_it_again_changes_nothing(text in "[0-9a-z+:@.%\\\\u'\" -]{0,60}|\\PC{0,60}") {
        for profile in [&*MASKING, &*HASHING] {
            for line in lines(&text) {
                let _ = parse_ending(line.as_bytes(), Ending::Cut { whole_bytes: line.len() + 9 }, RUNTIME_NS, profile);
                let record = parse(line.as_bytes(), RUNTIME_NS, profile);
                prop_assert_eq!(profile.redact(&record.message), record.message.as_str(), "from {:?}", line);
            }
        }
    }

    #[test]
    fn a_partner_finds_its_numbers_again_and_another_does_not(number in "3805[0-9]{8}") {
        let hash = |line: String, profile: &Profile| {
            let seen = visible(&parse(line.as_bytes(), RUNTIME_NS, profile));
            let (_, rest) = seen.split_once("[hash:").unwrap();
            rest.split([':', ']']).nth(1).unwrap().to_owned()
        };
        let theirs = profile(all(Action::Hash), 2);
        let one = hash(format!(r#"{{"message":"m","msisdn":"+{number}"}}"#), &HASHING);
        for line in [
            format!("INFO to {number} sent"),
            format!(r#"{{"message":"m","account_id":"{number}@msisdn"}}"#),
            format!(r#"{{"message":"m","msisdn":{number}}}"#),
            format!(r#"{{"message":"m","msisdn":["{number}"]}}"#),
        ] {
            prop_assert_eq!(&hash(line.clone(), &HASHING), &one);
            prop_assert_ne!(&hash(line, &theirs), &one);
        }
    }
}

#[test]
fn a_record_says_what_was_done_and_its_verdict_stays() {
    let line = br#"{"timestamp":"2026-11-22T10:12:50Z","level":"info","message":"SMS to 380501234567 from 10.1.2.3","msisdn":["380501234567"],"i_account":123456,"extra":{"email":"joe@example.com","text":"Your code is 1","n":380501234567}}"#;
    let record = parse(line, RUNTIME_NS, &MASKING);
    assert_eq!(record.verdict, Verdict::Ok);
    assert_eq!(record.message, "SMS to 38050***4567 from 10.1.2.***");
    // A number under a key that says nothing of it stays: it may be anything.
    assert_eq!(
        record.attributes,
        r#"{"msisdn":["38050***4567"],"i_account":"***","extra":{"email":"***@example.com","text":"***","n":380501234567}}"#
    );
    let [phone, email, ip, account, sms] =
        [RedactionKind::Phone, RedactionKind::Email, RedactionKind::Ip, RedactionKind::Account, RedactionKind::Sms];
    assert_eq!(record.redactions, [(phone, 2), (email, 1), (ip, 1), (account, 1), (sms, 1)]);
}

#[test]
fn a_secret_goes_before_personal_data() {
    let record = parse(br#"{"message":"m","password":"380501234567","text":"password=hunter2 and more"}"#, RUNTIME_NS, &HASHING);
    assert!(record.attributes.starts_with(r#"{"password":"[redacted:password]","text":"[hash:sms:"#), "{}", record.attributes);
    let record = parse(b"token=380501234567 for 380501234567", RUNTIME_NS, &MASKING);
    assert_eq!(record.message, "token=[redacted:token] for 38050***4567");
}

#[test]
fn short_numbers_and_words_under_a_phones_key_stay() {
    let line = r#"{"message":"m","phone":"112","mobile":"android","tel":null,"cell":true,"account":""}"#;
    let record = parse(line.as_bytes(), RUNTIME_NS, &MASKING);
    assert_eq!(record.attributes, r#"{"phone":"112","mobile":"android","tel":null,"cell":true,"account":""}"#);
}
