//! Who exists: 30 partners, 60 modules, 20 CSPs, 600 instances, and how busy each is.

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
}

impl Fleet {
    pub(super) fn new() -> Self {
        let mut fleet = Self { instances: Vec::new(), weights: Vec::new() };
        let mut sum = 0;
        for module_number in 0..MODULES {
            let module: Arc<str> = format!("{}-{}", KINDS[module_number % KINDS.len()], module_number / KINDS.len() + 1).into();
            let partner: Arc<str> = format!("partner-{:02}", module_number % PARTNERS).into();
            for number in 0..INSTANCES {
                let csp: Arc<str> = format!("{}", 400 + (module_number * 3 + number * 2) % CSPS * 17).into();
                // A few modules and telcos make most of the lines, as ever.
                sum += 1_000_000 / ((module_number as u64 + 4) * (number as u64 + 2));
                fleet.instances.push(Instance {
                    id: format!("csp-{csp}-{module}").into(),
                    module: module.clone(),
                    partner: partner.clone(),
                    csp,
                    module_number,
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
        self.instances.chunks(INSTANCES).filter_map(|instances| instances.first()).map(|instance| (&instance.module, &instance.partner))
    }

    /// Partners, each once.
    pub(crate) fn partners(&self) -> impl Iterator<Item = &Arc<str>> {
        self.modules().take(PARTNERS).map(|(_, partner)| partner)
    }
}
