//! Traffic: which stories begin when, and their events in the order of time.
//!
//! Each second of the calendar (a *slot*) rolls its own dice from (seed, slot), so any moment can be told without the ones before it: that is
//! how the demo goes on from its data. Events of the slots already begun wait in a heap until their time has come.
//! The order is (time, slot, place in the slot), which makes it total and the output the same every time.

use super::calendar::{Calendar, Trouble};
use super::dice::Dice;
use super::scene::{Act, Event, Scene};
use super::stories::{STORIES, STORY_SECONDS_MAX, background};
use super::time::SECOND;
use super::world::{CSPS, World};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events a story has on average, over all stories by their weights; measured by a test below.
const EVENTS_PER_STORY: f64 = 4.3;
/// History is not written denser than this, lines a second: who asks for a lively demo does not want to wait for its past.
const HISTORY_RATE_MAX: f64 = 40.0;
/// How the CSPs share the traffic.
const CSP_WEIGHTS: [u32; 3] = [5, 3, 2];

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at_ns: i64,
    slot: i64,
    number: usize,
}

#[derive(Debug)]
struct Waiting {
    place: Place,
    event: Event,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

/// See the module.
pub(super) struct Traffic<'w> {
    world: &'w World,
    calendar: Calendar,
    seed: u64,
    /// Lines a second, on average.
    rate: f64,
    /// The next slot to begin, seconds since the epoch.
    slot: i64,
    waiting: BinaryHeap<Reverse<Waiting>>,
}

impl<'w> Traffic<'w> {
    /// The traffic of everything that happens at `from_ns` or later.
    pub(super) fn new(world: &'w World, calendar: Calendar, seed: u64, rate: f64, from_ns: i64) -> Self {
        let first = calendar.history_ns().div_euclid(SECOND);
        let slot = (from_ns.div_euclid(SECOND) - STORY_SECONDS_MAX).max(first);
        let mut traffic = Self { world, calendar, seed, rate, slot, waiting: BinaryHeap::new() };
        // What was told before is told again and not heard.
        traffic.until(from_ns, |_| ());
        traffic
    }

    /// Tells every event before `until_ns` that was not told yet, in order.
    pub(super) fn until(&mut self, until_ns: i64, mut tell: impl FnMut(Event)) {
        loop {
            let begun_ns = self.slot * SECOND;
            while self.waiting.peek().is_some_and(|Reverse(next)| next.place.at_ns < until_ns.min(begun_ns)) {
                if let Some(Reverse(next)) = self.waiting.pop() {
                    tell(next.event);
                }
            }
            if begun_ns >= until_ns {
                return;
            }
            self.begin_slot();
        }
    }

    fn begin_slot(&mut self) {
        let (slot, slot_ns) = (self.slot, self.slot * SECOND);
        self.slot += 1;
        let mut dice = Dice::new(self.seed, slot.cast_unsigned());
        let mut events = self.scheduled(&mut dice, slot_ns);
        events.extend(self.stories(&mut dice, slot_ns));
        for (number, event) in events.into_iter().enumerate() {
            self.waiting.push(Reverse(Waiting { place: Place { at_ns: event.at_ns, slot, number }, event }));
        }
    }

    /// What the calendar names: restarts, and the end of the provider's trouble.
    fn scheduled(&self, dice: &mut Dice, slot_ns: i64) -> Vec<Event> {
        let mut events = Vec::new();
        for restart in self.calendar.restarts(slot_ns) {
            if let Some(csp) = CSPS.iter().position(|csp| csp.id == restart.csp) {
                let mut scene = self.scene(dice, csp, slot_ns);
                background::restart(&mut scene, restart);
                events.extend(scene.into_events());
            }
        }
        for csp in 0..CSPS.len() {
            let troubled = |at_ns| self.calendar.troubled(Trouble::SmsProvider, csp, at_ns);
            if troubled(slot_ns - SECOND) && !troubled(slot_ns) {
                let mut scene = self.scene(dice, csp, slot_ns);
                background::provider_back(&mut scene);
                events.extend(scene.into_events());
            }
        }
        events
    }

