//! Tokens get a name, scopes and an end, and administrators get some too. Those that were there keep
//! working: without scopes a token may do all that its owner may.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, DeriveMigrationName};
use sea_orm_migration::{MigrationTrait, SchemaManager, async_trait};

use super::run;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_connection().get_database_backend() {
            DbBackend::Postgres => run(manager, &in_place()).await,
            _ => run(manager, &rebuilt()).await,
        }
    }
}

/// An instance of the version before goes on inserting rows, without naming what is new.
fn in_place() -> Vec<String> {
    [
        "ALTER TABLE api_token ADD COLUMN id {uuid} NOT NULL DEFAULT gen_random_uuid()",
        "ALTER TABLE api_token ADD COLUMN name TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE api_token ADD COLUMN scopes TEXT",
        "ALTER TABLE api_token ADD COLUMN mode TEXT",
        "ALTER TABLE api_token ADD COLUMN expires_at {bigint}",
        "ALTER TABLE api_token ADD COLUMN last_used_at {bigint}",
        "ALTER TABLE api_token ADD COLUMN created_by {uuid}",
        "ALTER TABLE api_token DROP CONSTRAINT api_token_role",
        "ALTER TABLE api_token ADD CONSTRAINT api_token_role CHECK (role IN ('host', 'admin'))",
        "ALTER TABLE api_token ADD CONSTRAINT api_token_id UNIQUE (id)",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// SQLite changes no constraint of a table that is there, and adds no column with a changing default.
fn rebuilt() -> Vec<String> {
    [
        "ALTER TABLE api_token RENAME TO api_token_before",
        "DROP INDEX api_token_of_owner",
        "CREATE TABLE api_token (
            hash {bytes} NOT NULL,
            owner_id {uuid} NOT NULL,
            role TEXT NOT NULL,
            created_at {bigint} NOT NULL,
            revoked_at {bigint},
            id {uuid} NOT NULL DEFAULT (randomblob(16)),
            name TEXT NOT NULL DEFAULT '',
            scopes TEXT,
            mode TEXT,
            expires_at {bigint},
            last_used_at {bigint},
            created_by {uuid},
            CONSTRAINT api_token_pk PRIMARY KEY (hash),
            CONSTRAINT api_token_id UNIQUE (id),
            CONSTRAINT api_token_role CHECK (role IN ('host', 'admin'))
        ) {strict}",
        "INSERT INTO api_token (hash, owner_id, role, created_at, revoked_at)
            SELECT hash, owner_id, role, created_at, revoked_at FROM api_token_before",
        "DROP TABLE api_token_before",
        "CREATE INDEX api_token_of_owner ON api_token (owner_id)",
    ]
    .map(str::to_owned)
    .to_vec()
}
