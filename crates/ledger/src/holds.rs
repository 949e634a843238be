//! Holds: money set aside for something that may or may not happen.
//!
//! `held → captured | released`, each change a posting of its own. A hold ends once: the change
//! compare-and-sets the row, and a trigger refuses any other. A hold never expires by itself.

use std::fmt;

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, QueryResult};
use uuid::Uuid;

use crate::{
    Account, AccountKind, BalanceRule, Currency, LedgerError, Leg, Mode, Money, Posted, Posting,
    op_id::op_id,
    post::post,
    sql::{account, account_columns, column, money, statement, timestamp},
};

/// What to set aside.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// Names the hold; placing it again with the same id does nothing.
    pub id: Uuid,
    /// Test or live money.
    pub mode: Mode,
    /// Whose money.
    pub owner: Uuid,
    /// How much; more than zero.
    pub amount: Money,
    /// The kind of account it is taken from.
    pub available: AccountKind,
    /// The kind of account it waits in.
    pub held: AccountKind,
    /// What it is for, such as a giveaway.
    pub reference: Option<Uuid>,
    /// Now.
    pub at: Timestamp,
}

/// A hold as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Names the hold.
    pub id: Uuid,
    /// Where the money came from, and goes back to when it is released.
    pub available: Account,
    /// Where the money waits.
    pub held: Account,
    /// How much.
    pub amount: Money,
    /// What it is for.
    pub reference: Option<Uuid>,
    /// Where it is in its life.
    pub state: HoldState,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it was captured or released.
    pub ended_at: Option<Timestamp>,
}

/// Where a hold is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldState {
    /// The money is set aside.
    Held,
    /// The money was taken for what it was held for.
    Captured,
    /// The money went back.
    Released,
}

impl HoldState {
    /// The state's name, as stored and as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Captured => "captured",
            Self::Released => "released",
        }
    }
}

impl fmt::Display for HoldState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a hold was not placed, captured or released. As with [`LedgerError`], only a failed database
/// makes the transaction unusable, and nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The amount to hold is not more than zero.
    #[error("amount: {amount} cannot be held")]
    NotPositive {
        /// What was asked for.
        amount: Money,
    },
    /// A kind named for the hold may go negative or has no cached balance.
    #[error("kind: {kind:?} cannot be part of a hold, its balance must not be negative")]
    UnfitKind {
        /// The kind.
        kind: AccountKind,
    },
    /// There is no such hold.
    #[error("hold: {id} is unknown")]
    Unknown {
        /// The hold asked for.
        id: Uuid,
    },
    /// The hold ended the other way.
    #[error("hold: {id} is {state} already")]
    WrongState {
        /// The hold.
        id: Uuid,
        /// How it ended.
        state: HoldState,
    },
    /// The ledger refused the posting: insufficient funds, or the same hold with other values.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Sets money aside: available −, held +. Idempotent by the hold's id.
///
/// # Errors
/// [`LedgerError::Insufficient`] when there is not enough, [`LedgerError::Conflict`] when the hold
/// was placed with other values.
pub async fn place(tx: &DatabaseTransaction, hold: NewHold) -> Result<Posted, HoldError> {
    let NewHold { id, mode, owner, amount, available, held, reference, at } = hold;
    if !amount.is_positive() {
        return Err(HoldError::NotPositive { amount });
    }
    for kind in [&available, &held] {
        if kind.rule() != BalanceRule::NonNegative {
            return Err(HoldError::UnfitKind { kind: kind.clone() });
        }
    }
    let account = |kind, currency: Currency| Account { mode, kind, owner, currency };
    let (from, to) = (account(available, amount.currency), account(held, amount.currency));
    let posting = Posting::new(op_id(&[b"hold.place", id.as_bytes()]), "hold_place")
        .with([leg(&from, -amount.minor, reference), leg(&to, amount.minor, reference)]);
    let posted = post(tx, &posting, at).await?;
    // A repeated posting had the same accounts, amount and reference, so it made the same row.
    if posted == Posted::New {
        let sql = "INSERT INTO ledger_hold \
                   (id, available_id, held_id, amount, reference, state, placed_at) \
                   VALUES ($1, $2, $3, $4, $5, 'held', $6)";
        let values = [
            id.into(),
            from.id().into(),
            to.id().into(),
            amount.minor.into(),
            reference.into(),
            at.as_millisecond().into(),
        ];
        tx.execute_raw(statement(tx, sql, values)).await.map_err(LedgerError::Db)?;
    }
    Ok(posted)
}

