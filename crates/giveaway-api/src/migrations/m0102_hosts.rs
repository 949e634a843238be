//! Hosts and their tokens.

use sea_orm::{DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::run;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            &[
                "CREATE TABLE host (
                id {uuid} NOT NULL,
                name TEXT NOT NULL,
                email TEXT NOT NULL,
                created_at {bigint} NOT NULL,
                CONSTRAINT host_pk PRIMARY KEY (id)
            ) {strict}"
                    .to_owned(),
                // Only hashes: whoever reads the database cannot act as a host.
                "CREATE TABLE api_token (
                hash {bytes} NOT NULL,
                owner_id {uuid} NOT NULL,
                role TEXT NOT NULL,
                created_at {bigint} NOT NULL,
                revoked_at {bigint},
                CONSTRAINT api_token_pk PRIMARY KEY (hash),
                CONSTRAINT api_token_role CHECK (role IN ('host'))
            ) {strict}"
                    .to_owned(),
                "CREATE INDEX api_token_of_owner ON api_token (owner_id)".to_owned(),
            ],
        )
        .await
    }
}
