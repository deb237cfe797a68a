//! The bounds of the collector, each with its unit and its reason. Nothing here grows with the length of an outage: while the
//! server is away, the files are the buffer.

use std::time::Duration;

/// How often everything below the folder of pods is looked at: what no hint of the kernel told is found within this.
pub(crate) const SURVEY_INTERVAL: Duration = Duration::from_secs(10);
/// A survey that takes long waits this many times its own duration, so that it costs at most a fiftieth of a core.
pub(crate) const SURVEY_REST: u32 = 50;
/// Hints that come closer together than this are looked at together.
pub(crate) const HINT_REST: Duration = Duration::from_millis(20);
/// How often it is looked at where the kernel gives no hints. A new file is seen within this and one round; the promise is 1 s.
pub(crate) const SCAN_INTERVAL: Duration = Duration::from_millis(300);
/// A scan that takes long waits this many times its own duration, so that scanning costs at most a tenth of a core.
pub(crate) const SCAN_REST: u32 = 10;
/// Pause between two rounds of reading when the last one found less than a batch. It is the age at which a batch closes: a line is at most
/// this old when it is read, and leaves at once.
pub(crate) const ROUND_INTERVAL: Duration = Duration::from_millis(100);
/// How long a line of text waits for its continuation. A complete JSON line never waits.
pub(crate) const JOIN_WAIT: Duration = Duration::from_millis(200);
/// A file that grew within this time is looked at in every round, the others only when a look at their folder saw them grow.
pub(crate) const HOT: Duration = Duration::from_secs(10);
/// A rotated file is left for its successor when it has been still for so long: the runtime may write into it until it reopens its log.
pub(crate) const ROTATION_QUIET: Duration = Duration::from_millis(250);
/// A finished container's last file ends when it has been still for so long.
pub(crate) const FINISH_QUIET: Duration = Duration::from_secs(1);
/// A compressed file that cannot be decoded is given up when it has been still for so long.
pub(crate) const CORRUPT_QUIET: Duration = Duration::from_secs(5);
/// A file cut in place is looked for among the rotations for so long (some three scans) before its hole is named.
pub(crate) const LOSS_WAIT: Duration = Duration::from_millis(1000);
/// How long a stream waits, unread, for its pod's labels.
pub(crate) const LABELS_WAIT: Duration = Duration::from_secs(30);
/// A stream whose file could not be read, or whose part keeps conflicting, is tried again after so long.
pub(crate) const TROUBLE_WAIT: Duration = Duration::from_secs(2);

/// How often it is said that a stream prints more than it may.
pub(crate) const EXCESS_INTERVAL: Duration = Duration::from_secs(30);

/// Connections to the server, with one batch in flight on each. Streams are shared out among them for good, so that the order within a
/// substream needs no further care.
pub(crate) const LANES: usize = 4;
/// Lanes that read, parse and compress at once: more than two would take more of a node than its lines are worth. What each needs is some 4 MiB.
pub(crate) const WORKBENCHES: usize = 2;
/// Bytes read from one stream before the next one has its turn.
pub(crate) const QUANTUM_BYTES: usize = 64 << 10;
/// Bytes read in one round, by a lane: bounds the time of a round when nearly all that is read was acknowledged before.
pub(crate) const ROUND_BYTES: usize = 8 << 20;
/// A batch closes at this size before compression, bytes.
pub(crate) const BATCH_BYTES: usize = 512 << 10;
/// A batch that the server finds too large is halved down to this, bytes; then it is cut by parts and records.
pub(crate) const BATCH_BYTES_MIN: usize = 4 << 10;
/// A batch closes at this number of records.
pub(crate) const BATCH_RECORDS: usize = 5_000;
/// What a part weighs besides its records, bytes: bounds the number of parts in a batch to some 2,000.
pub(crate) const PART_WEIGHT_BYTES: usize = 512;

/// The longest physical line: runtimes write 16 KiB pieces; what is longer is no log line, and is named as a gap, bytes.
pub(crate) const PHYSICAL_LINE_BYTES: usize = 1 << 20;
/// What is kept of a joined record, bytes: the accepted 256 KiB and one more, so that the parser sees that it is too long and says so.
pub(crate) const RECORD_BYTES: usize = martlog_formats::limits::LINE_BYTES_MAX + 1;
/// What a lane holds of records that have not ended, bytes: beyond it streams go back to their marks and read them again later, so that ten thousand pods
/// that print pieces without an end take no more memory than a few.
pub(crate) const OPEN_BYTES: usize = 2 << 20;
/// The bytes of pieces after which a record that does not end is closed, and the rest becomes another one.
pub(crate) const RECORD_SPAN_BYTES: u64 = 4 << 20;
/// How long a line whose end has not come waits for it, from when its file was written last: runtimes write what is left without a newline when a container ends, and
/// its last words are worth seeing. What comes later is a record of its own.
pub(crate) const PIECE_WAIT: Duration = Duration::from_secs(10);
/// Lines further apart than this, by the runtime's clock, are not joined: what is read late joins like what is read live.
pub(crate) const JOIN_SPAN_NS: i64 = 200_000_000;
/// A file that vanished is copied to the spool when the server does not have all of it after so long.
pub(crate) const SPOOL_WAIT: Duration = Duration::from_secs(2);
/// Unread files of one stream that are held open after they vanished from the disk; the oldest is given up, by name, beyond it.
pub(crate) const HELD_FILES: usize = 16;

/// How long a start waits for the server's first answer, before it looks at any file.
pub(crate) const INTRODUCTION_WAIT: Duration = Duration::from_secs(2);
/// A request's time limit, connection included.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The greatest answer but for policies, bytes.
pub(crate) const ANSWER_BYTES: usize = 4 << 20;
/// The first pause after a failed request; it doubles, with jitter.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// The longest pause after a failed request.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The longest pause that the server may ask for.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);
/// Files in one question for positions.
pub(crate) const POSITIONS_FILES: usize = 5_000;
/// How long a stop waits for the answers to what is in flight.
pub(crate) const STOP_WAIT: Duration = Duration::from_secs(5);

/// The greatest set of policies, bytes: some 100,000 instances.
pub(crate) const POLICY_BYTES: usize = 16 << 20;
/// How long streams wait, unread, for the policies when the server answers and has never told any. Then they are read without.
pub(crate) const POLICY_WAIT: Duration = Duration::from_secs(5);

/// How often the server hears how far the collector is.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
/// How often the position file is written, when something moved.
pub(crate) const SAVE_INTERVAL: Duration = Duration::from_secs(2);
/// A position file that takes long to compose waits this many times as long before it is written again, so that it costs at most a fiftieth of a core …
pub(crate) const SAVE_REST: u32 = 50;
/// … but not longer than this: what is not in it when the collector dies and the file vanishes is lost without a name.
pub(crate) const SAVE_INTERVAL_MAX: Duration = Duration::from_secs(10);
/// How often it is looked at how far files have grown that cannot be read now, because an answer is waited for.
pub(crate) const GROWTH_INTERVAL: Duration = Duration::from_secs(1);
/// The greatest position file, bytes: some 300,000 files.
pub(crate) const POSITION_FILE_BYTES: u64 = 64 << 20;
/// The greatest file of pod labels, bytes.
pub(crate) const LABELS_FILE_BYTES: u64 = 64 << 20;
/// Labels of one pod that are passed on.
pub(crate) const LABELS_PER_POD: usize = 64;
