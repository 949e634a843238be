//! What came back from cards that were voided.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, run};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                "CREATE TABLE card_void (
                id {uuid} NOT NULL,
                escrow_id {uuid} NOT NULL,
                host_id {uuid} NOT NULL,
                amount_minor {bigint} NOT NULL,
                currency TEXT NOT NULL,
                credited_at {bigint} NOT NULL,
                CONSTRAINT card_void_pk PRIMARY KEY (id),
                CONSTRAINT card_void_host FOREIGN KEY (host_id) REFERENCES host (id),
                CONSTRAINT card_void_amount CHECK (amount_minor > 0)
            ) {strict}"
                    .to_owned(),
                "CREATE INDEX card_void_of_escrow ON card_void (escrow_id)".to_owned(),
            ],
        )
        .await?;
        append_only(manager, "card_void").await
    }
}
