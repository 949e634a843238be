//! What the operator does by hand: it says why, and that is kept with what it did.

use http::StatusCode;
use jiff::Timestamp;
use ledger::{
    Money,
    idempotency::{Scope, Stored},
};
use platform::{clock::from_millis, http::IdempotencyKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    drive_saga, host_debt,
    idempotent::{self, Begun},
    show_giveaway::{SagaView, saga_view},
};
use crate::{
    domain::{books, saga::SagaState},
    error::{Error, Result},
    ids::{GiveawayId, HostId, SagaId},
    service::Service,
    store::{charge_back, giveaway, host, operator_action, saga, suspense},
};

/// Longest note that is kept, in characters.
const MAX_NOTE: usize = 500;

/// Why the operator does something.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// For those who come after.
    #[schema(min_length = 1, max_length = 500, example = "looked into with the bank")]
    pub note: String,
}

/// Whose a payment is.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The host that gets it.
    pub host_id: HostId,
    /// Why, for those who come after.
    #[schema(min_length = 1, max_length = 500, example = "looked into with the bank")]
    pub note: String,
}

/// Money that nothing explains.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SuspenseView {
    /// `payment` for money that came, `transfer` for money that left.
    #[schema(pattern = "^(payment|transfer)$")]
    pub kind: String,
    /// The provider's id.
    pub provider_id: String,
    /// How much of it is in suspense.
    pub amount: Money,
    /// Why it is there.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// What became of a payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssignedView {
    /// The provider's id.
    pub payment_id: String,
    /// Whose it is now.
    pub host_id: HostId,
    /// What was left of it and went into the wallet.
    pub amount: Money,
}

/// Makes a saga due that waits for an operator, and takes its flag away. If it gets no further, the
/// flag comes back with its next turn.
///
/// # Errors
/// Refused for a saga that is not flagged, that has ended, or that is committed: that one waits for
/// calls which the outbox repeats by itself.
pub async fn retry_saga(
    service: &Service,
    id: SagaId,
    note: &Note,
    key: &IdempotencyKey,
) -> Result<SagaView> {
    let note = checked(&note.note)?;
    let seen = saga::find(service.db.read(), id).await?.ok_or(Error::NotFound("saga"))?;
    let scope = Scope::http(service.mode(), Uuid::nil(), "retry_saga");
    if let Begun::Fresh(attempt) = idempotent::begin(service, scope, key).await? {
        let outcome = async {
            let (tx, now) = (attempt.tx(), service.clock.now());
            giveaway::lock(tx, GiveawayId(seen.giveaway_id)).await?;
            let row = saga::lock(tx, id).await?.ok_or(Error::NotFound("saga"))?;
            match row.state()? {
                SagaState::Reserving | SagaState::Compensating => {}
                SagaState::Committed => return Err(committed()),
                SagaState::Confirmed | SagaState::Compensated => {
                    return Err(Error::state("saga_ended", "the saga has ended"));
                }
            }
            if !saga::lease::make_due(tx, id, now).await? {
                let message = "the saga goes on by itself and needs no operator";
                return Err(Error::state("no_operator_needed", message));
            }
            operator_action::record(tx, "retry_saga", &id.to_string(), note, now).await?;
            Ok((StatusCode::OK, json!({ "id": id })))
        }
        .await;
        attempt.finish(outcome).await?;
        service.wake.sagas.wake();
    }
    saga_view(saga::find(service.db.read(), id).await?.ok_or(Error::NotFound("saga"))?)
}

