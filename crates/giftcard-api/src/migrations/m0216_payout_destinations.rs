//! Where merchants are paid from when on. The one that a merchant registered with stays in its own row,
//! and is in force until the first of these is.

use ledger::guard::Guard;
use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::run;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            "CREATE TABLE payout_destination (
                id {uuid} NOT NULL,
                merchant_id {uuid} NOT NULL,
                destination TEXT NOT NULL,
                usable_from {bigint} NOT NULL,
                named_at {bigint} NOT NULL,
                CONSTRAINT payout_destination_pk PRIMARY KEY (id),
                CONSTRAINT payout_destination_merchant FOREIGN KEY (merchant_id)
                    REFERENCES merchant (id),
                CONSTRAINT payout_destination_times CHECK (named_at <= usable_from)
            ) {strict}",
            "CREATE INDEX payout_destination_of ON payout_destination (merchant_id, named_at)",
            "CREATE INDEX payout_destination_paid_at ON payout_destination (destination)",
        ];
        run(manager, &statements.map(str::to_owned), &guards()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

pub(super) fn guards() -> Vec<Guard> {
    Guard::append_only("payout_destination").to_vec()
}
