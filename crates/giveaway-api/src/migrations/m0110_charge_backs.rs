//! Payments that were taken back.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::{append_only, run};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A payment may be taken back in several parts: one row per part, named by the sum so far.
        let table = "CREATE TABLE provider_charge_back (
                payment_id TEXT NOT NULL,
                so_far_minor {bigint} NOT NULL,
                amount_minor {bigint} NOT NULL,
                currency TEXT NOT NULL,
                posted_at {bigint} NOT NULL,
                CONSTRAINT provider_charge_back_pk PRIMARY KEY (payment_id, so_far_minor),
                CONSTRAINT provider_charge_back_payment FOREIGN KEY (payment_id)
                    REFERENCES provider_payment (payment_id),
                CONSTRAINT provider_charge_back_amounts
                    CHECK (0 < amount_minor AND amount_minor <= so_far_minor)
            ) {strict}";
        run(manager, &[table.to_owned()]).await?;
        append_only(manager, "provider_charge_back").await
    }
}
