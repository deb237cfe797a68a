//! Messages of both RFCs, and what is found in the field.

use super::item;
use crate::push::record;
use crate::record::{Problem, Severity, Verdict};
use crate::{Profile, Record};
use proptest::prelude::*;

/// 2026-11-22T10:12:50.400Z.
const NOW: i64 = 1_795_342_370_400_000_000;

fn read(message: &str) -> Record {
    record(&item(message.as_bytes(), NOW), NOW, &Profile::default())
}

#[test]
fn rfc_5424_has_every_field() {
    let message =
        r#"<165>1 2026-11-22T10:12:50.353Z host.example app 12 ID47 [ex@1 ip="1.2.3.4" q="a\"\]\\b\c"][empty][meta sequenceId="7"] paid"#;
    let record = read(message);
    assert_eq!((record.verdict, record.severity, record.message.as_str()), (Verdict::Ok, Some(Severity::NOTICE), "paid"));
    assert_eq!(record.time_ns, NOW - 47_000_000);
    let expected = concat!(
        r#"{"facility":"local4","hostname":"host.example","appname":"app","procid":"12","msgid":"ID47","#,
        r#""structured_data":{"ex@1":{"ip":"1.2.3.4","q":"a\"]\\b\\c"},"meta":{"sequenceId":"7"}}}"#,
    );
    assert_eq!(record.attributes, expected);
    let bare = read("<14>1 - - - - - -");
    assert_eq!((bare.message.as_str(), bare.attributes.as_str(), bare.severity), ("", r#"{"facility":"user"}"#, Some(Severity::INFO)));
    assert_eq!(read("<14>1 - h a - - - \u{feff}абонент").message, "абонент");
}

#[test]
fn rfc_3164_as_it_is_found() {
    let su = read("<34>Nov 22 10:12:50 host su[12]: 'su root' failed");
    assert_eq!((su.message.as_str(), su.severity, su.time_ns), ("'su root' failed", Some(Severity::CRITICAL), NOW - 400_000_000));
    assert_eq!(su.attributes, r#"{"facility":"auth","hostname":"host","appname":"su","procid":"12"}"#);
    assert!(su.problems.contains(Problem::NoZone));
    let rsyslog = read("<13>2026-11-22T10:12:50.353+00:00 host sms: sent");
    assert_eq!((rsyslog.message.as_str(), rsyslog.verdict), ("sent", Verdict::Ok));
    let hostless = read("<13>Nov 22 10:12:50 sms[7]: sent");
    assert_eq!(hostless.attributes, r#"{"facility":"user","appname":"sms","procid":"7"}"#);
    assert_eq!(read("<13>just text: and more").message, "just text: and more");
    assert_eq!(read("<13>Nov 22 10:12:50 host no program here").message, "no program here");
}

#[test]
fn a_line_in_a_message_is_a_line() {
    let line = r#"{"timestamp":"2026-11-22T10:12:50Z","level":"error","message":"x"}"#;
    for message in [format!("<14>1 - h sms - - - {line}"), format!("<14>Nov 22 10:12:50 h sms: @cee: {line}")] {
        let record = read(&message);
        assert_eq!((record.message.as_str(), record.severity), ("x", Some(Severity::ERROR)), "{message}");
    }
}

#[test]
fn what_is_no_syslog_is_a_line_as_printed() {
    for message in ["plain text", "<192>1 - - - - - - x", "<>x", "<1234>x", "<-1>x", "<1", "<+1>x"] {
        let record = read(message);
        assert_eq!((record.verdict, record.message.as_str()), (Verdict::Raw, message));
    }
    let broken = read(r#"<14>1 - h a - - [x y="never closed] text"#);
    assert_eq!((broken.verdict, broken.severity), (Verdict::Repaired, Some(Severity::INFO)));
    assert!(broken.message.contains("never closed"), "{}", broken.message);
}

#[test]
fn bytes_that_are_no_text_are_replaced_and_told() {
    let record = record(&item(b"<14>1 - h a - - - caf\xe9", NOW), NOW, &Profile::default());
    assert!(record.message == "caf\u{fffd}" && record.problems.contains(Problem::BadUtf8));
}

proptest! {
    #[test]
    fn any_text_is_a_record(text in "(<[0-9]{0,4}>)?(1 )?\\PC{0,80}") {
        let record = read(&text);
        prop_assert_eq!(record.verdict == Verdict::Ok, record.problems.is_empty());
        if !record.attributes.is_empty() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&record.attributes).unwrap().is_object());
        }
    }

    #[test]
    fn structured_data_comes_back(name in "[a-z]{1,8}", value in "\\PC{0,20}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
        let record = read(&format!("<14>1 - - - - - [id x.{name}=\"{escaped}\"] text"));
        if record.redactions.is_empty() {
            let attributes: serde_json::Value = serde_json::from_str(&record.attributes).unwrap();
            prop_assert_eq!(&attributes["structured_data"]["id"][&format!("x.{name}")], &serde_json::json!(value));
        }
    }
}
