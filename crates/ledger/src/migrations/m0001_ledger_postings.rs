//! Accounts, operations and entries.

use super::Migration;
use crate::guard::Guard;

pub(super) const MIGRATION: Migration =
    Migration { name: "m0001_ledger_postings", tables: TABLES, guards };

/// Operations and entries are append-only; an account's key and rule are for ever.
fn guards() -> Vec<Guard> {
    let account = |name: &str, event| Guard {
        name: format!("ledger_account_{name}"),
        table: "ledger_account".to_owned(),
        event,
        when: None,
        reason: "an account keeps its key and its rule".to_owned(),
    };
    [Guard::append_only("ledger_tx"), Guard::append_only("ledger_entry")]
        .into_iter()
        .flatten()
        .chain([
            account("keeps_key", "UPDATE OF id, mode, kind, rule, owner, currency, created_at"),
            account("no_delete", "DELETE"),
        ])
        .collect()
}

const TABLES: &[&str] = &[
    // The id follows from mode, kind, owner and currency; the unique constraint proves it.
    "CREATE TABLE ledger_account (
        id {uuid} NOT NULL,
        mode TEXT NOT NULL,
        kind TEXT NOT NULL,
        rule TEXT NOT NULL,
        owner {uuid} NOT NULL,
        currency TEXT NOT NULL,
        balance {bigint},
        created_at {bigint} NOT NULL,
        CONSTRAINT ledger_account_pk PRIMARY KEY (id),
        CONSTRAINT ledger_account_key UNIQUE (owner, kind, currency, mode),
        CONSTRAINT ledger_account_mode CHECK (mode IN ('test', 'live')),
        CONSTRAINT ledger_account_currency CHECK (length(currency) = 3),
        CONSTRAINT ledger_account_rule CHECK (
            (rule = 'clearing' AND balance IS NULL)
            OR (rule = 'signed' AND balance IS NOT NULL)
            OR (rule = 'non_negative' AND balance IS NOT NULL AND balance >= 0))
    ) {keyed}",
    "CREATE TABLE ledger_tx (
        op_id {uuid} NOT NULL,
        kind TEXT NOT NULL,
        posted_at {bigint} NOT NULL,
        CONSTRAINT ledger_tx_op_id PRIMARY KEY (op_id)
    ) {keyed}",
    "CREATE TABLE ledger_entry (
        id {serial} NOT NULL,
        op_id {uuid} NOT NULL,
        seq {int} NOT NULL,
        account_id {uuid} NOT NULL,
        amount {bigint} NOT NULL,
        balance_after {bigint},
        reference {uuid},
        CONSTRAINT ledger_entry_pk PRIMARY KEY (id),
        CONSTRAINT ledger_entry_seq UNIQUE (op_id, seq),
        CONSTRAINT ledger_entry_tx FOREIGN KEY (op_id) REFERENCES ledger_tx (op_id),
        CONSTRAINT ledger_entry_account FOREIGN KEY (account_id) REFERENCES ledger_account (id),
        CONSTRAINT ledger_entry_amount CHECK (amount <> 0)
    ) {strict}",
    // A statement of an account reads its entries in order.
    "CREATE INDEX ledger_entry_of_account ON ledger_entry (account_id, id)",
    // What happened to an escrow, and the pairing of its legs.
    "CREATE INDEX ledger_entry_reference ON ledger_entry (reference) WHERE reference IS NOT NULL",
];
