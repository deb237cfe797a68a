//! Example queries that find something, for whoever looks at the demo first.

use super::calendar::Calendar;
use super::scene::Act;
use super::time::MINUTE;
use super::traffic::Traffic;
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};

/// A query and what it shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) query: String,
    pub(super) shows: &'static str,
}

/// Three queries for the staff token.
pub(super) fn examples(world: &World, calendar: Calendar, seed: u64, rate: f64, now_ns: i64) -> Vec<Example> {
    let mut examples = vec![
        Example { query: "csp:434 level>=warn \"timed out\"".to_owned(), shows: "customer 434's SMS provider failed about an hour ago" },
        Example { query: "`Sending message: {'to': '38`".to_owned(), shows: "any pasted piece of a line, here of plain Python logging" },
    ];
    let request = widest_request(world, calendar, seed, rate, now_ns);
    examples.insert(
        1,
        request.map_or_else(
            || Example { query: "event_type:\"SIM/Updated\"".to_owned(), shows: "eSIM events and their steps" },
            |id| Example {
                query: format!("request_id:{id}"),
                shows: "one request through several partners' modules, JSON and text lines alike",
            },
        ),
    );
    examples
}

/// The request id that most modules printed in the ten minutes before now.
fn widest_request(world: &World, calendar: Calendar, seed: u64, rate: f64, now_ns: i64) -> Option<String> {
    let mut seen: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    Traffic::new(world, calendar, seed, rate, now_ns - 10 * MINUTE).until(now_ns, |event| {
        let Act::Out(text) = &event.act else { return };
        if let Some(id) = request_id(text) {
            seen.entry(id.to_owned()).or_default().insert(event.pod);
        }
    });
    seen.into_iter().max_by_key(|(_, pods)| pods.len()).map(|(id, _)| id)
}

fn request_id(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("\"request_id\":\"").or_else(|| text.split_once("REQ <"))?;
    let end = rest.find(['"', '>'])?;
    (end > 0).then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_match_lines_of_the_history() {
        let (world, calendar) = (World::new(9), Calendar { start_ns: 1_795_342_370_000_000_000 });
        let examples = examples(&world, calendar, 9, 6.0, calendar.start_ns);
        let id = examples[1].query.strip_prefix("request_id:").unwrap().to_owned();
        let (mut pods, mut timed_out, mut pasted) = (BTreeSet::new(), 0, 0);
        Traffic::new(&world, calendar, 9, 6.0, calendar.history_ns()).until(calendar.start_ns, |event| {
            let Act::Out(text) = &event.act else { return };
            if text.contains(&id) {
                pods.insert(event.pod);
            }
            timed_out += usize::from(world.pods[event.pod].namespace == "csp-434-sms" && text.contains("timed out after 10000 ms"));
            pasted += usize::from(text.contains("Sending message: {'to': '38"));
        });
        assert!(pods.len() >= 4, "{} pods print {id}", pods.len());
        assert!(timed_out > 50 && pasted > 50, "{timed_out} {pasted}");
    }
}
