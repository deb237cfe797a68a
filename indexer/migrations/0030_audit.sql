-- Who asked what. Times are ns since the Unix epoch.

CREATE TABLE audit (
    -- When it was asked for the first time, unique.
    id          INTEGER PRIMARY KEY,
    -- When it was asked the last time, and how often it was within a minute of the first.
    last_ns     INTEGER NOT NULL,
    times       INTEGER NOT NULL,
    action      TEXT NOT NULL,
    -- Whether it is kept apart from ordinary searches, so that many of these do not push it out.
    weighty     INTEGER NOT NULL CHECK (weighty IN (0, 1)),
    kind        TEXT NOT NULL CHECK (kind IN ('staff', 'partner', 'excerpt')),
    -- The id of the token, or of the excerpt.
    token       TEXT NOT NULL,
    -- What the token's note said.
    note        TEXT,
    -- The scope: its partner (NULL for staff) and, as a JSON list, the only instances that it reaches.
    partner     TEXT,
    instances   TEXT,
    query       TEXT,
    -- Whether the text of the query was taken away by an erasure.
    erased      INTEGER NOT NULL CHECK (erased IN (0, 1)),
    -- The id of what was made, opened or revoked.
    subject     TEXT,
    from_ns     INTEGER,
    to_ns       INTEGER,
    row_count   INTEGER NOT NULL,
    byte_count  INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    outcome     TEXT NOT NULL,
    remote      TEXT,
    request_id  TEXT,
    -- Whether it looked at everything that the scope reaches; else the instances are in audit_concerned.
    everything  INTEGER NOT NULL CHECK (everything IN (0, 1)),
    -- Of what staff asked: the partner that may read query and note, since they name nothing of another's.
    quotable_to TEXT
) STRICT;

CREATE INDEX audit_by_partner ON audit (partner, weighty, id);

-- Whose instances it concerned, and what of them was in the answer. An empty instance is all of the partner's.
CREATE TABLE audit_concerned (
    record     INTEGER NOT NULL REFERENCES audit (id) ON DELETE CASCADE,
    partner    TEXT NOT NULL,
    instance   TEXT NOT NULL,
    row_count  INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    PRIMARY KEY (record, partner, instance)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_concerned_by_partner ON audit_concerned (partner, record);
