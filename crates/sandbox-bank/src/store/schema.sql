-- The log of every effect that really happened. Append-only: the triggers refuse everything else.
CREATE TABLE effects (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms        INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    object_id    TEXT    NOT NULL,
    reference    TEXT    NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    cost_minor   INTEGER NOT NULL CHECK (cost_minor >= 0),
    currency     TEXT    NOT NULL,
    destination  TEXT
) STRICT;

CREATE TRIGGER effects_no_update BEFORE UPDATE ON effects
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TRIGGER effects_no_delete BEFORE DELETE ON effects
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE INDEX effects_by_destination ON effects (destination, currency, kind, amount_minor)
    WHERE destination IS NOT NULL;

CREATE TABLE checkouts (
    id            TEXT PRIMARY KEY,
    reference     TEXT    NOT NULL,
    amount_minor  INTEGER NOT NULL CHECK (amount_minor > 0),
    currency      TEXT    NOT NULL,
    description   TEXT,
    return_url    TEXT,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `position` is the number of the object's last entry in the log: listings go by it, so a changed
-- object moves to the end. `steps` is what the object will still go through by itself.
CREATE TABLE payments (
    id                 TEXT PRIMARY KEY,
    checkout_id        TEXT    NOT NULL UNIQUE REFERENCES checkouts (id),
    reference          TEXT    NOT NULL,
    amount_minor       INTEGER NOT NULL CHECK (amount_minor > 0),
    currency           TEXT    NOT NULL,
    cost_minor         INTEGER NOT NULL CHECK (cost_minor BETWEEN 0 AND amount_minor),
    refunded_minor     INTEGER NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    charged_back_minor INTEGER NOT NULL DEFAULT 0 CHECK (charged_back_minor >= 0),
    status             TEXT    NOT NULL
                       CHECK (status IN ('pending', 'paid', 'failed', 'charged_back')),
    position           INTEGER NOT NULL UNIQUE REFERENCES effects (seq),
    steps              TEXT    NOT NULL,
    step_ms            INTEGER NOT NULL,
    due_at_ms          INTEGER,
    created_at_ms      INTEGER NOT NULL,
    changed_at_ms      INTEGER NOT NULL,
    CHECK (refunded_minor + charged_back_minor <= amount_minor)
) STRICT, WITHOUT ROWID;

CREATE INDEX payments_due ON payments (due_at_ms) WHERE due_at_ms IS NOT NULL;

CREATE TABLE refunds (
    id            TEXT PRIMARY KEY,
    payment_id    TEXT    NOT NULL REFERENCES payments (id),
    reference     TEXT    NOT NULL,
    amount_minor  INTEGER NOT NULL CHECK (amount_minor > 0),
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The reference is not unique, as at real providers: a client that pays twice shall be able to.
CREATE TABLE transfers (
    id              TEXT PRIMARY KEY,
    reference       TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    amount_minor    INTEGER NOT NULL CHECK (amount_minor > 0),
    currency        TEXT    NOT NULL,
    destination     TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('pending', 'paid', 'failed', 'reversed')),
    position        INTEGER NOT NULL UNIQUE REFERENCES effects (seq),
    hidden_until_ms INTEGER,
    steps           TEXT    NOT NULL,
    step_ms         INTEGER NOT NULL,
    due_at_ms       INTEGER,
    created_at_ms   INTEGER NOT NULL,
    changed_at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX transfers_by_reference ON transfers (reference);
CREATE INDEX transfers_hidden ON transfers (idempotency_key) WHERE hidden_until_ms IS NOT NULL;
CREATE INDEX transfers_due ON transfers (due_at_ms) WHERE due_at_ms IS NOT NULL;

CREATE TABLE idempotency_keys (
    key           TEXT PRIMARY KEY,
    fingerprint   BLOB    NOT NULL,
    status        INTEGER NOT NULL,
    body          TEXT    NOT NULL,
    refuse_resend INTEGER NOT NULL CHECK (refuse_resend IN (0, 1)),
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at_ms);

CREATE TABLE faults (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    fault     TEXT    NOT NULL,
    target    TEXT,
    remaining INTEGER NOT NULL CHECK (remaining > 0),
    delay_ms  INTEGER
) STRICT;

CREATE TABLE events (
    id            TEXT PRIMARY KEY,
    object_id     TEXT    NOT NULL,
    body          TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX events_by_object ON events (object_id);

CREATE TABLE deliveries (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id       TEXT    NOT NULL REFERENCES events (id),
    endpoint       INTEGER NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    due_at_ms      INTEGER NOT NULL,
    yields_to_next INTEGER NOT NULL DEFAULT 0 CHECK (yields_to_next IN (0, 1)),
    last_error     TEXT
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (endpoint, due_at_ms, id) WHERE state = 'waiting';
CREATE INDEX deliveries_by_event ON deliveries (event_id);
