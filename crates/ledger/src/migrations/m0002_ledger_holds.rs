//! Holds.

use super::Migration;
use crate::guard::Guard;

pub(super) const MIGRATION: Migration =
    Migration { name: "m0002_ledger_holds", tables: TABLES, guards };

/// A hold keeps what it was placed with, ends once, and stays.
fn guards() -> Vec<Guard> {
    let guard = |name: &str, event, when, reason: &str| Guard {
        name: format!("ledger_hold_{name}"),
        table: "ledger_hold".to_owned(),
        event,
        when,
        reason: reason.to_owned(),
    };
    vec![
        guard(
            "keeps_terms",
            "UPDATE OF id, available_id, held_id, amount, reference, placed_at",
            None,
            "a hold keeps what it was placed with",
        ),
        guard("ends_once", "UPDATE", Some("OLD.state <> 'held'".into()), "a hold ends once"),
        guard("no_delete", "DELETE", None, "holds are never deleted"),
    ]
}

const TABLES: &[&str] = &[
    "CREATE TABLE ledger_hold (
        id {uuid} NOT NULL,
        available_id {uuid} NOT NULL,
        held_id {uuid} NOT NULL,
        amount {bigint} NOT NULL,
        reference {uuid},
        state TEXT NOT NULL,
        placed_at {bigint} NOT NULL,
        ended_at {bigint},
        CONSTRAINT ledger_hold_pk PRIMARY KEY (id),
        CONSTRAINT ledger_hold_available FOREIGN KEY (available_id) REFERENCES ledger_account (id),
        CONSTRAINT ledger_hold_held FOREIGN KEY (held_id) REFERENCES ledger_account (id),
        CONSTRAINT ledger_hold_amount CHECK (amount > 0),
        CONSTRAINT ledger_hold_state CHECK (state IN ('held', 'captured', 'released')),
        CONSTRAINT ledger_hold_end CHECK ((state = 'held') = (ended_at IS NULL))
    ) {keyed}",
    // The audit compares open holds with what is held.
    "CREATE INDEX ledger_hold_open ON ledger_hold (held_id) WHERE state = 'held'",
];
