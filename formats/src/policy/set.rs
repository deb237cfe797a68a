//! The policies of many instances, as a server tells them to its collectors and a collector keeps them for a start without a server.

use super::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The version of the form.
pub const POLICY_VERSION: u32 = 1;

/// The answer of `GET /api/v1/policy`, JSON: what is said of instances; of one that is not in it, nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicySet {
    /// [`POLICY_VERSION`].
    pub version: u32,
    /// Instances of one partner of which the same is said.
    pub groups: Vec<Group>,
}

/// Instances of one partner with one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// The partner.
    pub partner: String,
    /// What it is hashed with; there when the policy hashes something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<HashKey>,
    /// What holds for them.
    pub policy: Policy,
    /// The instances.
    pub instances: Vec<Target>,
}

/// An instance and its pods: those of the namespace that have all the labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// The instance.
    pub id: String,
    /// The Kubernetes namespace.
    pub namespace: String,
    /// Labels with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// The secret of a partner's hashes: the same for ever, so that equal values stay equal. Written as 64 hex digits; in no `Debug` output.
#[derive(Clone, Copy, PartialEq, Eq, JsonSchema)]
pub struct HashKey(#[schemars(with = "String", regex(pattern = r"^[0-9a-f]{64}$"))] [u8; 32]);

impl PolicySet {
    /// No policies.
    #[must_use]
    pub const fn none() -> Self {
        Self { version: POLICY_VERSION, groups: Vec::new() }
    }
}

impl Target {
    /// Whether a pod with these labels is the instance's, given that it is in the namespace.
    #[must_use]
    pub fn selects(&self, labels: &[(String, String)]) -> bool {
        self.labels.iter().all(|(key, value)| labels.iter().any(|(k, v)| k == key && v == value))
    }
}

impl HashKey {
    /// Of 32 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

impl Serialize for HashKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&crate::redact::Hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for HashKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The text itself is in no error: it may be nearly a key.
        let wrong = || serde::de::Error::custom("a key is 64 hex digits");
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}
