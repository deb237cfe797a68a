//! Who exists, and how busy each is: 30 partners, 60 modules, 20 CSPs, 600 instances, unevenly busy; or any number of modules, evenly.

use super::dice::Dice;
use std::sync::Arc;

const PARTNERS: usize = 30;
const MODULES: usize = 60;
const CSPS: usize = 20;
/// Of each module.
const INSTANCES: usize = 10;

const KINDS: [&str; 20] = [
    "sms-gateway",
    "number-porting",
    "esim-hub",
    "cdr-rater",
    "call-control",
    "voicemail",
    "crm-sync",
    "pay-bridge",
    "fraud-guard",
    "roam-steer",
    "self-care",
    "otp-sender",
    "tax-engine",
    "invoice-pdf",
    "device-config",
    "address-check",
    "campaigns",
    "dunning",
    "usage-alerts",
    "partner-portal",
];

/// One deployment of a module for a CSP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    /// Its id, and the name of its namespace.
    pub(crate) id: Arc<str>,
    pub(crate) module: Arc<str>,
    pub(crate) partner: Arc<str>,
    pub(crate) csp: Arc<str>,
    pub(super) module_number: usize,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Fleet {
    pub(crate) instances: Vec<Instance>,
    /// For each instance the sum of the weights up to and including it.
    weights: Vec<u64>,
    instances_per_module: usize,
}

impl Fleet {
    /// The one that the figures are stated for. A few modules and telcos make most of the lines, as ever.
    pub(crate) fn new() -> Self {
        Self::of(MODULES, INSTANCES, |module, number| 1_000_000 / ((module + 4) * (number + 2)))
    }

    /// So many modules with so many instances each, all equally busy. Those beyond the 60th print what one of the first 60 prints.
    pub(crate) fn even(modules: usize, instances: usize) -> Self {
        Self::of(modules, instances, |_, _| 1)
    }

    fn of(modules: usize, instances: usize, weight: impl Fn(u64, u64) -> u64) -> Self {
        let mut fleet = Self { instances: Vec::new(), weights: Vec::new(), instances_per_module: instances };
        let mut sum = 0;
        for module_number in 0..modules {
            let module: Arc<str> = format!("{}-{}", KINDS[module_number % KINDS.len()], module_number / KINDS.len() + 1).into();
            let partner: Arc<str> = format!("partner-{:02}", module_number % PARTNERS).into();
            for number in 0..instances {
                let csp: Arc<str> = format!("{}", 400 + (module_number * 3 + number * 2) % CSPS * 17).into();
                sum += weight(module_number as u64, number as u64);
                fleet.instances.push(Instance {
                    id: format!("csp-{csp}-{module}").into(),
                    module: module.clone(),
                    partner: partner.clone(),
                    csp,
                    module_number: module_number % MODULES,
                });
                fleet.weights.push(sum);
            }
        }
        fleet
    }

    /// The index of an instance, in proportion to how busy it is.
    pub(super) fn pick(&self, dice: &mut Dice) -> usize {
        let roll = dice.below(self.weights.last().copied().unwrap_or(0));
        self.weights.partition_point(|upto| *upto <= roll)
    }

    /// The instance with the most lines.
    pub(super) fn busiest(&self) -> &Instance {
        &self.instances[0]
    }

    /// Modules and their partners, each once.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.instances
            .chunks(self.instances_per_module)
            .filter_map(|instances| instances.first())
            .map(|instance| (&instance.module, &instance.partner))
    }

    /// Partners, each once.
    pub(crate) fn partners(&self) -> impl Iterator<Item = &Arc<str>> {
        self.modules().take(PARTNERS).map(|(_, partner)| partner)
    }
}
