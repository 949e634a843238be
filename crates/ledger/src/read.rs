//! Reading balances and entries.

use jiff::Timestamp;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::{
    Account, LedgerError, Money,
    sql::{column, money, statement, timestamp},
};

/// One entry of an account, as a statement shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Grows along the account; where the next page begins.
    pub id: i64,
    /// The operation it belongs to.
    pub op_id: Uuid,
    /// What happened, such as `top_up`.
    pub kind: String,
    /// Credit positive, debit negative.
    pub amount: Money,
    /// The balance after it, where the account's balance is cached.
    pub balance_after: Option<Money>,
    /// What it is about.
    pub reference: Option<Uuid>,
    /// When it was posted.
    pub posted_at: Timestamp,
}

/// The account's balance; zero for one that does not exist.
///
/// # Errors
/// When the database fails.
pub async fn balance(conn: &impl ConnectionTrait, account: &Account) -> Result<Money, LedgerError> {
    let sql = match account.kind.rule().is_cached() {
        true => "SELECT balance FROM ledger_account WHERE id = $1 AND balance IS NOT NULL",
        false => {
            "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS balance FROM ledger_entry \
             WHERE account_id = $1"
        }
    };
    match conn.query_one_raw(statement(conn, sql, [account.id().into()])).await? {
        Some(row) => money(&row, "balance", account),
        None => Ok(Money::zero(account.currency)),
    }
}

/// Entries of the account in the order in which they were made, after the one with the id `after`
/// (from the start if none), `limit` at most.
///
/// For cached accounts the order is that of their balances, and a page once read never gets another
/// entry. Postings to a clearing account do not wait for each other, so an entry with a smaller id may
/// still appear for as long as a transaction takes.
///
/// # Errors
/// When the database fails.
pub async fn entries(
    conn: &impl ConnectionTrait,
    account: &Account,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>, LedgerError> {
    let sql = "SELECT e.id, e.op_id, t.kind, t.posted_at, e.amount, e.balance_after, e.reference \
               FROM ledger_entry e JOIN ledger_tx t ON t.op_id = e.op_id \
               WHERE e.account_id = $1 AND e.id > $2 ORDER BY e.id LIMIT $3";
    let values = [account.id().into(), after.unwrap_or(0).into(), i64::from(limit).into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(Entry {
                id: column(row, "id")?,
                op_id: column(row, "op_id")?,
                kind: column(row, "kind")?,
                amount: money(row, "amount", account)?,
                balance_after: column::<Option<i64>>(row, "balance_after")?
                    .map(|minor| Money::new(minor, account.currency)),
                reference: column(row, "reference")?,
                posted_at: timestamp(row, "posted_at")?,
            })
        })
        .collect()
}
