-- Who may write and read: partners, their modules, the modules' instances, tokens. Times are ns since the Unix epoch.

CREATE TABLE partners (
    id         TEXT PRIMARY KEY,
    name       TEXT,
    created_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE modules (
    id         TEXT PRIMARY KEY,
    partner    TEXT NOT NULL REFERENCES partners (id),
    name       TEXT,
    created_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX modules_by_partner ON modules (partner);

CREATE TABLE instances (
    id          TEXT PRIMARY KEY,
    module      TEXT NOT NULL REFERENCES modules (id),
    csp         TEXT NOT NULL,
    environment TEXT,
    namespace   TEXT NOT NULL,
    -- A JSON object of strings: the pod labels that the selector asks for.
    labels      TEXT NOT NULL,
    created_ns  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX instances_by_module ON instances (module);

-- Only the SHA-256 of a token is kept.
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    kind       TEXT NOT NULL CHECK (kind IN ('staff', 'partner', 'ingest', 'collector')),
    partner    TEXT REFERENCES partners (id),
    cluster    TEXT,
    note       TEXT,
    created_ns INTEGER NOT NULL,
    expires_ns INTEGER,
    -- Whether it is bound to the instances in token_instances, or reaches all of its partner's.
    bound      INTEGER NOT NULL CHECK (bound IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_by_partner ON tokens (partner);

CREATE TABLE token_instances (
    token    TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    instance TEXT NOT NULL REFERENCES instances (id),
    PRIMARY KEY (token, instance)
) STRICT, WITHOUT ROWID;

CREATE INDEX token_instances_by_instance ON token_instances (instance);

-- Browsers that are signed in. Only the SHA-256 of the cookie is kept; a session dies with its token.
CREATE TABLE sessions (
    digest     BLOB PRIMARY KEY CHECK (length(digest) = 32),
    token      TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    expires_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_token ON sessions (token);

-- The pods whose lines have no owner: what their streams and labels said, so that they can be released later.
CREATE TABLE quarantined_pods (
    -- The name of its quarantine: the pod's UID, or a digest of it where it is no UID.
    id            TEXT PRIMARY KEY,
    cluster       TEXT NOT NULL,
    node          TEXT NOT NULL,
    namespace     TEXT NOT NULL,
    pod           TEXT NOT NULL,
    container     TEXT NOT NULL,
    -- A JSON object of strings.
    labels        TEXT NOT NULL,
    first_seen_ns INTEGER NOT NULL,
    last_seen_ns  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
