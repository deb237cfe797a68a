-- Rows that were copied for somebody else to read. Times are ns since the Unix epoch.

CREATE TABLE excerpts (
    id         TEXT PRIMARY KEY,
    -- The SHA-256 of the secret that opens it.
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    -- The token that made it, with which it ends, and the partner of its scope; NULL for staff.
    token      TEXT NOT NULL,
    partner    TEXT,
    note       TEXT,
    query      TEXT,
    from_ns    INTEGER NOT NULL,
    to_ns      INTEGER NOT NULL,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL,
    -- The store's epoch when it was made: a part of the ids of its rows.
    epoch      INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    -- How complete the store was, as JSON.
    complete   TEXT NOT NULL,
    -- Rows that an erasure took out.
    erased     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX excerpts_by_partner ON excerpts (partner);
CREATE INDEX excerpts_by_expiry ON excerpts (expires_ns);

CREATE TABLE excerpt_rows (
    excerpt TEXT NOT NULL REFERENCES excerpts (id) ON DELETE CASCADE,
    place   INTEGER NOT NULL,
    -- Whose it is; in a quarantine the module is the pod.
    partner TEXT NOT NULL,
    module  TEXT NOT NULL,
    -- The row: a version (1), and the row by postcard.
    content BLOB NOT NULL,
    PRIMARY KEY (excerpt, place)
) STRICT;

CREATE INDEX excerpt_rows_by_owner ON excerpt_rows (partner, module);
