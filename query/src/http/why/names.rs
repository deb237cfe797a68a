//! Names in the query that nothing within the scope has.
//!
//! Invariant: what is compared with is what the registry shows to this scope and what lines of this scope have. So the name of somebody else's instance and a
//! name that nobody has are one answer, and the nearest names are the reader's own.
//!
//! Every clause is looked into, with its groups and alternatives; what is negated is not, since a name that is none leaves nothing out there.

use super::find::Asker;
use super::{ClauseAlone, NAMES_MAX, NEAR_MAX, Question, Unknown};
use crate::http::sample::Sample;
use crate::lang::{Kind, Name, Node, Span};
use crate::plan::{Clause, Plan};
use martlog_indexer::search::predicate::Stamp;
use martlog_indexer::search::{Field, Predicate, Test};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Lines that are looked at for the names of fields and their values.
const SAMPLE_LINES: usize = 1_000;
/// How near a name must be to be meant by another one, 0 to 1.
const NEAR: f64 = 0.6;

/// An instance that the scope shows.
struct Owned {
    partner: Arc<str>,
    module: Arc<str>,
    instance: Arc<str>,
    csp: Arc<str>,
    environment: Option<Arc<str>>,
}

/// What the registry shows to the scope.
pub(super) struct Names {
    instances: Vec<Owned>,
    partners: Vec<Arc<str>>,
    modules: Vec<Arc<str>>,
}

impl Names {
    pub(super) fn of(question: &Question) -> Self {
        let (registry, scope) = (question.indexer.registry(), &question.scope);
        let owned = |instance: &Arc<martlog_indexer::registry::Instance>| Owned {
            partner: instance.partner.clone(),
            module: instance.module.clone(),
            instance: instance.id.clone(),
            csp: instance.csp.clone(),
            environment: instance.environment.clone(),
        };
        Self {
            instances: registry.instances(scope).iter().map(owned).collect(),
            partners: registry.partners(scope).iter().map(|partner| partner.id.clone()).collect(),
            modules: registry.modules(scope).iter().map(|module| module.id.clone()).collect(),
        }
    }

    /// The instances that the clauses leave, as far as they say whose lines they want; none where the quarantine is searched.
    pub(super) fn left_by(&self, clauses: &[Clause<'_>]) -> Vec<String> {
        let left = |owned: &&Owned| {
            clauses.iter().filter_map(|clause| owner_of(clause.predicate)).all(|(stamp, value)| owned.value(stamp) == Some(value))
        };
        self.instances.iter().filter(left).map(|owned| owned.instance.to_string()).collect()
    }

    /// The values of what the registry says; `None` for what lines alone say.
    fn values(&self, stamp: Stamp) -> Option<BTreeSet<&str>> {
        let named = match stamp {
            Stamp::Partner => self.partners.iter().map(|name| &**name).collect(),
            Stamp::Module => self.modules.iter().map(|name| &**name).collect(),
            Stamp::Instance | Stamp::Csp | Stamp::Environment => BTreeSet::new(),
            _ => return None,
        };
        Some(self.instances.iter().filter_map(|owned| owned.value(stamp)).chain(named).collect())
    }
}

impl Owned {
    fn value(&self, stamp: Stamp) -> Option<&str> {
        match stamp {
            Stamp::Partner => Some(&self.partner),
            Stamp::Module => Some(&self.module),
            Stamp::Instance => Some(&self.instance),
            Stamp::Csp => Some(&self.csp),
            Stamp::Environment => self.environment.as_deref(),
            _ => None,
        }
    }
}

/// Whose lines a test wants, where it says exactly that.
fn owner_of(predicate: &Predicate) -> Option<(Stamp, &str)> {
    let Predicate::Field(Field::Stamp(stamp), Test::Equals(value)) = predicate else { return None };
    use Stamp::{Csp, Environment, Instance, Module, Partner};
    matches!(stamp, Partner | Module | Instance | Csp | Environment).then_some((*stamp, value.as_str()))
}

/// A test of a field, somewhere in a clause.
struct Leaf<'c> {
    name: &'c str,
    name_at: Span,
    value_at: Span,
    field: &'c Field,
    predicate: &'c Predicate,
    /// Whether its clause finds nothing, so that it can be why.
    in_the_way: bool,
}

/// The tests of fields in all clauses but those that find something by themselves.
fn leaves<'c>(clauses: &[Clause<'c>], alone: &[ClauseAlone]) -> Vec<Leaf<'c>> {
    let mut found = Vec::new();
    for (at, clause) in clauses.iter().enumerate() {
        let in_the_way = alone.get(at).is_some_and(|alone| alone.alone.is_none());
        let finds = alone.get(at).is_some_and(|alone| alone.alone.lines > 0);
        if !(finds && matches!(clause.node.kind, Kind::Field { .. })) {
            look_into(clause.node, None, clause.predicate, in_the_way, &mut found);
        }
    }
    found
}

