//! Merchants that have closed, and what their cards had left on its way back to the hosts.

use ledger::guard::Guard;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{CURRENCY, run};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            "ALTER TABLE merchant ADD COLUMN closed_at {bigint}".to_owned(),
            "CREATE INDEX merchant_closed ON merchant (id) WHERE closed_at IS NOT NULL".to_owned(),
            "CREATE INDEX card_with_value ON card (merchant_id, id) WHERE state = 'active'"
                .to_owned(),
            format!(
                "CREATE TABLE card_void (
                id {{uuid}} NOT NULL,
                card_id {{uuid}} NOT NULL,
                escrow_id {{uuid}} NOT NULL,
                merchant_id {{uuid}} NOT NULL,
                amount_minor {{bigint}} NOT NULL,
                currency TEXT NOT NULL,
                voided_at {{bigint}} NOT NULL,
                credited_at {{bigint}},
                CONSTRAINT card_void_pk PRIMARY KEY (id),
                CONSTRAINT card_void_card FOREIGN KEY (card_id) REFERENCES card (id),
                CONSTRAINT card_void_escrow FOREIGN KEY (escrow_id) REFERENCES escrow (id),
                CONSTRAINT card_void_merchant FOREIGN KEY (merchant_id) REFERENCES merchant (id),
                CONSTRAINT card_void_currency CHECK ({CURRENCY}),
                CONSTRAINT card_void_amount CHECK (amount_minor > 0)
            ) {{strict}}"
            ),
            "CREATE INDEX card_void_of_card ON card_void (card_id)".to_owned(),
            "CREATE INDEX card_void_of_escrow ON card_void (escrow_id)".to_owned(),
        ];
        run(manager, &statements, &guards()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

pub(super) fn guards() -> Vec<Guard> {
    let refuse = |name: &str, event, reason: &str| Guard {
        name: name.to_owned(),
        table: "card_void".to_owned(),
        event,
        when: None,
        reason: reason.to_owned(),
    };
    vec![
        refuse("card_void_no_delete", "DELETE", "voids are kept"),
        refuse(
            "card_void_keeps_amount",
            "UPDATE OF id, card_id, escrow_id, merchant_id, amount_minor, currency, voided_at",
            "a void is credited, not rewritten",
        ),
    ]
}
