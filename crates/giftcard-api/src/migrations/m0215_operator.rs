//! What the operator did and why, which unexplained transfer blocks which merchant, and when one was
//! looked into.

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
            "CREATE TABLE operator_action (
                id {uuid} NOT NULL,
                actor TEXT NOT NULL,
                action TEXT NOT NULL,
                subject TEXT NOT NULL,
                note TEXT NOT NULL,
                at {bigint} NOT NULL,
                CONSTRAINT operator_action_pk PRIMARY KEY (id),
                CONSTRAINT operator_action_note CHECK (length(note) BETWEEN 1 AND 500)
            ) {strict}",
            "CREATE INDEX operator_action_of ON operator_action (subject, id)",
            "ALTER TABLE unmatched_transfer ADD COLUMN accepted_at {bigint}",
            "CREATE TABLE merchant_block (
                provider_id TEXT NOT NULL,
                merchant_id {uuid} NOT NULL,
                blocked_at {bigint} NOT NULL,
                cleared_at {bigint},
                CONSTRAINT merchant_block_pk PRIMARY KEY (provider_id, merchant_id),
                CONSTRAINT merchant_block_merchant FOREIGN KEY (merchant_id) REFERENCES merchant (id)
            ) {strict}",
            "CREATE INDEX merchant_block_open ON merchant_block (merchant_id) WHERE cleared_at IS NULL",
            // Of a transfer without a known payee the destination was not kept: any blocked merchant may
            // be blocked because of it, and stays so until all of them were looked into.
            "INSERT INTO merchant_block (provider_id, merchant_id, blocked_at) \
             SELECT u.provider_id, m.id, u.found_at FROM unmatched_transfer u JOIN merchant m \
             ON m.blocked_at IS NOT NULL AND (u.merchant_id = m.id OR u.merchant_id IS NULL)",
        ];
        run(manager, &statements.map(str::to_owned), &guards()).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

pub(super) fn guards() -> Vec<Guard> {
    Guard::append_only("operator_action").to_vec()
}