/// The predicate of a node has its shape, but for what is asked of no field that rows have.
fn look_into<'c>(node: &'c Node, group: Option<&'c Name>, predicate: &'c Predicate, in_the_way: bool, found: &mut Vec<Leaf<'c>>) {
    let (name, test) = match (&node.kind, predicate) {
        (Kind::And { of }, Predicate::And(parts)) | (Kind::Or { of }, Predicate::Or(parts)) if of.len() == parts.len() => {
            of.iter().zip(parts).for_each(|(node, part)| look_into(node, group, part, in_the_way, found));
            return;
        }
        (Kind::Group { name, of }, predicate) => return look_into(of, Some(name), predicate, in_the_way, found),
        (Kind::Field { name, test }, _) => (name, test),
        (Kind::Term { test }, _) => match group {
            Some(name) => (name, test),
            None => return,
        },
        _ => return,
    };
    if let Predicate::Field(field, _) = predicate {
        found.push(Leaf { name: &name.text, name_at: name.span, value_at: test.span, field, predicate, in_the_way });
    }
}

/// How many questions [`unknown`] asks at most.
pub(super) fn questions(plan: &Plan) -> usize {
    leaves(&plan.clauses(), &[]).len().min(NAMES_MAX) * 2
}

/// What nothing has, of the fields and values that are asked for.
pub(super) async fn unknown(asker: &mut Asker<'_>, names: &Names, alone: &[ClauseAlone]) -> Vec<Unknown> {
    let question = asker.question;
    let clauses = question.plan.clauses();
    let leaves = leaves(&clauses, alone);
    if leaves.len() > NAMES_MAX {
        asker.unfinished("unknown");
    }
    let mut sample = None;
    let mut unknown: Vec<Unknown> = Vec::new();
    for leaf in leaves.iter().take(NAMES_MAX) {
        let found = match (leaf.field, owner_of(leaf.predicate)) {
            (_, Some((stamp, value))) if !question.plan.quarantine => match names.values(stamp) {
                Some(known) if !known.contains(value) && absent(asker, leaf.predicate).await => Some((Some(value), near(value, known))),
                _ => None,
            },
            (Field::Attribute(name), _) => {
                let sample = match &mut sample {
                    Some(sample) => sample,
                    none => none.insert(sampled(asker).await),
                };
                of_lines(asker, sample, name, leaf.field, leaf.predicate).await
            }
            _ => None,
        };
        if let Some((value, near)) = found {
            let span = question.spans(if value.is_some() { leaf.value_at } else { leaf.name_at });
            let told = Unknown { span, field: leaf.name.to_owned(), value: value.map(str::to_owned), near, in_the_way: leaf.in_the_way };
            // A group's field is one place, however many values it has.
            if !unknown.contains(&told) {
                unknown.push(told);
            }
        }
    }
    unknown
}

/// A field that no line has, or a value that is nearly one of those that the newest lines have.
async fn of_lines<'t>(
    asker: &mut Asker<'_>,
    sample: &Sample,
    name: &str,
    field: &Field,
    predicate: &'t Predicate,
) -> Option<(Option<&'t str>, Vec<String>)> {
    if absent(asker, &Predicate::Field(field.clone(), Test::Exists)).await {
        return Some((None, near(name, sample.fields.keys().map(String::as_str))));
    }
    let Predicate::Field(_, test) = predicate else { return None };
    let value = match test {
        Test::Equals(value) => value,
        Test::Words(words) => words.first().filter(|_| words.len() == 1)?,
        _ => return None,
    };
    let near = near(value, sample.fields.get(name)?.values.keys().map(String::as_str));
    (!near.is_empty() && absent(asker, predicate).await).then_some((Some(value), near))
}

/// Whether no line of the scope is like this, whenever it was. Where that cannot be found out in time, it is not said.
async fn absent(asker: &mut Asker<'_>, predicate: &Predicate) -> bool {
    match asker.ever(predicate).await {
        Some(is_there) => !is_there,
        None => {
            asker.unfinished("unknown");
            false
        }
    }
}

async fn sampled(asker: &mut Asker<'_>) -> Sample {
    let mut sample = Sample::default();
    asker.sample(SAMPLE_LINES).await.into_iter().for_each(|row| sample.take(row));
    sample
}

/// The nearest of some names, nearest first.
fn near<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let nearness = |name: &str| {
        let name = name.to_lowercase();
        let within = wanted.chars().count() >= 3 && (name.contains(&wanted) || wanted.contains(&name) && name.chars().count() >= 3);
        strsim::normalized_damerau_levenshtein(&wanted, &name).max(if within { NEAR } else { 0.0 })
    };
    let mut near: Vec<(f64, &str)> = names.into_iter().map(|name| (nearness(name), name)).filter(|(near, _)| *near >= NEAR).collect();
    near.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.cmp(other)));
    near.into_iter().take(NEAR_MAX).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_misspellings_and_parts_nearest_first() {
        let names = ["sms-434", "sms-435", "voice-255", "mms"];
        assert_eq!(near("sms-43", names), ["sms-434", "sms-435"]);
        assert_eq!(near("SMS-434", names), ["sms-434", "sms-435"]);
        assert_eq!(near("voice", names), ["voice-255"]);
        assert!(near("xylophone", names).is_empty());
    }
}
