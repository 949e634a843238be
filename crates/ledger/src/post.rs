//! Writing a posting: lock the accounts in order, decide, write.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};
use uuid::Uuid;

use crate::{
    Account, BalanceRule, LedgerError, Leg, Money, Posting,
    posting::Change,
    sql::{column, lock_clause, parameters, rows_of_parameters, statement},
};

/// Whether an operation was posted now or had been before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Posted {
    /// The entries were written by this call.
    New,
    /// The same entries had been written under the same operation id; nothing was done.
    Repeated,
}

/// Rows per statement that writes: postings of usual size take one statement, and the largest stay
/// well below the 32,766 parameters that SQLite accepts. Locking takes one statement for any posting.
const BATCH: usize = 500;

/// Makes a posting, within the caller's transaction. Idempotent by the operation's id.
///
/// Accounts come into being with their first posting. The rows of cached accounts are locked in the
/// order of their ids until the transaction ends, so that postings neither lose an update nor wait
/// for each other in a circle; clearing accounts are not locked at all. A transaction that makes
/// several postings locks the root row of what it changes first, so that the circle cannot close
/// between them. On PostgreSQL the isolation level is READ COMMITTED, the engine's default.
///
/// # Errors
/// Refusals ([`LedgerError::Insufficient`] above all) leave the transaction usable with no balance,
/// entry or operation written; an account may remain that has no entries yet.
pub async fn post(
    tx: &DatabaseTransaction,
    posting: &Posting,
    at: Timestamp,
) -> Result<Posted, LedgerError> {
    let changes = posting.changes()?;
    let known = match lock_accounts(tx, &changes).await? {
        Some(known) => known,
        None => {
            create_accounts(tx, &changes, at).await?;
            let known = lock_accounts(tx, &changes).await?;
            known.ok_or_else(|| LedgerError::corrupt("an account was created and is not there"))?
        }
    };
    match decide(posting, &changes, &known) {
        Ok(balances) => write(tx, posting, &changes, &balances, at).await,
        // The refusal may be the very effect of this operation's first time.
        Err(refusal) => match is_repeated(tx, posting).await? {
            true => Ok(Posted::Repeated),
            false => Err(refusal),
        },
    }
}

/// Whether an operation is posted: how the outcome of a commit nobody saw is read back.
///
/// # Errors
/// When the database fails.
pub async fn posted(conn: &impl ConnectionTrait, op_id: Uuid) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 AS one FROM ledger_tx WHERE op_id = $1";
    Ok(conn.query_one_raw(statement(conn, sql, [op_id.into()])).await?.is_some())
}

/// What is known of an account that exists. The balance is there for cached accounts.
#[derive(Debug)]
struct Known {
    rule: BalanceRule,
    balance: i64,
}

/// Whether the posting may be made and, if so, the balance after each leg of a cached account.
fn decide(
    posting: &Posting,
    changes: &[Change<'_>],
    known: &HashMap<Uuid, Known>,
) -> Result<Vec<Option<i64>>, LedgerError> {
    let mut balances = HashMap::with_capacity(changes.len());
    for Change { id, account, delta } in changes {
        let rule = account.kind.rule();
        let known = known.get(id).filter(|known| known.rule == rule);
        let Some(Known { balance, .. }) = known else {
            return Err(LedgerError::RuleMismatch { account: (*account).clone() });
        };
        // Only what takes is refused: a credit must always be able to heal.
        if rule == BalanceRule::NonNegative && *delta < 0 && *balance < delta.saturating_neg() {
            return Err(LedgerError::Insufficient {
                account: (*account).clone(),
                needed: Money::new(delta.saturating_neg(), account.currency),
                available: Money::new(*balance, account.currency),
            });
        }
        balances.insert(*id, *balance);
    }
    posting
        .legs
        .iter()
        .map(|Leg { account, amount, .. }| {
            if !account.kind.rule().is_cached() {
                return Ok(None);
            }
            let balance = balances.entry(account.id()).or_default();
            *balance = balance
                .checked_add(amount.minor)
                .ok_or_else(|| LedgerError::Overflow { account: account.clone() })?;
            Ok(Some(*balance))
        })
        .collect()
}

/// Reads the accounts; the cached ones stay locked, in the order of their ids. None, and nothing
/// locked, when one does not exist yet: whoever creates an account may have to wait for a twin that
/// creates it too, and must hold no lock meanwhile that the twin waits for.
async fn lock_accounts(
    tx: &DatabaseTransaction,
    changes: &[Change<'_>],
) -> Result<Option<HashMap<Uuid, Known>>, LedgerError> {
    let (cached, clearing): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| change.account.kind.rule().is_cached());
    let all = parameters(1, changes.len());
    let mut parts = Vec::with_capacity(2);
    if !cached.is_empty() {
        parts.push(format!(
            "SELECT * FROM (SELECT id, rule, COALESCE(balance, 0) AS balance FROM ledger_account \
             WHERE id IN ({}) AND (SELECT COUNT(*) FROM ledger_account WHERE id IN ({all})) = {} \
             ORDER BY id{}) AS cached",
            parameters(1, cached.len()),
            changes.len(),
            lock_clause(tx)
        ));
    }
    if !clearing.is_empty() {
        parts.push(format!(
            "SELECT id, rule, CAST(0 AS BIGINT) AS balance FROM ledger_account WHERE id IN ({})",
            parameters(1 + cached.len(), clearing.len())
        ));
    }
    let ids = cached.iter().chain(&clearing).map(|change| Value::from(change.id));
    let rows = tx.query_all_raw(statement(tx, parts.join(" UNION ALL "), ids)).await?;
    if rows.len() < changes.len() {
        return Ok(None);
    }
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let (id, rule): (Uuid, String) = (column(&row, "id")?, column(&row, "rule")?);
        let rule = BalanceRule::parse(&rule)
            .ok_or_else(|| LedgerError::corrupt(format!("rule `{rule}` of account {id}")))?;
        known.insert(id, Known { rule, balance: column(&row, "balance")? });
    }
    Ok(Some(known))
}

