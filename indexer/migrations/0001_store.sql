-- What the store consists of. Times are ns since the Unix epoch; positions are bytes.
-- Unsigned 64-bit numbers are kept as the signed ones with the same bits: they are compared in the program, never here.

-- One row. The epoch is part of every row's id: it is random, and renewed when a folder comes back from a backup.
CREATE TABLE meta (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch      INTEGER NOT NULL,
    created_ns INTEGER NOT NULL,
    -- WAL records up to and including this LSN are in `marks` and `gaps`.
    marks_lsn  INTEGER NOT NULL
) STRICT;

-- The published splits; the file is splits/<partner>/<module>/<id>.split.
CREATE TABLE splits (
    id             TEXT PRIMARY KEY,
    partner        TEXT NOT NULL,
    module         TEXT NOT NULL,
    format         INTEGER NOT NULL,
    row_count      INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    seq_from       INTEGER NOT NULL,
    seq_to         INTEGER NOT NULL,
    time_min_ns    INTEGER NOT NULL,
    time_max_ns    INTEGER NOT NULL,
    arrived_min_ns INTEGER NOT NULL,
    arrived_max_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX splits_by_module ON splits (partner, module, seq_from);

-- Per module: what is published.
CREATE TABLE module_states (
    partner      TEXT NOT NULL,
    module       TEXT NOT NULL,
    next_seq     INTEGER NOT NULL,
    applied_lsn  INTEGER NOT NULL,
    released_seq INTEGER NOT NULL,
    PRIMARY KEY (partner, module)
) STRICT, WITHOUT ROWID;

-- The high-water marks of the files, as of meta.marks_lsn: one row for each file of a cluster, with the node that told of it last.
CREATE TABLE marks (
    cluster   TEXT NOT NULL,
    node      TEXT NOT NULL,
    file      BLOB NOT NULL CHECK (length(file) = 16),
    namespace TEXT NOT NULL,
    pod       TEXT NOT NULL,
    pod_uid   TEXT NOT NULL,
    container TEXT NOT NULL,
    restart   INTEGER NOT NULL,
    stdout    INTEGER NOT NULL,
    stderr    INTEGER NOT NULL,
    PRIMARY KEY (cluster, file)
) STRICT, WITHOUT ROWID;

-- The holes, by name. A hole of a file is one row however often it is told.
CREATE TABLE gaps (
    cluster     TEXT NOT NULL,
    node        TEXT NOT NULL,
    file        BLOB NOT NULL CHECK (length(file) = 16),
    substream   TEXT NOT NULL CHECK (substream IN ('stdout', 'stderr')),
    from_byte   INTEGER NOT NULL,
    to_byte     INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    time_ns     INTEGER NOT NULL,
    namespace   TEXT NOT NULL,
    pod         TEXT NOT NULL,
    pod_uid     TEXT NOT NULL,
    container   TEXT NOT NULL,
    restart     INTEGER NOT NULL,
    file_name   TEXT NOT NULL,
    partner     TEXT NOT NULL,
    module      TEXT NOT NULL,
    instance    TEXT NOT NULL,
    csp         TEXT NOT NULL,
    environment TEXT NOT NULL,
    version     TEXT NOT NULL,
    PRIMARY KEY (cluster, file, substream, from_byte, to_byte, reason)
) STRICT, WITHOUT ROWID;
