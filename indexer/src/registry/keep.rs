//! How long rows are kept: said of an instance, or of a module for those of its instances that say nothing; the store's own retention holds for all others.

use super::Registry;
use crate::catalog::numbers::damaged;
use crate::row::ModuleKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The units, with their seconds.
const UNITS_S: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
/// A hundred years: what is kept for longer is kept for ever.
const SECONDS_MAX: u64 = 36_500 * 86_400;

/// A length of time as it was written: a whole number and a unit (`s`, `m`, `h`, `d`), such as `30d`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Keep {
    text: String,
    duration: Duration,
}

impl TryFrom<String> for Keep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let error = || "must be a whole number and a unit (s, m, h, d), from 1s to 36500d, such as 30d".to_owned();
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(error)?;
        let seconds = UNITS_S.iter().find(|(name, _)| unit.chars().eq([*name])).map(|(_, seconds)| *seconds).ok_or_else(error)?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| digits).ok_or_else(error)?;
        match number.checked_mul(seconds) {
            Some(seconds @ 1..=SECONDS_MAX) => Ok(Self { text, duration: Duration::from_secs(seconds) }),
            _ => Err(error()),
        }
    }
}

impl From<Keep> for String {
    fn from(keep: Keep) -> Self {
        keep.text
    }
}

impl Keep {
    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// From the column `retention`.
pub(super) fn read(row: &SqliteRow) -> Result<Option<Keep>, sqlx::Error> {
    let text: Option<String> = row.try_get("retention")?;
    text.map(|text| Keep::try_from(text).map_err(|error| damaged("retention", std::io::Error::other(error)))).transpose()
}

/// What the registry says of retention, as of one moment. `None` is for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keeps {
    /// What holds for the whole store.
    pub(crate) global: Option<Duration>,
    /// The modules that say something of their own, or whose instances do.
    modules: HashMap<ModuleKey, ModuleKeep>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ModuleKeep {
    own: Option<Duration>,
    instances: HashMap<Arc<str>, Option<Duration>>,
}

impl Keeps {
    /// How long rows of an instance are kept; of one that is not registered any more, as long as the module's.
    pub(crate) fn of(&self, key: &ModuleKey, instance: &str) -> Option<Duration> {
        match self.modules.get(key) {
            None => self.global,
            Some(module) => module.instances.get(instance).copied().unwrap_or(module.own),
        }
    }

    /// How long any row of a module is kept.
    pub(crate) fn longest(&self, key: &ModuleKey) -> Option<Duration> {
        let Some(module) = self.modules.get(key) else { return self.global };
        module.instances.values().copied().chain([module.own]).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// How long any row is kept.
    pub(crate) fn longest_of_all(&self) -> Option<Duration> {
        let all = self.modules.keys().map(|key| self.longest(key)).chain([self.global]);
        all.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The shortest that rows of a module are kept, where that is shorter than the longest.
    pub(crate) fn shorter(&self, key: &ModuleKey) -> Option<Duration> {
        let module = self.modules.get(key)?;
        let shortest = module.instances.values().copied().chain([module.own]).flatten().min()?;
        self.longest(key).is_none_or(|longest| shortest < longest).then_some(shortest)
    }
}

impl Registry {
    /// Who keeps rows for how long, over what holds for the whole store.
    pub(crate) fn keeps(&self, global: Option<Duration>) -> Keeps {
        let state = self.shared.state.read();
        let mut keeps = Keeps { global, modules: HashMap::new() };
        let said = state.modules.values().filter(|module| module.retention.is_some()).map(|module| &module.id);
        let said = said.chain(state.instances.values().filter(|instance| instance.retention.is_some()).map(|instance| &instance.module));
        for module in said.filter_map(|id| state.modules.get(id)) {
            let key = ModuleKey { partner: Arc::clone(&module.partner), module: Arc::clone(&module.id) };
            let own = module.retention.as_ref().map_or(global, |keep| Some(keep.duration));
            keeps.modules.entry(key).or_default().own = own;
        }
        for instance in state.instances.values() {
            let key = ModuleKey { partner: Arc::clone(&instance.partner), module: Arc::clone(&instance.module) };
            if let Some(module) = keeps.modules.get_mut(&key) {
                let keep = instance.retention.as_ref().map_or(module.own, |keep| Some(keep.duration));
                module.instances.insert(Arc::clone(&instance.id), keep);
            }
        }
        keeps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_read_as_written_or_refused() {
        for (good, seconds) in [("1s", 1), ("90m", 5_400), ("30d", 2_592_000), ("36500d", SECONDS_MAX)] {
            let keep = Keep::try_from(good.to_owned()).unwrap();
            assert_eq!((keep.duration, String::from(keep).as_str()), (Duration::from_secs(seconds), good));
        }
        for bad in ["", "d", "0d", "30", "-1d", "+1d", "1.5d", "30 d", "36501d", "99999999999999999999d", "1w", "é", "3é"] {
            assert!(Keep::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_instance_goes_before_its_module_and_that_before_the_store() {
        let key = |module: &str| ModuleKey { partner: "acme".into(), module: module.into() };
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
        let module = |own, instances: &[(&str, Option<Duration>)]| ModuleKeep {
            own,
            instances: instances.iter().map(|(id, keep)| ((*id).into(), *keep)).collect(),
        };
        let modules = HashMap::from([
            (key("a"), module(hours(5), &[("a1", hours(1)), ("a2", hours(5))])),
            (key("b"), module(None, &[("b1", hours(2))])),
        ]);
        let keeps = Keeps { global: hours(9), modules };
        assert_eq!([keeps.of(&key("a"), "a1"), keeps.of(&key("a"), "gone"), keeps.of(&key("c"), "x")], [hours(1), hours(5), hours(9)]);
        assert_eq!([keeps.longest(&key("a")), keeps.longest(&key("b")), keeps.longest(&key("c"))], [hours(5), None, hours(9)]);
        assert_eq!([keeps.shorter(&key("a")), keeps.shorter(&key("b")), keeps.shorter(&key("c"))], [hours(1), hours(2), None]);
    }
}
