-- What was erased, and what is being erased. Times are ns since the Unix epoch.

CREATE TABLE erasures (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('account', 'partner')),
    -- What is to go, as JSON; taken away in the transaction that ends it, for it names what must not be named any more.
    request    TEXT,
    -- What the one who asked calls it, such as a ticket.
    reference  TEXT,
    -- The token that asked.
    token      TEXT NOT NULL,
    begun_ns   INTEGER NOT NULL,
    ended_ns   INTEGER,
    row_count  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many rows went, by whose they were and the UTC day on which they were printed.
CREATE TABLE erased_rows (
    erasure   TEXT NOT NULL REFERENCES erasures (id),
    partner   TEXT NOT NULL,
    module    TEXT NOT NULL,
    instance  TEXT NOT NULL,
    day_ns    INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    PRIMARY KEY (erasure, partner, module, instance, day_ns)
) STRICT, WITHOUT ROWID;
