//! The operator gives a failed settlement up: its lines are free for another one.

use platform::http::IdempotencyKey;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::once::{Answer, Begun, Once};
use crate::{
    domain::{ids::SettlementId, note::note, refusal::Refusal, settlement::SettlementState},
    error::{Error, Result},
    service::Service,
    store::{line, merchant, operator_action, settlement},
};

/// A settlement that was given up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cancelled {
    /// Its id.
    id: SettlementId,
    /// `cancelled`.
    state: SettlementState,
}

/// Cancels a settlement whose last attempt has failed. One with an attempt that may still move money
/// keeps its lines: freed, they could be paid twice.
///
/// # Errors
/// Refused while an attempt is live, while unexplained money blocks the merchant, and when the settlement is over.
pub(crate) async fn cancel_settlement(
    service: &Service,
    id: SettlementId,
    why: &str,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let why = note(why)?;
    let unknown = Refusal::NotFound { what: "settlement" };
    let seen = settlement::find(service.db.read(), id).await?.ok_or(unknown.clone())?;
    let once = match Once::begin(service, Uuid::nil(), "cancel_settlement", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let outcome = async {
        let (tx, now_ms) = (&once.tx, once.now_ms());
        // Whoever attempts a settlement again holds this row too.
        let payee = merchant::lock(tx, seen.merchant_id).await?;
        if payee.is_none_or(|payee| payee.blocked_at.is_some()) {
            // Money that is not explained yet may be that of this very settlement.
            return Err(Refusal::MerchantBlocked.into());
        }
        let current = settlement::find(tx, id).await?.ok_or(unknown)?;
        match current.state {
            SettlementState::Failed => {}
            SettlementState::Intent
            | SettlementState::Sending
            | SettlementState::PendingProvider => {
                return Err(Refusal::AttemptLive.into());
            }
            state @ (SettlementState::Paid
            | SettlementState::Reversed
            | SettlementState::Cancelled) => return Err(Refusal::SettlementEnded { state }.into()),
        }
        let step = (SettlementState::Failed, SettlementState::Cancelled);
        let reason = "cancelled by the operator";
        if !settlement::advance(tx, id, step, current.attempt, reason, now_ms).await? {
            return Err(Error::CONTENDED);
        }
        line::release(tx, id).await?;
        operator_action::record(tx, "cancel_settlement", &id.to_string(), why, now_ms).await?;
        Ok(Cancelled { id, state: SettlementState::Cancelled })
    }
    .await;
    once.finish(http::StatusCode::OK, outcome).await
}
