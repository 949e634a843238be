//! The ledger's tables, for both engines. They live in the database of the application that uses
//! them; its migrator lists [`migrations`] before its own.

mod m0001_ledger_postings;
mod m0002_ledger_holds;
mod m0003_ledger_idempotency;

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::guard::{self, Guard};

/// The ledger's migrations, in order.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    ALL.into_iter().map(|migration| Box::new(migration) as Box<dyn MigrationTrait>).collect()
}

/// The ledger's guards that this database lacks: none, or money is not safe in it.
///
/// # Errors
/// When the database fails.
pub async fn missing_guards(conn: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let guards: Vec<Guard> = ALL.iter().flat_map(|migration| (migration.guards)()).collect();
    guard::missing(conn, &guards).await
}

const ALL: [Migration; 3] = [
    m0001_ledger_postings::MIGRATION,
    m0002_ledger_holds::MIGRATION,
    m0003_ledger_idempotency::MIGRATION,
];

/// Tables and the guards before them. In the statements `{uuid}`, `{bytes}`, `{bigint}` and `{int}`
/// stand for the engine's types and `{serial}` for a key that counts upwards. `{strict}` makes SQLite
/// keep to the types, so that no float ever becomes money; `{keyed}` also lets it keep the rows in
/// their key's own tree, which writes a page less per row.
struct Migration {
    name: &'static str,
    tables: &'static [&'static str],
    guards: fn() -> Vec<Guard>,
}

impl MigrationName for Migration {
    fn name(&self) -> &str {
        self.name
    }
}

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro reads the elided form alone")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let types = types(db.get_database_backend());
        for statement in self.tables {
            let sql = types
                .iter()
                .fold((*statement).to_owned(), |sql, (name, engine)| sql.replace(name, engine));
            db.execute_unprepared(&sql).await?;
        }
        guard::install(manager, &(self.guards)()).await
    }

    /// Both engines undo DDL, so a migration that fails leaves nothing.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const fn types(engine: DbBackend) -> [(&'static str, &'static str); 7] {
    match engine {
        DbBackend::Postgres => [
            ("{uuid}", "UUID"),
            ("{bytes}", "BYTEA"),
            ("{bigint}", "BIGINT"),
            ("{int}", "INTEGER"),
            ("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY"),
            ("{strict}", ""),
            ("{keyed}", ""),
        ],
        _ => [
            ("{uuid}", "BLOB"),
            ("{bytes}", "BLOB"),
            ("{bigint}", "INTEGER"),
            ("{int}", "INTEGER"),
            ("{serial}", "INTEGER"),
            ("{strict}", "STRICT"),
            ("{keyed}", "STRICT, WITHOUT ROWID"),
        ],
    }
}
