//! What is said of a module before anything of it is looked at.

use super::gate::may_have_rows;
use super::predicate::{Field, Pattern, Predicate, Stamp, Test};
use super::testing::{chunk, owner, row, split};
use crate::instances::Instances;

fn instance(test: Test) -> Predicate {
    Predicate::Field(Field::Stamp(Stamp::Instance), test)
}

fn is(id: &str) -> Predicate {
    instance(Test::Equals(id.to_owned()))
}

fn not(predicate: Predicate) -> Predicate {
    Predicate::Not(Box::new(predicate))
}

#[test]
fn a_module_without_the_instance_is_not_looked_into() {
    let mut instances = Instances::default();
    for (seq, instance) in [(0, "sms-1"), (1, "sms-2")] {
        instances.see(&chunk(vec![row(&owner("p1", "sms", instance), seq, 1, 1, "x", "")]));
    }
    let key = owner("p1", "sms", "sms-1").key.clone();
    let may = |predicate: &Predicate| may_have_rows(predicate, &key, &instances);
    assert!(may(&is("sms-1")) && may(&is("sms-2")) && !may(&is("sms-3")));
    assert!(may(&not(is("sms-1"))) && may(&not(is("sms-3"))));
    assert!(may(&instance(Test::Wildcard(Pattern("sms-*".to_owned())))));
    assert!(!may(&instance(Test::Wildcard(Pattern("mms-*".to_owned())))));
    assert!(!may(&not(instance(Test::Exists))), "each row has one");
    assert!(!may(&Predicate::And(vec![is("sms-3"), Predicate::Word(Pattern("x".to_owned()))])));
    assert!(may(&Predicate::Or(vec![is("sms-3"), Predicate::Word(Pattern("x".to_owned()))])));
}

#[test]
fn a_split_of_which_nothing_is_known_may_have_any_instance() {
    let folder = tempfile::tempdir().unwrap();
    let owner = owner("p1", "sms", "sms-1");
    let mut instances = Instances::default();
    instances.see_split(&split(folder.path(), &[row(&owner, 0, 1, 1, "x", "")]));
    assert!(may_have_rows(&is("sms-9"), &owner.key, &instances));
}