    fn stories(&self, dice: &mut Dice, slot_ns: i64) -> Vec<Event> {
        let rate = if slot_ns < self.calendar.start_ns { self.rate.min(HISTORY_RATE_MAX) } else { self.rate };
        let wanted = rate * self.calendar.load(slot_ns) / EVENTS_PER_STORY;
        let mut events = Vec::new();
        let mut told = dice.unit();
        while told < wanted {
            told += 1.0;
            let csp = dice.weighted(&CSP_WEIGHTS);
            let story = &STORIES[dice.weighted(&STORIES.each_ref().map(|story| story.weight))];
            let at_ns = slot_ns + i64::try_from(dice.below(SECOND.unsigned_abs())).unwrap_or(0);
            let mut scene = self.scene(dice, csp, at_ns);
            (story.tell)(&mut scene);
            events.extend(scene.into_events());
        }
        events
    }

    fn scene(&self, dice: &mut Dice, csp: usize, at_ns: i64) -> Scene<'w> {
        Scene::new(self.world, self.calendar, csp, at_ns, Dice::new(self.seed, dice.number()))
    }
}

/// The physical lines of an event.
pub(super) fn lines_of(act: &Act) -> usize {
    match act {
        Act::Out(text) | Act::Err(text) => text.split('\n').count(),
        Act::Torn(_) => 1,
        Act::Restart => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::calendar::HISTORY_MINUTES;
    use crate::demo::time::MINUTE;
    use std::collections::BTreeSet;

    const START: Calendar = Calendar { start_ns: 1_795_342_370 * SECOND };

    fn told(seed: u64, rate: f64, from_ns: i64, until_ns: i64) -> Vec<Event> {
        let world = World::new(seed);
        let mut events = Vec::new();
        Traffic::new(&world, START, seed, rate, from_ns).until(until_ns, |event| events.push(event));
        events
    }

    #[test]
    fn the_same_seed_tells_the_same_and_another_seed_something_else() {
        let (from, until) = (START.history_ns(), START.history_ns() + 10 * MINUTE);
        assert_eq!(told(1, 10.0, from, until), told(1, 10.0, from, until));
        assert_ne!(told(1, 10.0, from, until), told(2, 10.0, from, until));
    }

    #[test]
    fn going_on_from_any_moment_tells_what_telling_through_would_have_told() {
        let (from, middle, until) = (START.history_ns(), START.history_ns() + 11 * MINUTE + 333, START.history_ns() + 14 * MINUTE);
        let through = told(7, 10.0, from, until);
        let mut pieces = told(7, 10.0, from, middle);
        pieces.extend(told(7, 10.0, middle, until));
        assert_eq!(through, pieces);
        assert!(through.is_sorted_by_key(|event| event.at_ns));
    }

    #[test]
    fn the_rate_is_what_was_asked_for() {
        let events = told(3, 4.0, START.history_ns(), START.start_ns);
        let seconds = (HISTORY_MINUTES * 60) as f64;
        let rate = events.len() as f64 / seconds;
        assert!((3.6..4.6).contains(&rate), "{rate} events a second");
    }

    #[test]
    fn every_pod_speaks_and_no_story_is_longer_than_is_told_again() {
        let world = World::new(5);
        let events = told(5, 4.0, START.history_ns(), START.start_ns);
        let pods: BTreeSet<usize> = events.iter().map(|event| event.pod).collect();
        assert_eq!(pods.len(), world.pods.len());
        for (part, story) in STORIES.iter().enumerate() {
            for roll in 0..200 {
                let mut scene = Scene::new(&world, START, roll % 3, 0, Dice::new(roll as u64, part as u64));
                (story.tell)(&mut scene);
                assert!(scene.at_ns <= STORY_SECONDS_MAX * SECOND, "story {part} takes {} s", scene.at_ns / SECOND);
            }
        }
    }
}
