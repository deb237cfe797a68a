//! Who exists in the demo: partners, their modules, the CSPs, the instances and the pods they run in. Plain data, the same for the same seed.
//!
//! One pod belongs to no registered instance, so that the quarantine has something to show.

use super::dice::Dice;
use std::collections::BTreeMap;

/// A partner: its id and name.
pub(super) const PARTNERS: [(&str, &str); 4] = [
    ("northbeam", "Northbeam Messaging"),
    ("kordex", "Kordex Voice"),
    ("tarifico", "Tarifico Charging"),
    ("lumina", "Lumina Customer Care"),
];

/// What a simulated module is. The order is that of [`MODULES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Sms,
    Otp,
    Voicemail,
    Sip,
    Porting,
    Roaming,
    Billing,
    Payment,
    Fraud,
    Crm,
    SelfCare,
    Esim,
    /// In no registry.
    Loyalty,
}

/// A module: what it is, its id, whose it is, the short name in instance ids, the name of its workload, its version.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) kind: Kind,
    pub(super) id: &'static str,
    pub(super) partner: &'static str,
    pub(super) short: &'static str,
    pub(super) app: &'static str,
    pub(super) version: &'static str,
}

macro_rules! modules {
    ($($kind:ident $id:literal $partner:literal $short:literal $app:literal $version:literal;)+) => {
        [$(Module { kind: Kind::$kind, id: $id, partner: $partner, short: $short, app: $app, version: $version },)+]
    };
}

/// Every module; the last one is not registered.
pub(super) const MODULES: [Module; 13] = modules! {
    Sms       "vonage-sms"     "northbeam" "sms"       "sms-gateway"    "2.4.1";
    Otp       "otp-sender"     "northbeam" "otp"       "otp-sender"     "0.9.3";
    Voicemail "voicemail"      "northbeam" "voicemail" "voicemail"      "5.0.2";
    Sip       "sip-control"    "kordex"    "sip"       "call-control"   "3.11.0";
    Porting   "number-porting" "kordex"    "porting"   "mnp-broker"     "1.7.4";
    Roaming   "roam-steer"     "kordex"    "roaming"   "roam-steer"     "1.2.0";
    Billing   "cdr-billing"    "tarifico"  "billing"   "cdr-rater"      "6.2.8";
    Payment   "pay-bridge"     "tarifico"  "payments"  "pay-bridge"     "2.0.0-rc3";
    Fraud     "fraud-guard"    "tarifico"  "fraud"     "fraud-guard"    "4.1.1";
    Crm       "crm-sync"       "lumina"    "crm"       "crm-sync"       "1.14.0";
    SelfCare  "self-care"      "lumina"    "selfcare"  "self-care-web"  "8.3.0";
    Esim      "esim-hub"       "lumina"    "esim"      "esim-hub"       "2.2.5";
    Loyalty   "loyalty-points" "bonusly"   "loyalty"   "loyalty-points" "0.1.0";
};

/// A telco. The country says how its numbers look, the language what its subscribers read.
#[derive(Debug)]
pub(super) struct Csp {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// The first digits of its numbers.
    pub(super) prefixes: &'static [&'static str],
    /// Mobile country and network code.
    pub(super) plmn: &'static str,
    pub(super) environment: &'static str,
    /// Which modules it runs, and in how many pods.
    runs: &'static [(Kind, u8)],
}

/// The telcos.
pub(super) const CSPS: [Csp; 3] = [
    Csp {
        id: "434",
        name: "Dnipro Mobile",
        prefixes: &["38050", "38066", "38095"],
        plmn: "255-01",
        environment: "production",
        runs: &[
            (Kind::Sms, 2),
            (Kind::Otp, 1),
            (Kind::Voicemail, 1),
            (Kind::Sip, 2),
            (Kind::Porting, 1),
            (Kind::Roaming, 1),
            (Kind::Billing, 1),
            (Kind::Payment, 1),
            (Kind::Fraud, 1),
            (Kind::Crm, 1),
            (Kind::SelfCare, 2),
            (Kind::Esim, 1),
        ],
    },
    Csp {
        id: "517",
        name: "Iberia Telecom",
        prefixes: &["34691", "34655", "34722"],
        plmn: "214-05",
        environment: "production",
        runs: &[
            (Kind::Sms, 1),
            (Kind::Sip, 1),
            (Kind::Porting, 1),
            (Kind::Billing, 1),
            (Kind::Payment, 1),
            (Kind::Fraud, 1),
            (Kind::Crm, 1),
            (Kind::SelfCare, 1),
            (Kind::Esim, 1),
            (Kind::Loyalty, 1),
        ],
    },
    Csp {
        id: "902",
        name: "Harbour Fone",
        prefixes: &["44740", "44790"],
        plmn: "234-88",
        environment: "staging",
        runs: &[
            (Kind::Sms, 1),
            (Kind::Otp, 1),
            (Kind::Voicemail, 1),
            (Kind::Sip, 1),
            (Kind::Roaming, 1),
            (Kind::Billing, 1),
            (Kind::SelfCare, 1),
        ],
    },
];

