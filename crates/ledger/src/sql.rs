//! One SQL text for both engines: parameters are `$1`, `$2`, … on PostgreSQL and on SQLite alike, so
//! each statement is written once and prepared once per connection.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, TryGetable, Value};
use uuid::Uuid;

use crate::{Account, AccountKind, BalanceRule, LedgerError, Money};

/// A statement with its parameters.
pub(crate) fn statement(
    conn: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

/// `$first, …` for `count` parameters.
pub(crate) fn parameters(first: usize, count: usize) -> String {
    let names: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    names.join(", ")
}

/// `($1, $2), ($3, $4)` for `rows` rows of `columns` parameters each.
pub(crate) fn rows_of_parameters(rows: usize, columns: usize) -> String {
    let rows: Vec<String> =
        (0..rows).map(|row| format!("({})", parameters(row * columns + 1, columns))).collect();
    rows.join(", ")
}

/// The clause that locks the rows just read until the transaction ends. SQLite's writer is alone
/// already. On PostgreSQL the weaker of the two exclusive locks is enough, because keys never
/// change; foreign keys of entries can still be checked meanwhile.
pub(crate) fn lock_clause(conn: &impl ConnectionTrait) -> &'static str {
    match conn.get_database_backend() {
        DbBackend::Postgres => " FOR NO KEY UPDATE",
        _ => "",
    }
}

/// A column's value, or the row is corrupt.
pub(crate) fn column<T: TryGetable>(row: &QueryResult, name: &str) -> Result<T, LedgerError> {
    row.try_get("", name).map_err(LedgerError::Db)
}

/// A time from its milliseconds since the Unix epoch.
pub(crate) fn timestamp(row: &QueryResult, name: &str) -> Result<Timestamp, LedgerError> {
    let ms: i64 = column(row, name)?;
    Timestamp::from_millisecond(ms)
        .map_err(|_| LedgerError::corrupt(format!("{name} {ms} is not a time")))
}

/// The columns that [`account`] reads, of `alias`, each with `prefix` before its name.
pub(crate) fn account_columns(alias: &str, prefix: &str) -> String {
    ["mode", "kind", "rule", "owner", "currency"]
        .map(|column| format!("{alias}.{column} AS {prefix}{column}"))
        .join(", ")
}

/// The account of a row that was selected with [`account_columns`].
pub(crate) fn account(row: &QueryResult, prefix: &str) -> Result<Account, LedgerError> {
    let text = |name: &str| column::<String>(row, &format!("{prefix}{name}"));
    let (mode, kind, rule, currency) =
        (text("mode")?, text("kind")?, text("rule")?, text("currency")?);
    let rule = BalanceRule::parse(&rule)
        .ok_or_else(|| LedgerError::corrupt(format!("rule `{rule}` of account kind {kind}")))?;
    Ok(Account {
        mode: mode.parse().map_err(|error| LedgerError::corrupt(format!("{error}")))?,
        kind: AccountKind::stored(kind, rule),
        owner: column::<Uuid>(row, &format!("{prefix}owner"))?,
        currency: currency.parse().map_err(|error| LedgerError::corrupt(format!("{error}")))?,
    })
}

/// An amount in the currency of `account`.
pub(crate) fn money(
    row: &QueryResult,
    name: &str,
    account: &Account,
) -> Result<Money, LedgerError> {
    Ok(Money::new(column(row, name)?, account.currency))
}
