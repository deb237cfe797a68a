//! Who somebody is here: a claim of a verified ID token becomes staff or a partner, or nobody.
//!
//! Invariants: a value of the operator's list is staff; else the id of exactly one registered partner is that partner. Nothing is guessed: another spelling, a piece of a value or a value of
//! another type is nobody's. An e-mail address counts only where the provider says that it is verified.

use super::{Settings, Trouble, shown};
use martlog_indexer::registry::Person;
use serde_json::Value;
use std::collections::BTreeSet;

/// Values of one claim that are looked at: groups of somebody who is in many.
const VALUES_MAX: usize = 2_000;
/// What is kept of each name of a person, bytes.
const NAME_BYTES_MAX: usize = 150;

/// The person of an ID token's payload.
pub(super) fn of(payload: &Value, settings: &Settings, is_partner: &(dyn Fn(&str) -> bool + Sync)) -> Result<Person, Trouble> {
    let (name, claim) = (name(payload, &settings.name), &settings.claim);
    if matches!(claim.as_str(), "email" | "/email") && payload.get("email_verified") != Some(&Value::Bool(true)) {
        return Err(Trouble::Unknown(format!("{name} has no verified e-mail address")));
    }
    let value = if claim.starts_with('/') { payload.pointer(claim) } else { payload.get(claim) };
    let values = values(value);
    if values.is_empty() {
        return Err(Trouble::Unknown(format!("{name} has no claim `{claim}` with a text or a list of texts in the ID token")));
    }
    if values.iter().any(|value| settings.staff.iter().any(|staff| staff == value)) {
        return Ok(Person { partner: None, name });
    }
    let partners: BTreeSet<&str> = values.iter().copied().filter(|value| is_partner(value)).collect();
    let mut found = partners.iter();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(Person { partner: Some((*only).to_owned()), name }),
        (None, _) => {
            let some = values.iter().take(5).map(|value| format!("`{}`", shown(value))).collect::<Vec<_>>().join(", ");
            Err(Trouble::Unknown(format!("the claim `{claim}` of {name} names neither staff nor a registered partner: {some}")))
        }
        (Some(_), Some(_)) => {
            let some = partners.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            Err(Trouble::Ambiguous(format!("the claim `{claim}` of {name} names several partners: {some}")))
        }
    }
}

/// The texts of a claim: one, or a list.
fn values(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().take(VALUES_MAX).filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

/// What people call them, who says so, and the provider's own id of them, which alone stays the same.
fn name(payload: &Value, provider: &str) -> String {
    let text = |claim: &str| payload.get(claim).and_then(Value::as_str).map(cut).filter(|text| !text.is_empty());
    let subject = text("sub").unwrap_or_default();
    let called = ["preferred_username", "email", "name"].into_iter().find_map(text).filter(|called| *called != subject);
    match called {
        Some(called) => format!("{}: {called} ({subject})", cut(provider)),
        None => format!("{}: {subject}", cut(provider)),
    }
}

/// One line that is not too long.
fn cut(text: &str) -> String {
    let mut kept = String::new();
    for char in text.trim().chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }) {
        if kept.len() + char.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        kept.push(char);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    fn settings(claim: &str) -> Settings {
        let fetch: super::super::Fetch = Arc::new(|_| Box::pin(std::future::pending()));
        Settings {
            name: "SSO".to_owned(),
            issuer: "https://sso.example".to_owned(),
            client_id: "martlog".to_owned(),
            client_secret: None,
            page: "https://logs.example/".parse().unwrap(),
            scopes: vec![],
            claim: claim.to_owned(),
            staff: vec!["support".to_owned(), "operators".to_owned()],
            fetch,
        }
    }

    fn who(payload: &Value, claim: &str) -> Result<Option<String>, &'static str> {
        let is_partner = |id: &str| ["acme", "zeta", "support"].contains(&id);
        of(payload, &settings(claim), &is_partner).map(|person| person.partner).map_err(|trouble| trouble.code())
    }

    #[test]
    fn a_value_is_staff_or_one_registered_partner_or_nobody() {
        for (claim, wanted) in [
            (json!("operators"), Ok(None)),
            (json!("acme"), Ok(Some("acme".to_owned()))),
            (json!(["everybody", "zeta"]), Ok(Some("zeta".to_owned()))),
            (json!(["zeta", "zeta"]), Ok(Some("zeta".to_owned()))),
            // Staff goes before a partner that is called so.
            (json!(["acme", "support"]), Ok(None)),
            (json!(["acme", "zeta"]), Err("ambiguous")),
            (json!("Acme"), Err("unknown")),
            (json!(" acme"), Err("unknown")),
            (json!("acme,zeta"), Err("unknown")),
            (json!("operators "), Err("unknown")),
            (json!([["acme"]]), Err("unknown")),
            (json!({"acme": true}), Err("unknown")),
            (json!(7), Err("unknown")),
            (json!(null), Err("unknown")),
            (json!([]), Err("unknown")),
        ] {
            assert_eq!(who(&json!({"sub": "1", "org": claim}), "org"), wanted, "{claim}");
        }
        assert_eq!(who(&json!({"sub": "1"}), "org"), Err("unknown"));
    }

    #[test]
    fn a_claim_may_lie_deeper_or_have_the_name_of_an_address() {
        let payload = json!({"sub": "1", "realm_access": {"roles": ["acme"]}, "https://example.com/org": "zeta"});
        assert_eq!(who(&payload, "/realm_access/roles"), Ok(Some("acme".to_owned())));
        assert_eq!(who(&payload, "https://example.com/org"), Ok(Some("zeta".to_owned())));
        assert_eq!(who(&payload, "/realm_access"), Err("unknown"));
    }

    #[test]
    fn an_address_counts_where_it_is_verified() {
        let address = |verified: Value| json!({"sub": "1", "email": "support", "email_verified": verified});
        assert_eq!(who(&address(json!(true)), "email"), Ok(None));
        for not in [json!(false), json!("true"), json!(null)] {
            assert_eq!(who(&address(not.clone()), "email"), Err("unknown"));
            assert_eq!(who(&address(not), "/email"), Err("unknown"));
        }
        assert_eq!(who(&json!({"sub": "1", "email": "support"}), "email"), Err("unknown"));
    }

    #[test]
    fn a_person_s_name_says_who_said_it_and_stays_one_short_line() {
        assert_eq!(name(&json!({"sub": "42", "email": "a@x"}), "SSO"), "SSO: a@x (42)");
        assert_eq!(name(&json!({"sub": "alice", "preferred_username": "alice"}), "SSO"), "SSO: alice");
        assert_eq!(name(&json!({"sub": "42", "preferred_username": " ", "name": "A\nB"}), "SSO"), "SSO: A\u{fffd}B (42)");
        let long = "é".repeat(1_000);
        assert!(name(&json!({"sub": long, "name": format!("x{long}")}), &long).len() <= 500);
    }

    proptest! {
        #[test]
        fn nobody_is_a_partner_that_is_not_registered(values in prop::collection::vec(".{0,12}|acme|zeta|support", 0..4)) {
            if let Ok(found) = who(&json!({"sub": "1", "org": values}), "org") {
                let named = found.as_deref().unwrap_or("support");
                prop_assert!(values.iter().any(|value| value == named || (found.is_none() && value == "operators")));
            }
        }
    }
}
