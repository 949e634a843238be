//! When a top-up that still waits was last looked up at the provider.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::run;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                "ALTER TABLE top_up ADD COLUMN looked_at {bigint}".to_owned(),
                "CREATE INDEX top_up_pending ON top_up (created_at) WHERE state = 'pending'"
                    .to_owned(),
            ],
        )
        .await
    }
}
