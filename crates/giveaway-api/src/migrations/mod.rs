//! The tables, for SQLite and PostgreSQL. Statements are written once; the few types that differ
//! stand in braces. Every state column has a check that is generated from the domain's state machine.

mod m0101_giveaways;
mod m0102_hosts;
mod m0103_wallets;
mod m0104_sagas;
mod m0105_winners;
mod m0106_transitions;
mod m0109_history;
mod m0110_charge_backs;
mod m0111_withdrawals;
mod m0115_operator;
mod m0116_voids;
mod m0117_refusals;
mod m0118_quiet_top_ups;
mod m0120_entries;
mod m0121_draws;
mod m0130_accounts;
mod m0131_api_keys;

use ledger::guard::{self, Guard};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager};

use crate::domain::states::State;

/// The service's schema: the ledger's, the outbox, and its own.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = ledger::migrations();
        all.push(platform::outbox::migration());
        all.push(Box::new(m0101_giveaways::Migration));
        all.push(Box::new(m0102_hosts::Migration));
        all.push(Box::new(m0103_wallets::Migration));
        all.push(Box::new(m0104_sagas::Migration));
        all.push(Box::new(m0105_winners::Migration));
        all.push(Box::new(m0120_entries::Migration));
        all.push(Box::new(m0121_draws::Migration));
        all.push(Box::new(m0106_transitions::Migration));
        all.push(platform::quarantine::migration());
        all.push(Box::new(m0109_history::Migration));
        all.push(Box::new(m0110_charge_backs::Migration));
        all.push(Box::new(m0111_withdrawals::Migration));
        all.push(Box::new(m0115_operator::Migration));
        all.push(Box::new(m0116_voids::Migration));
        all.push(Box::new(m0117_refusals::Migration));
        all.push(Box::new(m0118_quiet_top_ups::Migration));
        all.push(platform::rooms::migration());
        all.push(Box::new(m0130_accounts::Migration));
        all.push(Box::new(m0131_api_keys::Migration));
        all
    }
}

/// Guards of the ledger's tables and of our machines' that this database lacks: none, or money is not
/// safe in it.
pub(crate) async fn missing_guards(conn: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let mut missing = ledger::missing_guards(conn).await?;
    let ours = [m0106_transitions::machines(), m0109_history::guards(), m0111_withdrawals::kept()]
        .concat();
    missing.extend(guard::missing(conn, &ours).await?);
    Ok(missing)
}

/// Runs statements in which `{uuid}`, `{bytes}`, `{bigint}`, `{int}` and `{bool}` stand for the
/// engine's types, `{serial}` for a key that counts upwards, and `{strict}` for what makes SQLite
/// keep to the types.
pub(crate) async fn run(manager: &SchemaManager<'_>, statements: &[String]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let types: [(&str, &str); 7] = match db.get_database_backend() {
        DbBackend::Postgres => [
            ("{uuid}", "UUID"),
            ("{bytes}", "BYTEA"),
            ("{bigint}", "BIGINT"),
            ("{int}", "INTEGER"),
            ("{bool}", "BOOLEAN"),
            ("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY"),
            ("{strict}", ""),
        ],
        _ => [
            ("{uuid}", "BLOB"),
            ("{bytes}", "BLOB"),
            ("{bigint}", "INTEGER"),
            ("{int}", "INTEGER"),
            ("{bool}", "INTEGER"),
            ("{serial}", "INTEGER"),
            ("{strict}", "STRICT"),
        ],
    };
    for statement in statements {
        let sql = types.iter().fold(statement.clone(), |sql, (from, to)| sql.replace(from, to));
        db.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// `column IN ('a', 'b')`, for the check of a column that holds a state.
pub(crate) fn one_of<S: State>(column: &str) -> String {
    let names: Vec<String> = S::names().iter().map(|name| format!("'{name}'")).collect();
    format!("{column} IN ({})", names.join(", "))
}

/// Makes a table append-only: the database itself refuses changes.
pub(crate) async fn append_only(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    guard::install(manager, &Guard::append_only(table)).await
}
