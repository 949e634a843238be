//! Idempotency records: the first answer to a key is the answer for ever.
//!
//! A record is claimed and answered in the transaction of the effect, so that neither exists without
//! the other. A concurrent twin waits in [`claim`] for the first to end: on SQLite before its
//! transaction begins, on PostgreSQL for the unique row; [`bound_wait`] limits the latter.
//!
//! Keys are scoped to mode, owner and operation, and never forwarded downstream: what a caller sends
//! us says nothing about what we send others.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, RuntimeErr, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{Mode, op_id::length_prefixed, sql::statement};

/// A record of an HTTP request is kept at least this long: a client that retries later than this has
/// long been looked at by a person.
pub const HTTP_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long a request waits for its twin before it is answered with 409.
pub const TWIN_WAIT: Duration = Duration::from_secs(2);

/// Bytes of a key at most; a UUID has 36, and a key made of a saga and a batch stays below 100.
pub const MAX_KEY_LEN: usize = 255;

/// What a key is unique within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Test or live.
    pub mode: Mode,
    /// The owning account: who sent the key.
    pub owner: Uuid,
    /// What is done, such as `redeem`.
    pub operation: &'static str,
    /// How long the record is kept.
    pub kept: Kept,
}

/// How long a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// For [`HTTP_KEPT`]: requests of clients.
    ForAMonth,
    /// For ever: RPCs between our services, which are retried until they are answered.
    Permanently,
}

impl Scope {
    /// The scope of a client's request; its record is swept after [`HTTP_KEPT`].
    pub const fn http(mode: Mode, owner: Uuid, operation: &'static str) -> Self {
        Self { mode, owner, operation, kept: Kept::ForAMonth }
    }

    /// The scope of an RPC; its record is permanent.
    pub const fn rpc(mode: Mode, owner: Uuid, operation: &'static str) -> Self {
        Self { mode, owner, operation, kept: Kept::Permanently }
    }
}

/// What a claim found.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The key is new and now ours: do the work, then [`store`] the answer in this transaction.
    Fresh,
    /// The request was answered before: answer the same.
    Replay(Stored),
    /// The key was used for another request.
    Mismatch,
}

/// A stored answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The status it was answered with.
    pub status: u16,
    /// The body it was answered with.
    pub body: serde_json::Value,
}

/// Why a key was not claimed or its answer not stored.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The key is empty or longer than [`MAX_KEY_LEN`].
    #[error("idempotency key: it must have 1 to {MAX_KEY_LEN} bytes")]
    UnfitKey,
    /// A twin is at work for longer than [`bound_wait`] allows. The transaction is over.
    #[error("idempotency key: a request with the same key is being worked on")]
    Busy,
    /// The key was claimed by a transaction that committed without an answer.
    #[error("idempotency key: it was claimed for {operation} and never answered")]
    Unanswered {
        /// The operation.
        operation: &'static str,
    },
    /// There is no claim to answer, or it is answered already.
    #[error("idempotency key: there is no open claim for {operation}")]
    NotClaimed {
        /// The operation.
        operation: &'static str,
    },
    /// The stored answer cannot be read.
    #[error("idempotency key: the stored answer for {operation} cannot be read")]
    Corrupt {
        /// The operation.
        operation: &'static str,
    },
    /// The database did not do its part.
    #[error("the ledger's database failed")]
    Db(#[source] DbErr),
}

impl From<DbErr> for IdempotencyError {
    fn from(error: DbErr) -> Self {
        if is_lock_timeout(&error) { Self::Busy } else { Self::Db(error) }
    }
}

/// The hash of what makes a request this request: method, path and body, or an RPC's bytes.
pub fn fingerprint(fields: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(length_prefixed(fields)).into()
}

/// Limits every wait for a lock in this transaction, also those for accounts. On SQLite there is
/// nothing to limit: a transaction that has begun never waits.
///
/// # Errors
/// When the database fails.
pub async fn bound_wait(tx: &DatabaseTransaction, wait: Duration) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let sql = "SELECT set_config('lock_timeout', $1, true)";
        tx.query_one_raw(statement(tx, sql, [wait.as_millis().to_string().into()])).await?;
    }
    Ok(())
}