/// Turns a saga back that has not decided: the money goes back at once, and every prize is cancelled.
///
/// # Errors
/// Refused for a saga that is committed, which only goes forward, or that turned back before.
pub async fn abort_saga(
    service: &Service,
    id: SagaId,
    note: &Note,
    key: &IdempotencyKey,
) -> Result<SagaView> {
    let note = checked(&note.note)?;
    let seen = saga::find(service.db.read(), id).await?.ok_or(Error::NotFound("saga"))?;
    let scope = Scope::http(service.mode(), Uuid::nil(), "abort_saga");
    if let Begun::Fresh(attempt) = idempotent::begin(service, scope, key).await? {
        let outcome = async {
            let (tx, now) = (attempt.tx(), service.clock.now());
            giveaway::lock(tx, GiveawayId(seen.giveaway_id)).await?;
            let row = saga::lock(tx, id).await?.ok_or(Error::NotFound("saga"))?;
            match row.state()? {
                SagaState::Reserving => {}
                SagaState::Committed | SagaState::Confirmed => return Err(committed()),
                SagaState::Compensating | SagaState::Compensated => {
                    return Err(Error::state("saga_aborted", "the saga has turned back already"));
                }
            }
            // The host reads the reason; what the operator notes is not for it.
            drive_saga::turn_back(service, tx, id, "aborted by the operator").await?;
            operator_action::record(tx, "abort_saga", &id.to_string(), note, now).await?;
            Ok((StatusCode::OK, json!({ "id": id })))
        }
        .await;
        attempt.finish(outcome).await?;
        service.wake.sagas.wake();
    }
    saga_view(saga::find(service.db.read(), id).await?.ok_or(Error::NotFound("saga"))?)
}

/// What is in suspense, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list_suspense(service: &Service, limit: u64) -> Result<Vec<SuspenseView>> {
    let view = |row: suspense::Unexplained| {
        let currency = row.currency.parse().map_err(anyhow::Error::from)?;
        Ok(SuspenseView {
            kind: row.kind,
            provider_id: row.provider_id,
            amount: Money::new(row.amount_minor, currency),
            reason: row.reason,
            since: from_millis(row.since),
        })
    };
    suspense::oldest(service.db.read(), limit).await?.into_iter().map(view).collect()
}

/// Gives a payment that nobody asked for to the host whose it is: what is left of it goes into the
/// wallet, and pays first what the host owes. What is taken back of it later is the host's matter.
///
/// # Errors
/// Refused for a payment that is not in suspense.
pub async fn assign_payment(
    service: &Service,
    payment_id: &str,
    assignment: &Assignment,
    key: &IdempotencyKey,
) -> Result<Stored> {
    let note = checked(&assignment.note)?;
    let host = assignment.host_id;
    let scope = Scope::http(service.mode(), Uuid::nil(), "assign_payment");
    let attempt = match idempotent::begin(service, scope, key).await? {
        Begun::Replay(stored) => return Ok(stored),
        Begun::Fresh(attempt) => attempt,
    };
    let outcome = async {
        let (tx, now) = (attempt.tx(), service.clock.now());
        let payment = suspense::lock_payment(tx, payment_id).await?;
        let payment = payment.ok_or(Error::NotFound("payment"))?;
        host::lock(tx, host).await?.ok_or(Error::NotFound("host"))?;
        if payment.top_up_id.is_some() || suspense::host_of(tx, payment_id).await?.is_some() {
            let message = "the payment is in somebody's wallet";
            return Err(Error::state("payment_not_in_suspense", message));
        }
        let taken_back = charge_back::so_far(tx, payment_id).await?;
        let currency = payment.currency.parse().map_err(anyhow::Error::from)?;
        let left = Money::new(payment.gross_minor - taken_back, currency);
        if !left.is_positive() {
            let message = "all of the payment was taken back";
            return Err(Error::state("payment_not_in_suspense", message));
        }
        suspense::assign(tx, payment_id, host, left, now).await?;
        let posting = books::assigned(service.mode(), host, payment_id, left);
        ledger::post(tx, &posting, now).await?;
        host_debt::repay(service, tx, host, (posting.op_id, left), now).await?;
        operator_action::record(tx, "assign_payment", payment_id, note, now).await?;
        let payment_id = payment_id.to_owned();
        let view = AssignedView { payment_id, host_id: host, amount: left };
        Ok((StatusCode::OK, serde_json::to_value(view).map_err(anyhow::Error::from)?))
    }
    .await;
    attempt.finish(outcome).await
}

fn committed() -> Error {
    let message = "the saga is committed and only goes forward; its calls are in the outbox";
    Error::state("saga_committed", message)
}

fn checked(note: &str) -> Result<&str> {
    let note = note.trim();
    if (1..=MAX_NOTE).contains(&note.chars().count()) {
        return Ok(note);
    }
    Err(Error::field("/note", format!("must have 1 to {MAX_NOTE} characters")))
}
