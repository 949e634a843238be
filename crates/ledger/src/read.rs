//! Reading balances and entries.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::{
    Account, LedgerError, Money,
    sql::{column, money, parameters, statement, timestamp},
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

/// The entries of one account that a period covers. Whatever is posted later does not change it, so
/// everything that is read within it belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The entries have larger ids than this.
    pub after: i64,
    /// The last of them; not more than `after` when there is none.
    pub until: i64,
}

/// Where a period begins and ends in each of these accounts, from one look at all of them, so that an
/// operation is seen in each account or in none. Only for accounts with a cached balance.
///
/// Each period begins with the first entry whose time is not before its beginning. Two writers may
/// commit in another order than their clocks were read; by this rule periods that follow each other
/// have every entry once all the same, and each opens with the balance that the last one closed with.
///
/// # Errors
/// When the database fails.
pub async fn spans(
    conn: &impl ConnectionTrait,
    accounts: &[Account],
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Vec<Span>, LedgerError> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT e.account_id, MIN(CASE WHEN t.posted_at >= $1 THEN e.id END) AS first, \
         MIN(CASE WHEN t.posted_at >= $2 THEN e.id END) AS behind, MAX(e.id) AS last \
         FROM ledger_entry e JOIN ledger_tx t ON t.op_id = e.op_id \
         WHERE e.account_id IN ({}) GROUP BY e.account_id",
        parameters(3, accounts.len())
    );
    let ms = |at: Option<Timestamp>, open| at.map_or(open, Timestamp::as_millisecond);
    let period = [ms(from, i64::MIN).into(), ms(to, i64::MAX).into()];
    let values = period.into_iter().chain(accounts.iter().map(|account| account.id().into()));
    let mut found = HashMap::new();
    for row in conn.query_all_raw(statement(conn, sql, values)).await? {
        let last: i64 = column(&row, "last")?;
        let before = |first: Option<i64>| first.map_or(last, |id| id - 1);
        let span =
            Span { after: before(column(&row, "first")?), until: before(column(&row, "behind")?) };
        found.insert(column::<Uuid>(&row, "account_id")?, span);
    }
    let none = Span { after: 0, until: 0 };
    Ok(accounts.iter().map(|account| found.get(&account.id()).copied().unwrap_or(none)).collect())
}

/// The balance of a cached account after its last entry whose id is not larger than `id`; zero before
/// the first.
///
/// # Errors
/// When the database fails.
pub async fn balance_at(
    conn: &impl ConnectionTrait,
    account: &Account,
    id: i64,
) -> Result<Money, LedgerError> {
    let sql = "SELECT balance_after FROM ledger_entry \
               WHERE account_id = $1 AND id <= $2 AND balance_after IS NOT NULL \
               ORDER BY id DESC LIMIT 1";
    match conn.query_one_raw(statement(conn, sql, [account.id().into(), id.into()])).await? {
        Some(row) => money(&row, "balance_after", account),
        None => Ok(Money::zero(account.currency)),
    }
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
