-- Lane and method, once for all calls that share them: a call then carries a small number.
CREATE TABLE routes (
    id     INTEGER PRIMARY KEY,
    lane   TEXT NOT NULL,
    method TEXT NOT NULL,
    UNIQUE (lane, method)
);

-- One row for each call. The large columns come last, so that reading a state skips them.
CREATE TABLE calls (
    seq                INTEGER PRIMARY KEY,
    id                 BLOB NOT NULL UNIQUE,
    route              INTEGER NOT NULL REFERENCES routes (id),
    state              INTEGER NOT NULL,
    key                TEXT,
    hash               BLOB NOT NULL,
    idempotent         INTEGER NOT NULL,
    detached           INTEGER NOT NULL,
    attempt_timeout_ms INTEGER NOT NULL,
    expires_in_ms      INTEGER NOT NULL,
    max_attempts       INTEGER,
    submitted_at_ms    INTEGER NOT NULL,
    due_at_ms          INTEGER NOT NULL,
    expires_at_ms      INTEGER NOT NULL,
    attempts           INTEGER NOT NULL DEFAULT 0,
    unsent             INTEGER NOT NULL DEFAULT 0,
    lost               INTEGER NOT NULL DEFAULT 0,
    ran_before         INTEGER NOT NULL DEFAULT 0,
    ended_at_ms        INTEGER,
    purge_at_ms        INTEGER,
    metadata           BLOB,
    payload            BLOB,
    record             BLOB
);

-- Unfinished calls, for the start. Few at any time, so the index stays in a page or two.
CREATE INDEX calls_unfinished ON calls (seq) WHERE state < 2;
-- What retention lets go, in that order.
CREATE INDEX calls_purge ON calls (purge_at_ms) WHERE purge_at_ms IS NOT NULL;
-- Dead letters: rare, and listed by page.
CREATE INDEX calls_dead ON calls (id) WHERE state IN (4, 5);

-- The keys of keyed calls. Other calls pay nothing for them.
CREATE TABLE keys (
    route INTEGER NOT NULL,
    key   TEXT NOT NULL,
    call  INTEGER NOT NULL,
    PRIMARY KEY (route, key)
) WITHOUT ROWID;
