//! What must always hold in the ledger, checked in the database: nothing is loaded but what is wrong.
//!
//! Each check is one statement and sees one state of the database, so it can run beside the server.
//! Checks that compare two statements' results need a REPEATABLE READ transaction on PostgreSQL.

mod rows;

use sea_orm::{ConnectionTrait, QueryResult};
use serde::Serialize;
use uuid::Uuid;

pub use rows::{RowCheck, RowName};

use crate::{
    Account, AccountKind, Currency, LedgerError, Mode, Money,
    sql::{account, account_columns, column, statement, timestamp},
};

/// Violations listed per check; a broken ledger has more than anyone reads.
pub const MAX_LISTED: i64 = 100;

/// Rows of one page of what is listed: it stays in memory while the next is asked for.
pub const PAGE: u32 = 10_000;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The number of the invariant in the design's list.
    pub invariant: u8,
    /// What is wrong.
    pub what: String,
    /// The rows that say so.
    pub rows: Vec<String>,
}

/// Checks invariants 1 (entries sum to zero), 2 (cached balance = sum of entries, after every entry)
/// and 3 (nothing below zero, open holds = held). Lists at most [`MAX_LISTED`] of each.
///
/// # Errors
/// When the database fails.
pub async fn violations(conn: &impl ConnectionTrait) -> Result<Vec<Violation>, LedgerError> {
    let mut found = Vec::new();
    for check in CHECKS {
        let accounts = account_columns("a", "");
        let sql = format!("{} LIMIT $1", check.sql.replace("{account}", &accounts));
        let rows = conn.query_all_raw(statement(conn, sql, [MAX_LISTED.into()])).await?;
        for row in &rows {
            let (what, rows) = (check.describe)(row)?;
            found.push(Violation { invariant: check.invariant, what, rows });
        }
    }
    Ok(found)
}

/// What all accounts of one kind hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindSum {
    /// Test or live money.
    pub mode: Mode,
    /// The accounts' kind.
    pub kind: String,
    /// The sum of all their entries.
    pub total: Money,
}

/// The sum of all entries per mode, kind and currency, in that order.
///
/// # Errors
/// When the database fails, or a sum has no place in 64 bits.
pub async fn sums_by_kind(conn: &impl ConnectionTrait) -> Result<Vec<KindSum>, LedgerError> {
    let sql = "SELECT a.mode, a.kind, a.currency, CAST(SUM(s.total) AS BIGINT) AS total \
               FROM (SELECT account_id, SUM(amount) AS total FROM ledger_entry GROUP BY account_id) s \
               JOIN ledger_account a ON a.id = s.account_id \
               GROUP BY a.mode, a.kind, a.currency ORDER BY a.mode, a.kind, a.currency";
    let rows = conn.query_all_raw(statement(conn, sql, [])).await?;
    rows.iter()
        .map(|row| {
            let (mode, total) = mode_and_total(row)?;
            Ok(KindSum { mode, kind: column(row, "kind")?, total })
        })
        .collect()
}

/// What the accounts of a kind hold for one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceSum {
    /// What the entries are about, such as an escrow.
    pub reference: Uuid,
    /// Test or live money.
    pub mode: Mode,
    /// The sum of the entries about it.
    pub total: Money,
    /// How many entries there are.
    pub entries: i64,
    /// When the last of them was posted: how long the reference has been as it is.
    pub last_posted_at: jiff::Timestamp,
}

