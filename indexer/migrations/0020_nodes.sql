-- What each node's collector said last, so that a node that never comes back is named, also by a server that was started since.
CREATE TABLE nodes (
    cluster  TEXT NOT NULL,
    node     TEXT NOT NULL,
    -- When it was heard, by the server's clock.
    heard_ns INTEGER NOT NULL,
    -- Its files and whose they are, encoded: see `nodes/saved.rs`.
    said     BLOB NOT NULL,
    PRIMARY KEY (cluster, node)
) STRICT, WITHOUT ROWID;

-- Since when a collector says that the file is gone from its node and read to its end; its marks go when nothing of it is kept any more.
ALTER TABLE marks ADD COLUMN gone_ns INTEGER;
