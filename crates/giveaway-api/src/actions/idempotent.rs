//! Requests under an idempotency key: the first answer is the answer for ever.
//!
//! Successes and refusals by state are stored, in the transaction of the effect. Anything else
//! (wrong input, an outage) is not, and the key stays free for another try.

use http::StatusCode;
use ledger::idempotency::{self, Claim, IdempotencyError, Scope, Stored, TWIN_WAIT};
use platform::{
    Tx,
    http::{IdempotencyKey, Problem},
};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    service::Service,
};

/// What a key led to.
pub(crate) enum Begun {
    /// The request is new: do the work in [`Attempt::tx`], then [`Attempt::finish`].
    Fresh(Box<Attempt>),
    /// The request had succeeded before, with this answer.
    Replay(Stored),
}

/// A request that is being worked on for the first time.
pub(crate) struct Attempt {
    /// Holds the claim of the key.
    outer: Tx,
    /// Holds the effect: a savepoint, undone when the request is refused while the claim stays.
    inner: Tx,
    scope: Scope,
    key: String,
}

/// Begins the request of `owner` under its key.
///
/// # Errors
/// The refusal that was given before; [`Error::KeyReused`] for another request, [`Error::KeyBusy`]
/// while a twin is at work.
pub(crate) async fn begin(service: &Service, scope: Scope, key: &IdempotencyKey) -> Result<Begun> {
    let outer = service.db.begin(scope.operation).await?;
    idempotency::bound_wait(&outer, TWIN_WAIT).await?;
    let claim =
        idempotency::claim(&outer, &scope, &key.key, key.fingerprint, service.clock.now()).await;
    match claim.map_err(refused)? {
        Claim::Mismatch => Err(Error::KeyReused),
        Claim::Replay(stored) => replay(stored),
        Claim::Fresh => {
            let inner = outer.savepoint().await?;
            Ok(Begun::Fresh(Box::new(Attempt { outer, inner, scope, key: key.key.clone() })))
        }
    }
}

impl Attempt {
    /// The transaction of the work.
    pub(crate) fn tx(&self) -> &Tx {
        &self.inner
    }

    /// Stores the outcome and commits: the work with its answer, or nothing with its refusal.
    ///
    /// # Errors
    /// The refusal itself, stored or not.
    pub(crate) async fn finish(self, outcome: Result<(StatusCode, Value)>) -> Result<Stored> {
        let Self { outer, inner, scope, key } = self;
        match outcome {
            Ok((status, body)) => {
                inner.commit().await?;
                idempotency::store(&outer, &scope, &key, status.as_u16(), &body)
                    .await
                    .map_err(refused)?;
                outer.commit().await?;
                Ok(Stored { status: status.as_u16(), body })
            }
            Err(refusal) if refusal.is_of_state() => {
                inner.rollback().await?;
                let problem = Problem::from(refusal);
                let (status, body) = (problem.status(), problem.body());
                idempotency::store(&outer, &scope, &key, status.as_u16(), &body)
                    .await
                    .map_err(refused)?;
                outer.commit().await?;
                Err(Error::Replayed { status, body })
            }
            // Dropped transactions are rolled back, the inner one first.
            Err(other) => Err(other),
        }
    }
}

fn replay(stored: Stored) -> Result<Begun> {
    let status = StatusCode::from_u16(stored.status).map_err(anyhow::Error::from)?;
    if status.is_success() {
        return Ok(Begun::Replay(stored));
    }
    Err(Error::Replayed { status, body: stored.body })
}

fn refused(error: IdempotencyError) -> Error {
    match error {
        IdempotencyError::Busy => Error::KeyBusy,
        IdempotencyError::UnfitKey => Error::field("", error.to_string()),
        error => Error::Unexpected(error.into()),
    }
}
