//! The tables, for SQLite and PostgreSQL. Statements are written once; the few types that differ
//! stand in braces. Every state column has a check that is generated from the domain's machine.

mod m0201_merchants;
mod m0202_cards;
mod m0203_settlements;
mod m0204_operations;
mod m0205_transitions;
mod m0206_authorisations;
mod m0207_history;
mod m0215_operator;
mod m0216_payout_destinations;
mod m0217_voids;
mod m0240_redemptions_by_day;

use ledger::guard::{self, Guard};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager};

use crate::domain::state::Machine;

/// The service's schema: the ledger's, the outbox, and its own.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let mut all = ledger::migrations();
        all.push(platform::outbox::migration());
        all.push(Box::new(m0201_merchants::Migration));
        all.push(Box::new(m0202_cards::Migration));
        all.push(Box::new(m0203_settlements::Migration));
        all.push(Box::new(m0204_operations::Migration));
        all.push(Box::new(m0205_transitions::Migration));
        all.push(platform::quarantine::migration());
        all.push(Box::new(m0206_authorisations::Migration));
        all.push(Box::new(m0207_history::Migration));
        all.push(Box::new(m0215_operator::Migration));
        all.push(Box::new(m0216_payout_destinations::Migration));
        all.push(Box::new(m0217_voids::Migration));
        all.push(platform::rooms::migration());
        all.push(Box::new(m0240_redemptions_by_day::Migration));
        all
    }
}

/// Guards of our own tables and of the ledger's that this database lacks: none, or money is not
/// safe in it.
pub(crate) async fn missing_guards(conn: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let ours = [
        m0202_cards::guards(),
        m0204_operations::guards(),
        m0205_transitions::guards(),
        m0206_authorisations::guards(),
        m0207_history::guards(),
        m0215_operator::guards(),
        m0216_payout_destinations::guards(),
        m0217_voids::guards(),
    ]
    .concat();
    let mut missing = ledger::missing_guards(conn).await?;
    missing.extend(guard::missing(conn, &ours).await?);
    Ok(missing)
}

/// Runs statements in which `{uuid}`, `{bytes}`, `{bigint}` and `{int}` stand for the engine's
/// types, and `{strict}` for what makes SQLite keep to them; then installs guards.
async fn run(
    manager: &SchemaManager<'_>,
    statements: &[String],
    guards: &[Guard],
) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let types = match db.get_database_backend() {
        DbBackend::Postgres => [
            ("{uuid}", "UUID"),
            ("{bytes}", "BYTEA"),
            ("{bigint}", "BIGINT"),
            ("{int}", "INTEGER"),
            ("{strict}", ""),
        ],
        _ => [
            ("{uuid}", "BLOB"),
            ("{bytes}", "BLOB"),
            ("{bigint}", "INTEGER"),
            ("{int}", "INTEGER"),
            ("{strict}", "STRICT"),
        ],
    };
    for statement in statements {
        let sql = types.iter().fold(statement.clone(), |sql, (from, to)| sql.replace(from, to));
        db.execute_unprepared(&sql).await?;
    }
    guard::install(manager, guards).await
}

/// `state IN ('a', 'b')`, for the check of a column that holds a state.
fn states<S: Machine>() -> String {
    let names: Vec<String> = S::ALL.iter().map(|state| format!("'{}'", state.as_str())).collect();
    format!("state IN ({})", names.join(", "))
}

/// The check of a column that holds a currency.
const CURRENCY: &str = "length(currency) = 3";
