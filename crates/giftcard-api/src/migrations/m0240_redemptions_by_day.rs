//! A merchant looks at the redemptions of a day.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::run;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index =
            "CREATE INDEX redemption_by_day ON redemption (merchant_id, created_at)".to_owned();
        run(manager, &[index], &[]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