/// The sum of the entries per reference over the accounts of `kind`, ordered by reference, from the
/// one behind `after` on: two services' pages can be paired like two sorted lists. A page ends
/// with a whole reference, also when it has entries in several currencies or modes, so it may be
/// longer than `limit` references' sums.
///
/// # Errors
/// When the database fails, or a sum has no place in 64 bits.
pub async fn sums_by_reference(
    conn: &impl ConnectionTrait,
    kind: &AccountKind,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<ReferenceSum>, LedgerError> {
    let sql = "SELECT e.reference, a.mode, a.currency, CAST(SUM(e.amount) AS BIGINT) AS total, \
                 COUNT(*) AS entries, MAX(t.posted_at) AS last_posted_at \
               FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id \
               JOIN ledger_tx t ON t.op_id = e.op_id \
               WHERE a.kind = $1 AND e.reference IN ( \
                 SELECT DISTINCT f.reference FROM ledger_entry f \
                 JOIN ledger_account b ON b.id = f.account_id \
                 WHERE b.kind = $1 AND f.reference > $2 ORDER BY f.reference LIMIT $3) \
               GROUP BY e.reference, a.mode, a.currency \
               ORDER BY e.reference, a.mode, a.currency";
    let values = [kind.name().into(), after.unwrap_or(Uuid::nil()).into(), i64::from(limit).into()];
    let rows = conn.query_all_raw(statement(conn, sql, values)).await?;
    rows.iter()
        .map(|row| {
            let (mode, total) = mode_and_total(row)?;
            Ok(ReferenceSum {
                reference: column(row, "reference")?,
                mode,
                total,
                entries: column(row, "entries")?,
                last_posted_at: timestamp(row, "last_posted_at")?,
            })
        })
        .collect()
}

/// Everything that is listed in pages, each asked for with the last row of the one before, until one
/// is empty.
///
/// # Errors
/// The first error of a page.
pub async fn every_page<T, E>(
    mut page: impl AsyncFnMut(Option<&T>) -> Result<Vec<T>, E>,
) -> Result<Vec<T>, E> {
    let mut all: Vec<T> = Vec::new();
    loop {
        let rows = page(all.last()).await?;
        if rows.is_empty() {
            return Ok(all);
        }
        all.extend(rows);
    }
}

/// One check: a query whose rows are violations. `{account}` stands for the columns of the account.
struct Check {
    invariant: u8,
    sql: &'static str,
    describe: fn(&QueryResult) -> Result<Described, LedgerError>,
}

/// What is wrong with a row, and the rows to look at.
type Described = (String, Vec<String>);

/// Sums are compared and reported as text where a corrupt row could take them out of 64 bits.
const CHECKS: &[Check] = &[
    Check {
        invariant: 1,
        sql: "SELECT e.op_id, a.mode, a.currency, CAST(SUM(e.amount) AS TEXT) AS total \
              FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id \
              GROUP BY e.op_id, a.mode, a.currency HAVING SUM(e.amount) <> 0",
        describe: |row| {
            let (op_id, total): (Uuid, String) = (column(row, "op_id")?, column(row, "total")?);
            let (mode, currency): (String, String) =
                (column(row, "mode")?, column(row, "currency")?);
            let what = format!("entries sum to {total} minor units of {mode} {currency}");
            Ok((what, vec![format!("ledger_tx {op_id}")]))
        },
    },
    Check {
        invariant: 1,
        sql: "SELECT t.op_id FROM ledger_tx t LEFT JOIN ledger_entry e ON e.op_id = t.op_id \
              WHERE e.op_id IS NULL",
        describe: |row| {
            let op_id: Uuid = column(row, "op_id")?;
            Ok(("an operation without entries".to_owned(), vec![format!("ledger_tx {op_id}")]))
        },
    },
    Check {
        invariant: 2,
        sql: "SELECT {account}, a.balance, CAST(COALESCE(s.total, 0) AS TEXT) AS total \
              FROM ledger_account a LEFT JOIN ( \
                SELECT account_id, SUM(amount) AS total FROM ledger_entry GROUP BY account_id \
              ) s ON s.account_id = a.id \
              WHERE a.rule <> 'clearing' AND a.balance <> COALESCE(s.total, 0)",
        describe: |row| {
            let (balance, total): (i64, String) = (column(row, "balance")?, column(row, "total")?);
            let what = format!("the balance is {balance}, the entries sum to {total} minor units");
            Ok((what, vec![account_row(row)?]))
        },
    },
    Check {
        invariant: 2,
        sql: "SELECT {account}, c.id AS entry, c.balance_after, CAST(c.running AS TEXT) AS running \
              FROM (SELECT id, account_id, balance_after, \
                SUM(amount) OVER (PARTITION BY account_id ORDER BY id) AS running \
                FROM ledger_entry) c \
              JOIN ledger_account a ON a.id = c.account_id \
              WHERE a.rule <> 'clearing' AND (c.balance_after IS NULL OR c.balance_after <> c.running)",
        describe: |row| {
            let (entry, running): (i64, String) = (column(row, "entry")?, column(row, "running")?);
            let noted = match column::<Option<i64>>(row, "balance_after")? {
                Some(balance) => balance.to_string(),
                None => "none".to_owned(),
            };
            let what = format!(
                "the balance noted after an entry is {noted}, it was {running} minor units"
            );
            Ok((what, vec![format!("ledger_entry {entry}"), account_row(row)?]))
        },
    },
    Check {
        invariant: 3,
        sql: "SELECT {account}, a.balance FROM ledger_account a \
              WHERE a.rule = 'non_negative' AND a.balance < 0",
        describe: |row| {
            let balance: i64 = column(row, "balance")?;
            let what = format!("the balance is {balance} minor units, below zero");
            Ok((what, vec![account_row(row)?]))
        },
    },
    Check {
        invariant: 3,
        sql: "SELECT {account}, a.balance, CAST(COALESCE(h.total, 0) AS TEXT) AS total \
              FROM ledger_account a LEFT JOIN ( \
                SELECT held_id, SUM(amount) AS total FROM ledger_hold WHERE state = 'held' \
                GROUP BY held_id \
              ) h ON h.held_id = a.id \
              WHERE a.balance <> COALESCE(h.total, 0) AND (a.kind = 'held' OR a.kind IN ( \
                SELECT k.kind FROM ledger_account k WHERE k.id IN (SELECT held_id FROM ledger_hold)))",
        describe: |row| {
            let (balance, total): (i64, String) = (column(row, "balance")?, column(row, "total")?);
            let what = format!("{balance} minor units are held, open holds sum to {total}");
            Ok((what, vec![account_row(row)?]))
        },
    },
];

fn account_row(row: &QueryResult) -> Result<String, LedgerError> {
    let account: Account = account(row, "")?;
    Ok(format!("ledger_account {} ({account})", account.id()))
}

fn mode_and_total(row: &QueryResult) -> Result<(Mode, Money), LedgerError> {
    let (mode, currency): (String, String) = (column(row, "mode")?, column(row, "currency")?);
    let mode: Mode = mode.parse().map_err(|error| LedgerError::corrupt(format!("{error}")))?;
    let currency: Currency =
        currency.parse().map_err(|error| LedgerError::corrupt(format!("{error}")))?;
    Ok((mode, Money::new(column(row, "total")?, currency)))
}
