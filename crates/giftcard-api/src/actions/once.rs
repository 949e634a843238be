//! One effect per key: the claim, the effect and the stored answer share one transaction.

use jiff::Timestamp;
use ledger::idempotency::{self, Claim, Scope, TWIN_WAIT};
use platform::{
    Tx,
    http::{IdempotencyKey, Problem},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    domain::refusal::Kind,
    error::{Error, Result},
    service::Service,
};

/// An answer as it is stored and given again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body: what was made, or a problem.
    pub(crate) body: Value,
}

impl Answer {
    /// What was made, for callers that need more than JSON.
    ///
    /// # Errors
    /// The stored refusal, or a body that cannot be read.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Problem> {
        if self.status < 400 {
            return serde_json::from_value(self.body).map_err(Problem::unexpected);
        }
        let text = |name: &str| self.body[name].as_str().unwrap_or_default().to_owned();
        let status = http::StatusCode::from_u16(self.status).map_err(Problem::unexpected)?;
        Err(Problem::new(status, text("code")).detail(text("detail")))
    }
}

/// What became of a claim.
pub(crate) enum Begun {
    /// The work was done before.
    Replay(Answer),
    /// The work is ours.
    Fresh(Once),
}

/// An open claim and the transaction that it shares with the work.
pub(crate) struct Once {
    /// Where the work writes.
    pub(crate) tx: Tx,
    /// When the work happens.
    pub(crate) now: Timestamp,
    scope: Scope,
    key: String,
}

impl Once {
    /// Claims a key for an owner and operation.
    ///
    /// # Errors
    /// [`Error::KeyReused`] and [`Error::InProgress`].
    pub(crate) async fn begin(
        service: &Service,
        owner: Uuid,
        operation: &'static str,
        key: &IdempotencyKey,
    ) -> Result<Begun> {
        let scope = Scope::http(service.books.mode, owner, operation);
        let tx = service.db.begin(operation).await?;
        idempotency::bound_wait(&tx, TWIN_WAIT).await?;
        let now = service.clock.now();
        match idempotency::claim(&tx, &scope, &key.key, key.fingerprint, now).await? {
            Claim::Fresh => Ok(Begun::Fresh(Self { tx, now, scope, key: key.key.clone() })),
            Claim::Replay(stored) => {
                Ok(Begun::Replay(Answer { status: stored.status, body: stored.body }))
            }
            Claim::Mismatch => Err(Error::KeyReused),
        }
    }

    /// Now, as the database keeps time.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now.as_millisecond()
    }

    /// Stores the answer and commits. A refusal by state is stored too, because nothing has been
    /// written before it; anything else rolls back, and the key is free again.
    pub(crate) async fn finish<T: Serialize>(
        self,
        status: http::StatusCode,
        outcome: Result<T>,
    ) -> Result<Answer> {
        let answer = match outcome {
            Ok(made) => Answer {
                status: status.as_u16(),
                body: serde_json::to_value(made).map_err(anyhow::Error::from)?,
            },
            Err(Error::Refused(refusal)) if refusal.kind() == Kind::State => {
                let problem = Problem::from(refusal);
                Answer { status: problem.status().as_u16(), body: problem.body() }
            }
            Err(other) => return Err(other),
        };
        idempotency::store(&self.tx, &self.scope, &self.key, answer.status, &answer.body).await?;
        self.tx.commit().await?;
        Ok(answer)
    }
}
