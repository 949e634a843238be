//! Escrows, cards, reveals, redemptions and reversals.

use ledger::guard::Guard;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{CURRENCY, run, states};
use crate::domain::{card::CardState, escrow::EscrowState};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &[escrows(), cards(), redemptions()].concat(), &guards()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// What ended stays ended, what was answered stays answered, and what was redeemed is not rewritten.
pub(super) fn guards() -> Vec<Guard> {
    let refuse = |name: &str, table: &str, event, when, reason: &str| Guard {
        name: name.to_owned(),
        table: table.to_owned(),
        event,
        when,
        reason: reason.to_owned(),
    };
    let append_only = ["escrow_terminal", "reservation", "reveal", "reversal"];
    append_only
        .into_iter()
        .flat_map(Guard::append_only)
        .chain([
            refuse(
                "escrow_stays_ended",
                "escrow",
                "UPDATE",
                Some("OLD.state IN ('issued', 'refunded', 'cancelled')".into()),
                "an escrow ends once",
            ),
            refuse("escrow_no_delete", "escrow", "DELETE", None, "escrows are kept"),
            refuse("card_no_delete", "card", "DELETE", None, "cards are kept"),
            refuse(
                "card_keeps_value",
                "card",
                "UPDATE OF id, escrow_id, winner_id, merchant_id, currency, value_minor, code_lookup",
                None,
                "a card keeps its value, its code and its merchant",
            ),
            refuse("redemption_no_delete", "redemption", "DELETE", None, "redemptions are kept"),
            refuse(
                "redemption_keeps_amount",
                "redemption",
                "UPDATE OF id, merchant_id, card_id, external_id, amount_minor, currency",
                None,
                "a redemption is reversed, not rewritten",
            ),
        ])
        .collect()
}

fn escrows() -> Vec<String> {
    let state = states::<EscrowState>();
    let terminal: Vec<String> =
        EscrowState::TERMINAL.iter().map(|state| format!("'{state}'")).collect();
    let terminal = terminal.join(", ");
    vec![
        "CREATE TABLE escrow_saga (
            id {uuid} NOT NULL,
            decision TEXT,
            resolve_at {bigint},
            asked {int} NOT NULL,
            created_at {bigint} NOT NULL,
            CONSTRAINT escrow_saga_pk PRIMARY KEY (id),
            CONSTRAINT escrow_saga_decision CHECK (decision IN ('committed', 'aborted'))
        ) {strict}"
            .to_owned(),
        "CREATE INDEX escrow_saga_due ON escrow_saga (resolve_at) WHERE resolve_at IS NOT NULL"
            .to_owned(),
        "CREATE TABLE reservation (
            saga_id {uuid} NOT NULL,
            batch {bigint} NOT NULL,
            request_hash {bytes} NOT NULL,
            created_at {bigint} NOT NULL,
            CONSTRAINT reservation_pk PRIMARY KEY (saga_id, batch),
            CONSTRAINT reservation_saga FOREIGN KEY (saga_id) REFERENCES escrow_saga (id)
        ) {strict}"
            .to_owned(),
        format!(
            "CREATE TABLE escrow (
            id {{uuid}} NOT NULL,
            saga_id {{uuid}} NOT NULL,
            product_id {{uuid}},
            value_minor {{bigint}},
            currency TEXT,
            state TEXT NOT NULL,
            created_at {{bigint}} NOT NULL,
            changed_at {{bigint}} NOT NULL,
            CONSTRAINT escrow_pk PRIMARY KEY (id),
            CONSTRAINT escrow_saga FOREIGN KEY (saga_id) REFERENCES escrow_saga (id),
            CONSTRAINT escrow_product FOREIGN KEY (product_id) REFERENCES product (id),
            CONSTRAINT escrow_currency CHECK ({CURRENCY}),
            CONSTRAINT escrow_value CHECK (value_minor > 0),
            CONSTRAINT escrow_state CHECK ({state}),
            CONSTRAINT escrow_tombstone CHECK (
                (product_id IS NOT NULL AND value_minor IS NOT NULL AND currency IS NOT NULL)
                OR (state = 'cancelled' AND product_id IS NULL AND value_minor IS NULL
                    AND currency IS NULL))
        ) {{strict}}"
        ),
        "CREATE INDEX escrow_of_saga ON escrow (saga_id, id)".to_owned(),
        "CREATE INDEX escrow_reserved ON escrow (id) WHERE state = 'reserved'".to_owned(),
        format!(
            "CREATE TABLE escrow_terminal (
            escrow_id {{uuid}} NOT NULL,
            state TEXT NOT NULL,
            at {{bigint}} NOT NULL,
            CONSTRAINT escrow_terminal_once PRIMARY KEY (escrow_id),
            CONSTRAINT escrow_terminal_escrow FOREIGN KEY (escrow_id) REFERENCES escrow (id),
            CONSTRAINT escrow_terminal_state CHECK (state IN ({terminal}))
        ) {{strict}}"
        ),
    ]
}