/// Creates the accounts that do not exist, in the order of their ids.
async fn create_accounts(
    tx: &DatabaseTransaction,
    changes: &[Change<'_>],
    at: Timestamp,
) -> Result<(), LedgerError> {
    for batch in changes.chunks(BATCH) {
        let sql = format!(
            "INSERT INTO ledger_account (id, mode, kind, rule, owner, currency, balance, created_at) \
             VALUES {} ON CONFLICT DO NOTHING",
            rows_of_parameters(batch.len(), 8)
        );
        let values = batch.iter().flat_map(|Change { id, account, .. }| {
            let Account { mode, kind, owner, currency } = account;
            let rule = kind.rule();
            [
                Value::from(*id),
                mode.as_str().into(),
                kind.name().into(),
                rule.as_str().into(),
                (*owner).into(),
                currency.as_str().into(),
                rule.is_cached().then_some(0_i64).into(),
                at.as_millisecond().into(),
            ]
        });
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(())
}

/// Writes the operation, the balances and the entries. From here on nothing is refused any more.
async fn write(
    tx: &DatabaseTransaction,
    posting: &Posting,
    changes: &[Change<'_>],
    balances: &[Option<i64>],
    at: Timestamp,
) -> Result<Posted, LedgerError> {
    let sql = "INSERT INTO ledger_tx (op_id, kind, posted_at) VALUES ($1, $2, $3) \
               ON CONFLICT (op_id) DO NOTHING";
    let values = [posting.op_id.into(), posting.kind.into(), at.as_millisecond().into()];
    if tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 0 {
        return match is_repeated(tx, posting).await? {
            true => Ok(Posted::Repeated),
            false => Err(LedgerError::corrupt(format!(
                "operation {} is there and is not",
                posting.op_id
            ))),
        };
    }
    update_balances(tx, changes).await?;
    insert_entries(tx, posting, balances).await?;
    Ok(Posted::New)
}

async fn update_balances(
    tx: &DatabaseTransaction,
    changes: &[Change<'_>],
) -> Result<(), LedgerError> {
    let cached: Vec<_> = changes.iter().filter(|c| c.account.kind.rule().is_cached()).collect();
    for batch in cached.chunks(BATCH) {
        let cases: String =
            (0..batch.len()).map(|n| format!(" WHEN ${} THEN ${}", 2 * n + 1, 2 * n + 2)).collect();
        let ids: Vec<String> = (0..batch.len()).map(|n| format!("${}", 2 * n + 1)).collect();
        let sql = format!(
            "UPDATE ledger_account SET balance = balance + CASE id{cases} END WHERE id IN ({})",
            ids.join(", ")
        );
        let values = batch.iter().flat_map(|change| [change.id.into(), change.delta.into()]);
        let updated = tx.execute_raw(statement(tx, sql, values)).await?.rows_affected();
        if updated != batch.len() as u64 {
            return Err(LedgerError::corrupt(format!(
                "{updated} of {} accounts updated",
                batch.len()
            )));
        }
    }
    Ok(())
}

/// Writes the legs as entries, each of a cached account with the balance after it.
async fn insert_entries(
    tx: &DatabaseTransaction,
    posting: &Posting,
    balances: &[Option<i64>],
) -> Result<(), LedgerError> {
    let rows: Vec<[Value; 6]> = (0_i32..)
        .zip(posting.legs.iter().zip(balances))
        .map(|(seq, (leg, balance_after))| {
            [
                posting.op_id.into(),
                seq.into(),
                leg.account.id().into(),
                leg.amount.minor.into(),
                (*balance_after).into(),
                leg.reference.into(),
            ]
        })
        .collect();
    for batch in rows.chunks(BATCH) {
        let sql = format!(
            "INSERT INTO ledger_entry (op_id, seq, account_id, amount, balance_after, reference) \
             VALUES {}",
            rows_of_parameters(batch.len(), 6)
        );
        tx.execute_raw(statement(tx, sql, batch.iter().flatten().cloned())).await?;
    }
    Ok(())
}

/// Whether the operation is there with exactly these legs.
async fn is_repeated(tx: &DatabaseTransaction, posting: &Posting) -> Result<bool, LedgerError> {
    let sql = "SELECT t.kind, e.account_id, e.amount, e.reference FROM ledger_tx t \
               JOIN ledger_entry e ON e.op_id = t.op_id WHERE t.op_id = $1 ORDER BY e.seq";
    let rows = tx.query_all_raw(statement(tx, sql, [posting.op_id.into()])).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let mut same = rows.len() == posting.legs.len();
    for (row, leg) in rows.iter().zip(&posting.legs) {
        same &= column::<String>(row, "kind")? == posting.kind
            && column::<Uuid>(row, "account_id")? == leg.account.id()
            && column::<i64>(row, "amount")? == leg.amount.minor
            && column::<Option<Uuid>>(row, "reference")? == leg.reference;
    }
    if same { Ok(true) } else { Err(LedgerError::Conflict { op_id: posting.op_id }) }
}
