//! The store's numbers for `/metrics`: a snapshot, written as gauges, counters and one histogram.

use martlog_indexer::stats::{BUCKETS_MS, DoorStats, Stats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;

/// See the module.
#[derive(Debug)]
pub(crate) struct StoreMetrics(pub(crate) Stats);

/// One number of a door.
type Count = fn(&DoorStats) -> u64;

impl Collector for StoreMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = &self.0;
        let gauges = [
            ("store_up", "1 while the store takes lines, 0 when it has failed", u64::from(stats.failure.is_none())),
            ("store_modules", "Modules and quarantines with rows", stats.modules),
            ("store_live_rows", "Rows in live buffers", stats.live_rows),
            ("store_live_bytes", "Live buffers in memory, estimated", stats.live_bytes),
            ("store_splits", "Published splits", stats.splits),
            ("store_split_rows", "Rows in splits", stats.split_rows),
            ("store_split_bytes", "Split files on disk", stats.split_bytes),
            ("store_wal_segments", "Segments of the write-ahead log that are needed", stats.wal_segments),
            ("store_wal_bytes", "These segments on disk", stats.wal_bytes),
            ("store_durable_lsn", "The newest LSN on disk", stats.durable_lsn),
            ("store_marks_lsn", "The LSN of the newest snapshot of the marks", stats.marks_lsn),
            ("store_nodes_speaking", "Nodes whose collectors speak", stats.nodes[0]),
            ("store_nodes_silent", "Nodes whose collectors have said nothing for 30 s", stats.nodes[1]),
            ("store_nodes_lost", "Nodes that are taken for lost", stats.nodes[2]),
            ("store_disk_free_bytes", "Free on the disk of the data folder", stats.disk_free_bytes),
            ("store_disk_reserve_bytes", "Kept free there: below it new lines are refused", stats.disk_reserve_bytes),
            ("store_disk_low", "1 while new lines are refused because the disk is nearly full", u64::from(stats.disk_low)),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counters = [
            ("store_wal_records", "Records written to the write-ahead log", stats.wal_records),
            ("store_wal_written_bytes", "Bytes written to the write-ahead log", stats.wal_bytes_written),
            ("store_rows", "Rows made durable", stats.rows),
            ("store_parts", "Parts made durable", stats.parts),
            ("store_parts_duplicate", "Parts that had been stored before", stats.duplicates),
            ("store_parts_conflict", "Parts that did not begin at a mark", stats.conflicts),
            ("store_parts_refused", "Parts that broke the form", stats.refused),
            ("store_parts_later", "Parts and pushes sent away for a while", stats.later),
            ("store_gaps", "Gaps made durable", stats.gaps),
            ("store_flushes", "Buffers published", stats.flushes),
            ("store_flush_failures", "Buffers that could not be published", stats.flush_failures),
            ("store_flushed_rows", "Rows published in splits", stats.flushed_rows),
            ("store_carried", "Small buffers written to the log again instead of being published", stats.carried),
            ("store_merges", "Merges of splits", stats.merges),
            ("store_merge_failures", "Merges of splits that failed", stats.merge_failures),
            ("store_merged_rows", "Rows that were merged", stats.merged_rows),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        self.encode_doors(&mut encoder)?;
        self.encode_instances(&mut encoder)?;
        self.encode_sync(&mut encoder)
    }
}

impl StoreMetrics {
    /// What came through each door.
    fn encode_doors(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = encoder.encode_descriptor(
            "door_lines",
            "Lines that came through a door, by verdict; all but the rejected ones are stored",
            None,
            MetricType::Counter,
        )?;
        for door in &self.0.doors {
            for (verdict, lines) in ["ok", "repaired", "raw", "rejected"].into_iter().zip(door.verdicts) {
                ConstCounter::new(lines).encode(family.encode_family(&[("door", door.door), ("verdict", verdict)])?)?;
            }
        }
        let counters: [(&str, &str, Count); 4] = [
            ("door_received_bytes", "Bytes of bodies and messages, decompressed", |door| door.bytes),
            ("door_refused", "Requests that a client has to change", |door| door.refused),
            ("door_later", "Requests that a client has to send again, and tries to store messages of syslog", |door| door.later),
            ("door_lost_lines", "Lines that could neither be stored nor sent back", |door| door.lost),
        ];
        for (name, help, value) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for door in &self.0.doors {
                ConstCounter::new(value(door)).encode(family.encode_family(&[("door", door.door)])?)?;
            }
        }
        Ok(())
    }

    /// Whose lines are late or missing, and what has no owner.
    #[allow(clippy::cast_precision_loss, reason = "bytes and counts of a metric")]
    fn encode_instances(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let all = &self.0.instances;
        let mut family = encoder.encode_descriptor(
            "instance_behind",
            "How far the oldest line of an instance that waits on a node is behind; only instances that are",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for lag in all.iter().filter(|lag| lag.behind_seconds > 0.0) {
            let labels = [("partner", lag.partner.as_str()), ("module", &lag.module), ("instance", &lag.instance)];
            ConstGauge::new(lag.behind_seconds).encode(family.encode_family(&labels)?)?;
        }
        for (name, help, is_bytes) in [
            ("instance_gaps", "Gaps of an instance by reason, as its answers name them", false),
            ("instance_gap_bytes", "What these are in bytes, as far as known", true),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (lag, (reason, count, bytes)) in all.iter().flat_map(|lag| lag.gaps.iter().map(move |gap| (lag, gap))) {
                let labels = [("partner", lag.partner.as_str()), ("module", &lag.module), ("instance", &lag.instance), ("reason", reason)];
                ConstGauge::new(if is_bytes { *bytes } else { *count }).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut family = encoder.encode_descriptor("quarantined_pods", "Pods in the quarantine by reason", None, MetricType::Gauge)?;
        for (reason, pods) in ["no_instance", "claim_contradicts", "awaits_release"].into_iter().zip(self.0.quarantined) {
            ConstGauge::new(pods).encode(family.encode_family(&[("reason", reason)])?)?;
        }
        Ok(())
    }

    /// Units: the store counts ms and µs, the text has seconds. A count beyond 2^53 would lose its last digit, and nothing else.
    #[allow(clippy::cast_precision_loss)]
    fn encode_sync(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let sync = self.0.wal_sync;
        let bounds = BUCKETS_MS.iter().map(|ms| *ms as f64 / 1e3).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(sync.buckets).collect();
        let help = "Writing and syncing a group of the write-ahead log";
        let mut metric = encoder.encode_descriptor("store_wal_sync", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(sync.sum_us as f64 / 1e6, sync.count(), &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::Metrics;
    use martlog_indexer::stats::{InstanceLag, Stats};

    #[test]
    fn the_text_has_every_kind_with_its_unit() {
        let lag = InstanceLag {
            partner: "acme".into(),
            module: "sms".into(),
            instance: "sms-434".into(),
            behind_seconds: 12.5,
            gaps: vec![("node_lost", 2, 700)],
        };
        let door = martlog_indexer::stats::DoorStats { door: "otlp", verdicts: [5, 1, 0, 0], lost: 2, ..Default::default() };
        let mut stats =
            Stats { doors: vec![door], rows: 7, live_bytes: 4096, instances: vec![lag], quarantined: [0, 1, 0], ..Stats::default() };
        stats.wal_sync.buckets[2] = 3;
        stats.wal_sync.sum_us = 4_500_000;
        let text = Metrics::new().text(Some(stats)).unwrap();
        for line in [
            r#"martlog_instance_behind_seconds{partner="acme",module="sms",instance="sms-434"} 12.5"#,
            r#"martlog_instance_gaps{partner="acme",module="sms",instance="sms-434",reason="node_lost"} 2"#,
            r#"martlog_instance_gap_bytes{partner="acme",module="sms",instance="sms-434",reason="node_lost"} 700"#,
            r#"martlog_quarantined_pods{reason="claim_contradicts"} 1"#,
            r#"martlog_door_lines_total{door="otlp",verdict="ok"} 5"#,
            r#"martlog_door_lost_lines_total{door="otlp"} 2"#,
            "martlog_store_up 1",
            "martlog_store_live_bytes 4096",
            "martlog_store_rows_total 7",
            "martlog_store_wal_sync_seconds_sum 4.5",
            "martlog_store_wal_sync_seconds_bucket{le=\"0.002\"} 0",
            "martlog_store_wal_sync_seconds_bucket{le=\"0.005\"} 3",
            "martlog_store_wal_sync_seconds_bucket{le=\"+Inf\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in:\n{text}");
        }
        assert_eq!(text.matches("# EOF").count(), 1);
    }
}