/// Takes the held money: held −, and `credits`, which together are the whole amount. Idempotent by
/// the hold's id.
///
/// # Errors
/// [`HoldError::WrongState`] when it was released, [`HoldError::Unknown`] when there is none;
/// [`LedgerError::Posting`] when the credits are not the amount, [`LedgerError::Conflict`] when it was
/// captured with other credits.
pub async fn capture(
    tx: &DatabaseTransaction,
    id: Uuid,
    credits: impl IntoIterator<Item = Leg>,
    at: Timestamp,
) -> Result<Posted, HoldError> {
    let hold = load_locked(tx, id).await?;
    let posting = Posting::new(op_id(&[b"hold.capture", id.as_bytes()]), "hold_capture")
        .with([leg(&hold.held, -hold.amount.minor, hold.reference)])
        .with(credits);
    end(tx, &hold, HoldState::Captured, &posting, at).await
}

/// Gives the held money back: held −, available +. Idempotent by the hold's id.
///
/// # Errors
/// [`HoldError::WrongState`] when it was captured, [`HoldError::Unknown`] when there is none.
pub async fn release(
    tx: &DatabaseTransaction,
    id: Uuid,
    at: Timestamp,
) -> Result<Posted, HoldError> {
    let hold = load_locked(tx, id).await?;
    let posting = Posting::new(op_id(&[b"hold.release", id.as_bytes()]), "hold_release").with([
        leg(&hold.held, -hold.amount.minor, hold.reference),
        leg(&hold.available, hold.amount.minor, hold.reference),
    ]);
    end(tx, &hold, HoldState::Released, &posting, at).await
}

/// The hold as it stands.
///
/// # Errors
/// When the database fails.
pub async fn find(conn: &impl ConnectionTrait, id: Uuid) -> Result<Option<Hold>, LedgerError> {
    select(conn, id, "").await
}

fn leg(account: &Account, minor: i64, reference: Option<Uuid>) -> Leg {
    Leg { account: account.clone(), amount: Money::new(minor, account.currency), reference }
}

/// Ends a hold that was loaded and locked, or finds that it had ended in the same way.
async fn end(
    tx: &DatabaseTransaction,
    hold: &Hold,
    state: HoldState,
    posting: &Posting,
    at: Timestamp,
) -> Result<Posted, HoldError> {
    if hold.state != HoldState::Held && hold.state != state {
        return Err(HoldError::WrongState { id: hold.id, state: hold.state });
    }
    let posted = post(tx, posting, at).await?;
    if posted == Posted::New {
        let sql =
            "UPDATE ledger_hold SET state = $2, ended_at = $3 WHERE id = $1 AND state = 'held'";
        let values = [hold.id.into(), state.as_str().into(), at.as_millisecond().into()];
        let ended = tx.execute_raw(statement(tx, sql, values)).await.map_err(LedgerError::Db)?;
        if ended.rows_affected() != 1 {
            return Err(
                LedgerError::corrupt(format!("hold {} changed under its lock", hold.id)).into()
            );
        }
    }
    Ok(posted)
}

async fn load_locked(tx: &DatabaseTransaction, id: Uuid) -> Result<Hold, HoldError> {
    let lock = match tx.get_database_backend() {
        DbBackend::Postgres => " FOR NO KEY UPDATE OF h",
        _ => "",
    };
    select(tx, id, lock).await?.ok_or(HoldError::Unknown { id })
}

async fn select(
    conn: &impl ConnectionTrait,
    id: Uuid,
    lock: &str,
) -> Result<Option<Hold>, LedgerError> {
    let sql = format!(
        "SELECT h.id, h.amount, h.reference, h.state, h.placed_at, h.ended_at, {}, {} \
         FROM ledger_hold h JOIN ledger_account a ON a.id = h.available_id \
         JOIN ledger_account b ON b.id = h.held_id WHERE h.id = $1{lock}",
        account_columns("a", "available_"),
        account_columns("b", "held_")
    );
    let row = conn.query_one_raw(statement(conn, sql, [id.into()])).await?;
    row.as_ref().map(hold).transpose()
}

fn hold(row: &QueryResult) -> Result<Hold, LedgerError> {
    let state: String = column(row, "state")?;
    let state = [HoldState::Held, HoldState::Captured, HoldState::Released]
        .into_iter()
        .find(|known| known.as_str() == state)
        .ok_or_else(|| LedgerError::corrupt(format!("hold state `{state}`")))?;
    let held = account(row, "held_")?;
    let ended_at = match column::<Option<i64>>(row, "ended_at")? {
        Some(_) => Some(timestamp(row, "ended_at")?),
        None => None,
    };
    Ok(Hold {
        id: column(row, "id")?,
        available: account(row, "available_")?,
        amount: money(row, "amount", &held)?,
        held,
        reference: column(row, "reference")?,
        state,
        placed_at: timestamp(row, "placed_at")?,
        ended_at,
    })
}
