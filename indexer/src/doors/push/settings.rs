//! What the operator says of each door.

use crate::stats::Door;
use martlog_formats::wire::BATCH_BYTES_MAX;

/// One door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorSettings {
    /// Whether it is open.
    pub on: bool,
    /// The largest body, bytes, decompressed.
    pub body_bytes_max: usize,
    /// What one token may send, bytes a second, decompressed; `None` is no bound of its own.
    pub rate_bytes: Option<u64>,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self { on: true, body_bytes_max: BATCH_BYTES_MAX, rate_bytes: None }
    }
}

/// All doors through which lines are pushed by request, and that of Loki's readers. Those of syslog are listeners of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `POST /api/v1/ingest`.
    pub ingest: DoorSettings,
    /// `POST /v1/logs`.
    pub otlp: DoorSettings,
    /// `POST /loki/api/v1/push`.
    pub loki: DoorSettings,
    /// `POST /_bulk` and what goes with it.
    pub elasticsearch: DoorSettings,
    /// Syslog: the rate alone counts.
    pub syslog: DoorSettings,
    /// Loki's API for readers, which the `query` crate has: only whether it is open counts.
    pub loki_read: DoorSettings,
}

impl Settings {
    /// Those of a door.
    #[must_use]
    pub fn of(&self, door: Door) -> &DoorSettings {
        match door {
            Door::Ingest => &self.ingest,
            Door::Otlp => &self.otlp,
            Door::Loki => &self.loki,
            Door::Elasticsearch => &self.elasticsearch,
            Door::Syslog => &self.syslog,
            Door::LokiRead => &self.loki_read,
        }
    }
}
