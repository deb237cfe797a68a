-- Pushes that came with an `Idempotency-Key`: what was answered, so that the same push sent again is answered so and stores nothing. Kept for a day.
CREATE TABLE pushes (
    -- SHA-256 of the token's id and the key: nothing of what the client wrote is kept.
    id          BLOB NOT NULL PRIMARY KEY,
    token       TEXT NOT NULL,
    -- Of instance and body, 16 bytes: another body under the same key is a mistake.
    fingerprint BLOB NOT NULL,
    -- What was told of the lines, encoded: see `doors/push/told.rs`.
    answer      BLOB NOT NULL,
    -- When it was stored, ns since the Unix epoch.
    at_ns       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pushes_by_age ON pushes (at_ns);