/// Claims a key for the request with this fingerprint, as the first statement of the transaction that
/// does the work.
///
/// # Errors
/// [`IdempotencyError::UnfitKey`] before anything is asked; the rest as documented there.
pub async fn claim(
    tx: &DatabaseTransaction,
    scope: &Scope,
    key: &str,
    fingerprint: [u8; 32],
    at: Timestamp,
) -> Result<Claim, IdempotencyError> {
    if key.is_empty() || key.len() > MAX_KEY_LEN {
        return Err(IdempotencyError::UnfitKey);
    }
    let expires_at = match scope.kept {
        Kept::ForAMonth => Some((at + HTTP_KEPT).as_millisecond()),
        Kept::Permanently => None,
    };
    let sql = "INSERT INTO ledger_idempotency \
               (mode, owner, operation, key, fingerprint, claimed_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let [mode, owner, operation, key] = primary_key(scope, key);
    let values = [
        mode.clone(),
        owner.clone(),
        operation.clone(),
        key.clone(),
        fingerprint.to_vec().into(),
        at.as_millisecond().into(),
        expires_at.into(),
    ];
    if tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1 {
        return Ok(Claim::Fresh);
    }
    let sql = "SELECT fingerprint, status, body FROM ledger_idempotency \
               WHERE mode = $1 AND owner = $2 AND operation = $3 AND key = $4";
    let row = tx
        .query_one_raw(statement(tx, sql, [mode, owner, operation, key]))
        .await?
        // Swept between the two statements: the twin of a month ago. The client may try again.
        .ok_or(IdempotencyError::Busy)?;
    if row.try_get::<Vec<u8>>("", "fingerprint")? != fingerprint {
        return Ok(Claim::Mismatch);
    }
    let operation = scope.operation;
    let status: Option<i32> = row.try_get("", "status")?;
    let body: Option<String> = row.try_get("", "body")?;
    let (Some(status), Some(body)) = (status, body) else {
        return Err(IdempotencyError::Unanswered { operation });
    };
    match (u16::try_from(status), serde_json::from_str(&body)) {
        (Ok(status), Ok(body)) => Ok(Claim::Replay(Stored { status, body })),
        _ => Err(IdempotencyError::Corrupt { operation }),
    }
}

/// Stores the answer to a key that this transaction claimed. Successes and refusals by state are
/// stored; for anything else the transaction is rolled back, and the claim with it.
///
/// # Errors
/// [`IdempotencyError::NotClaimed`] when there is no claim, or an answer already.
pub async fn store(
    tx: &DatabaseTransaction,
    scope: &Scope,
    key: &str,
    status: u16,
    body: &serde_json::Value,
) -> Result<(), IdempotencyError> {
    let sql = "UPDATE ledger_idempotency SET status = $5, body = $6 \
               WHERE mode = $1 AND owner = $2 AND operation = $3 AND key = $4 AND status IS NULL";
    let [mode, owner, operation, key] = primary_key(scope, key);
    let values = [mode, owner, operation, key, i32::from(status).into(), body.to_string().into()];
    match tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(IdempotencyError::NotClaimed { operation: scope.operation }),
    }
}

/// Deletes records whose time is over, the oldest first and `limit` at most, so that a sweep never
/// holds the writer for long. Returns how many; fewer than `limit` means that all are gone.
///
/// # Errors
/// When the database fails.
pub async fn sweep(conn: &impl ConnectionTrait, now: Timestamp, limit: u32) -> Result<u64, DbErr> {
    let sql = "DELETE FROM ledger_idempotency WHERE (mode, owner, operation, key) IN ( \
               SELECT mode, owner, operation, key FROM ledger_idempotency \
               WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
    let values = [now.as_millisecond().into(), i64::from(limit).into()];
    Ok(conn.execute_raw(statement(conn, sql, values)).await?.rows_affected())
}

fn primary_key(scope: &Scope, key: &str) -> [Value; 4] {
    [scope.mode.as_str().into(), scope.owner.into(), scope.operation.into(), key.into()]
}

/// PostgreSQL's `lock_not_available`.
fn is_lock_timeout(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "55P03")
}