/// One deployment of a module for one CSP, as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) module: &'static str,
    pub(super) csp: &'static str,
    pub(super) environment: &'static str,
    pub(super) namespace: String,
    /// Labels that tell it from others in the same namespace; empty where it has one of its own.
    pub(super) labels: BTreeMap<String, String>,
}

/// A pod with its one container.
#[derive(Debug, Clone)]
pub(super) struct Pod {
    pub(super) kind: Kind,
    /// Index into [`CSPS`].
    pub(super) csp: usize,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) container: &'static str,
    pub(super) labels: BTreeMap<String, String>,
}

impl Pod {
    /// The folder of the container's logs below the root, as the kubelet names it.
    pub(super) fn folder(&self) -> String {
        format!("{}_{}_{}/{}", self.namespace, self.name, self.uid, self.container)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct World {
    pub(super) instances: Vec<Instance>,
    pub(super) pods: Vec<Pod>,
}

impl World {
    /// The world of this seed: names and UIDs of the pods depend on it.
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, u64::MAX);
        let mut world = Self { instances: Vec::new(), pods: Vec::new() };
        for (csp_at, csp) in CSPS.iter().enumerate() {
            for (kind, replicas) in csp.runs {
                world.deploy(&mut dice, csp_at, module(*kind), *replicas);
            }
        }
        world
    }

    fn deploy(&mut self, dice: &mut Dice, csp_at: usize, module: &'static Module, replicas: u8) {
        let csp = &CSPS[csp_at];
        let id = format!("csp-{}-{}", csp.id, module.short);
        // Two telcos give each instance a namespace; the third keeps all of them in one and tells them apart by labels.
        let shared = csp.id == "902";
        let namespace = if shared { format!("csp-{}", csp.id) } else { id.clone() };
        let labels = BTreeMap::from(
            [
                ("vendor_id", module.partner),
                ("app.kubernetes.io/name", module.app),
                ("app.kubernetes.io/instance", &*id),
                ("app.kubernetes.io/version", module.version),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let replica_set = dice.hex(9);
        for _ in 0..replicas {
            self.pods.push(Pod {
                kind: module.kind,
                csp: csp_at,
                namespace: namespace.clone(),
                name: format!("{}-{replica_set}-{}", module.app, dice.hex(5)),
                uid: dice.uuid(),
                container: "app",
                labels: labels.clone(),
            });
        }
        if module.kind != Kind::Loyalty {
            let selector = if shared { BTreeMap::from([("app.kubernetes.io/instance".to_owned(), id.clone())]) } else { BTreeMap::new() };
            self.instances.push(Instance { id, module: module.id, csp: csp.id, environment: csp.environment, namespace, labels: selector });
        }
    }

    /// The pods of a module at a CSP, as indices into `pods`; empty where it does not run there.
    pub(super) fn pods_of(&self, kind: Kind, csp: usize) -> impl Iterator<Item = usize> {
        self.pods.iter().enumerate().filter(move |(_, pod)| pod.kind == kind && pod.csp == csp).map(|(at, _)| at)
    }
}

/// The module of this kind.
pub(super) fn module(kind: Kind) -> &'static Module {
    &MODULES[kind as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn modules_are_listed_in_the_order_of_their_kinds() {
        for (at, module) in MODULES.iter().enumerate() {
            assert_eq!(module.kind as usize, at);
        }
    }

    #[test]
    fn the_world_is_four_partners_twelve_modules_and_three_csps() {
        let world = World::new(1);
        let modules: BTreeSet<_> = world.instances.iter().map(|instance| instance.module).collect();
        let csps: BTreeSet<_> = world.instances.iter().map(|instance| instance.csp).collect();
        let partners: BTreeSet<_> = MODULES.iter().filter(|module| modules.contains(module.id)).map(|module| module.partner).collect();
        assert_eq!((partners.len(), modules.len(), csps.len()), (4, 12, 3));
        let folders: BTreeSet<_> = world.pods.iter().map(Pod::folder).collect();
        assert_eq!(folders.len(), world.pods.len());
    }

    #[test]
    fn exactly_one_pod_has_no_registered_instance() {
        let world = World::new(1);
        let orphans = world.pods.iter().filter(|pod| {
            !world.instances.iter().any(|instance| {
                instance.namespace == pod.namespace && instance.labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
            })
        });
        assert_eq!(orphans.map(|pod| pod.kind).collect::<Vec<_>>(), [Kind::Loyalty]);
    }
}
