//! People whom a provider has vouched for: their tokens go with their sessions, and rule nothing that must last.

use super::*;
use crate::registry::people::SIGN_INS_MAX;

fn person(partner: Option<&str>, name: &str) -> Person {
    Person { partner: partner.map(str::to_owned), name: name.to_owned() }
}

#[tokio::test]
async fn a_person_reads_what_is_theirs_until_they_sign_out() {
    let world = World::with_instances().await;
    let (signed_in, scope) = world.registry.sign_in_person(person(Some("acme"), "SSO: alice")).await.unwrap();
    assert_eq!(scope.partner(), Some("acme"));
    assert!(world.registry.session_at(&signed_in.text, signed_in.expires_ns - 1).is_some());
    assert!(world.registry.session_at(&signed_in.text, signed_in.expires_ns).is_none(), "a working day is over");
    let (_, staff) = world.registry.sign_in_person(person(None, "SSO: bob")).await.unwrap();
    assert!(staff.is_staff());
    let token = world.registry.token(&world.staff, scope.token_id()).unwrap();
    assert_eq!((token.of_session, token.note.as_deref(), token.expires_ns), (true, Some("SSO: alice"), Some(signed_in.expires_ns)));
    let told = serde_json::to_value(&*token).unwrap();
    assert_eq!(told["session"], true);
    // It is there after a restart, as what it is.
    let world = world.reopened().await;
    assert!(world.registry.session(&signed_in.text).is_some());
    assert!(world.registry.token(&world.staff, scope.token_id()).unwrap().of_session);
    world.registry.sign_out(&signed_in.text).await.unwrap();
    assert!(!world.registry.still_valid(&scope) && world.registry.session(&signed_in.text).is_none());
    assert!(world.registry.token(&world.staff, scope.token_id()).is_err());
    world.registry.sign_out(&signed_in.text).await.unwrap();
}

#[tokio::test]
async fn signing_out_of_a_token_that_somebody_keeps_leaves_the_token() {
    let world = World::new().await;
    let session = world.registry.sign_in(&world.staff).await.unwrap();
    world.registry.sign_out(&session.text).await.unwrap();
    assert!(world.registry.session(&session.text).is_none());
    assert!(world.registry.still_valid(&world.staff));
}

#[tokio::test]
async fn nobody_is_signed_in_for_a_partner_that_is_not_there() {
    let world = World::with_instances().await;
    let error = world.registry.sign_in_person(person(Some("nobody"), "SSO: alice")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Absent { what: "partner", .. }), "{error}");
    for bad in ["two\nlines", &"x".repeat(501)] {
        assert!(world.registry.sign_in_person(person(None, bad)).await.is_err());
    }
    assert!(world.registry.tokens(&world.staff).iter().all(|token| !token.of_session));
}

#[tokio::test]
async fn a_signed_in_person_is_not_the_last_staff() {
    let world = World::new().await;
    let (_, person) = world.registry.sign_in_person(person(None, "SSO: bob")).await.unwrap();
    let refused = world.registry.revoke_token(world.staff.token_id()).await.unwrap_err();
    assert!(matches!(refused, RegistryError::Conflict { code: "last_staff_token", .. }), "{refused}");
    // Their own can always be revoked.
    world.registry.revoke_token(person.token_id()).await.unwrap();
    assert!(!world.registry.still_valid(&person));
    assert!(world.registry.bootstrap_staff_token().await.unwrap().is_none());
}

#[tokio::test]
async fn one_person_s_oldest_sign_in_makes_room_and_others_stay() {
    let world = World::with_instances().await;
    let (other, _) = world.registry.sign_in_person(person(Some("acme"), "SSO: alice")).await.unwrap();
    let (first, _) = world.registry.sign_in_person(person(Some("acme"), "SSO: bob")).await.unwrap();
    for _ in 0..50 {
        world.registry.sign_in_person(person(Some("acme"), "SSO: bob")).await.unwrap();
    }
    assert!(world.registry.session(&first.text).is_none() && world.registry.session(&other.text).is_some());
    assert_eq!(world.registry.tokens(&world.staff).iter().filter(|token| token.of_session).count(), 51);
    assert_eq!(world.registry.shared.state.read().sessions.len(), 51);
}

#[tokio::test]
async fn sign_ins_that_have_expired_are_removed_and_bound_all_of_them() {
    let world = World::with_instances().await;
    let (signed_in, scope) = world.registry.sign_in_person(person(Some("acme"), "SSO: alice")).await.unwrap();
    let token = world.registry.token(&world.staff, scope.token_id()).unwrap();
    world.registry.remove_ended_people().await.unwrap();
    assert!(world.registry.session(&signed_in.text).is_some());
    // As if the day were over, and as if there were as many as there may be.
    {
        let mut state = world.registry.shared.state.write();
        state.apply(Change::PutToken(Arc::new(Token { expires_ns: Some(1), ..(*token).clone() })));
        for number in 1..SIGN_INS_MAX {
            let id: Arc<str> = format!("t{number}").into();
            state.apply(Change::PutToken(Arc::new(Token {
                note: None,
                id,
                digest: crate::registry::secret::digest(&number.to_string()),
                ..(*token).clone()
            })));
        }
    }
    let (_, second) = world.registry.sign_in_person(person(Some("acme"), "SSO: bob")).await.unwrap();
    assert!(world.registry.own_token(scope.token_id()).is_none(), "what has expired made room");
    let full = world.registry.sign_in_person(person(Some("acme"), "SSO: carol")).await.unwrap_err();
    assert!(matches!(full, RegistryError::Conflict { code: "full", .. }), "{full}");
    assert!(world.registry.still_valid(&second));
}

#[tokio::test]
async fn a_partner_that_goes_takes_its_signed_in_people_along() {
    let world = World::new().await;
    world.registry.create_partner(NewPartner { id: "acme".to_owned(), name: None }).await.unwrap();
    let (signed_in, scope) = world.registry.sign_in_person(person(Some("acme"), "SSO: alice")).await.unwrap();
    world.registry.remove_partner("acme").await.unwrap();
    assert!(!world.registry.still_valid(&scope) && world.registry.session(&signed_in.text).is_none());
}