fn cards() -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE card (
            id {{uuid}} NOT NULL,
            escrow_id {{uuid}} NOT NULL,
            winner_id {{uuid}} NOT NULL,
            merchant_id {{uuid}} NOT NULL,
            product_id {{uuid}} NOT NULL,
            currency TEXT NOT NULL,
            value_minor {{bigint}} NOT NULL,
            available_minor {{bigint}} NOT NULL,
            authorised_minor {{bigint}} NOT NULL,
            redeemed_minor {{bigint}} NOT NULL,
            voided_minor {{bigint}} NOT NULL,
            expired_minor {{bigint}} NOT NULL,
            state TEXT NOT NULL,
            code_lookup {{bytes}} NOT NULL,
            code_sealed {{bytes}} NOT NULL,
            code_key_id TEXT NOT NULL,
            expires_at {{bigint}},
            revealed_at {{bigint}},
            issued_at {{bigint}} NOT NULL,
            changed_at {{bigint}} NOT NULL,
            CONSTRAINT card_pk PRIMARY KEY (id),
            CONSTRAINT card_escrow UNIQUE (escrow_id),
            CONSTRAINT card_code UNIQUE (code_lookup),
            CONSTRAINT card_of_escrow FOREIGN KEY (escrow_id) REFERENCES escrow (id),
            CONSTRAINT card_merchant FOREIGN KEY (merchant_id) REFERENCES merchant (id),
            CONSTRAINT card_product FOREIGN KEY (product_id) REFERENCES product (id),
            CONSTRAINT card_currency CHECK ({CURRENCY}),
            CONSTRAINT card_state CHECK ({}),
            CONSTRAINT card_not_negative CHECK (
                available_minor >= 0 AND authorised_minor >= 0 AND redeemed_minor >= 0
                AND voided_minor >= 0 AND expired_minor >= 0),
            CONSTRAINT card_conserved CHECK (value_minor = available_minor + authorised_minor
                + redeemed_minor + voided_minor + expired_minor),
            CONSTRAINT card_spent CHECK (state = 'active' OR available_minor = 0)
        ) {{strict}}",
            states::<CardState>()
        ),
        "CREATE INDEX card_expiry ON card (expires_at) WHERE state IN ('active', 'exhausted')"
            .to_owned(),
        "CREATE TABLE reveal (
            nonce {uuid} NOT NULL,
            card_id {uuid} NOT NULL,
            at {bigint} NOT NULL,
            CONSTRAINT reveal_once PRIMARY KEY (nonce),
            CONSTRAINT reveal_card FOREIGN KEY (card_id) REFERENCES card (id)
        ) {strict}"
            .to_owned(),
    ]
}

fn redemptions() -> Vec<String> {
    vec![
        format!(
            "CREATE TABLE redemption (
            id {{uuid}} NOT NULL,
            merchant_id {{uuid}} NOT NULL,
            card_id {{uuid}} NOT NULL,
            external_id TEXT NOT NULL,
            amount_minor {{bigint}} NOT NULL,
            reversed_minor {{bigint}} NOT NULL,
            currency TEXT NOT NULL,
            created_at {{bigint}} NOT NULL,
            CONSTRAINT redemption_pk PRIMARY KEY (id),
            CONSTRAINT redemption_external_id UNIQUE (merchant_id, external_id),
            CONSTRAINT redemption_merchant FOREIGN KEY (merchant_id) REFERENCES merchant (id),
            CONSTRAINT redemption_card FOREIGN KEY (card_id) REFERENCES card (id),
            CONSTRAINT redemption_currency CHECK ({CURRENCY}),
            CONSTRAINT redemption_amount CHECK (amount_minor > 0),
            CONSTRAINT redemption_reversed CHECK (0 <= reversed_minor AND reversed_minor <= amount_minor)
        ) {{strict}}"
        ),
        "CREATE INDEX redemption_of_merchant ON redemption (merchant_id, id)".to_owned(),
        "CREATE INDEX redemption_of_card ON redemption (card_id)".to_owned(),
        format!(
            "CREATE TABLE reversal (
            id {{uuid}} NOT NULL,
            redemption_id {{uuid}} NOT NULL,
            merchant_id {{uuid}} NOT NULL,
            card_id {{uuid}} NOT NULL,
            amount_minor {{bigint}} NOT NULL,
            currency TEXT NOT NULL,
            created_at {{bigint}} NOT NULL,
            CONSTRAINT reversal_pk PRIMARY KEY (id),
            CONSTRAINT reversal_redemption FOREIGN KEY (redemption_id) REFERENCES redemption (id),
            CONSTRAINT reversal_currency CHECK ({CURRENCY}),
            CONSTRAINT reversal_amount CHECK (amount_minor > 0)
        ) {{strict}}"
        ),
        "CREATE INDEX reversal_of_redemption ON reversal (redemption_id, id)".to_owned(),
        "CREATE INDEX reversal_of_card ON reversal (card_id)".to_owned(),
    ]
}
