//! Idempotency records.

use super::Migration;
use crate::guard::Guard;

pub(super) const MIGRATION: Migration =
    Migration { name: "m0003_ledger_idempotency", tables: TABLES, guards };

/// An answer is given once, and a permanent record stays.
fn guards() -> Vec<Guard> {
    let guard = |name: &str, event, when: &'static str, reason: &str| Guard {
        name: format!("ledger_idempotency_{name}"),
        table: "ledger_idempotency".to_owned(),
        event,
        when: Some(when.into()),
        reason: reason.to_owned(),
    };
    vec![
        guard("answered_once", "UPDATE", "OLD.status IS NOT NULL", "an answer is given once"),
        guard("permanent", "DELETE", "OLD.expires_at IS NULL", "permanent records stay"),
    ]
}

const TABLES: &[&str] = &[
    "CREATE TABLE ledger_idempotency (
        mode TEXT NOT NULL,
        owner {uuid} NOT NULL,
        operation TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint {bytes} NOT NULL,
        status {int},
        body TEXT,
        claimed_at {bigint} NOT NULL,
        expires_at {bigint},
        CONSTRAINT ledger_idempotency_pk PRIMARY KEY (owner, operation, key, mode),
        CONSTRAINT ledger_idempotency_mode CHECK (mode IN ('test', 'live')),
        CONSTRAINT ledger_idempotency_fingerprint CHECK (length(fingerprint) = 32),
        CONSTRAINT ledger_idempotency_answer CHECK ((status IS NULL) = (body IS NULL))
    ) {keyed}",
    "CREATE INDEX ledger_idempotency_expiry ON ledger_idempotency (expires_at)
        WHERE expires_at IS NOT NULL",
];
