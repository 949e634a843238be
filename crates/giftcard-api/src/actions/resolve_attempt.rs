//! The operator's way to bring an attempt to an end that nothing else can: the provider has forgotten
//! our key, so nothing may be sent, and shows no transfer, so nothing can be adopted.

use platform::{http::IdempotencyKey, provider::protocol::may_send};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    observe_transfer::record,
    once::{Answer, Begun, Once},
    send_settlement::give_up,
};
use crate::{
    domain::{refusal::Refusal, settlement::AttemptState},
    error::{Error, Result},
    service::Service,
    store::{alert, attempt, time},
};

/// Longest reason that is kept.
const MAX_REASON: usize = 500;

/// What became of an attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resolved {
    /// Its reference.
    provider_ref: String,
    /// Where it stands.
    state: AttemptState,
}

/// Looks an attempt up once more. What the provider shows is adopted. If it shows nothing, and nothing
/// may be sent any more, the attempt has failed because the operator says so: the operator never says
/// that money moved, only the provider does.
///
/// # Errors
/// Refused while the attempt may still come to an end by itself; unavailable when the provider does
/// not answer.
pub(crate) async fn resolve_attempt(
    service: &Service,
    provider_ref: &str,
    reason: &str,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > MAX_REASON {
        let detail = format!("must have 1 to {MAX_REASON} characters");
        return Err(Refusal::invalid("/reason", detail).into());
    }
    let seen = attempt::find(service.db.read(), provider_ref)
        .await?
        .ok_or(Refusal::NotFound { what: "attempt" })?;
    // Asked before the transaction, and again for a repeat: it is the truth at any time.
    let shown = service.provider.transfer_by_reference(provider_ref).await.map_err(|error| {
        tracing::warn!(provider_ref, %error, "look-up failed");
        Error::Later("the provider does not answer")
    })?;
    if let Some(transfer) = &shown {
        record(service, transfer).await?;
    }
    let once = match Once::begin(service, uuid::Uuid::nil(), "resolve_attempt", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let outcome = async {
        let current = attempt::lock(&once.tx, provider_ref).await?;
        let current = current.ok_or(Refusal::NotFound { what: "attempt" })?;
        let state = match (current.state, shown) {
            (AttemptState::Sending, None) => {
                if may_send(current.first_sent_at.map(time), once.now) {
                    return Err(Refusal::AttemptLive.into());
                }
                // What the scan is finding out at this moment may be more than we have seen; this is
                // no refusal to be remembered.
                if current.claims != seen.claims {
                    return Err(Error::Later("the attempt is being looked up; repeat the request"));
                }
                give_up(&once.tx, &current, "declared_failed", Some(reason), once.now_ms()).await?;
                AttemptState::Failed
            }
            (AttemptState::Sending | AttemptState::Intent | AttemptState::PendingProvider, _) => {
                return Err(Refusal::AttemptLive.into());
            }
            (state, _) => state,
        };
        alert::clear(&once.tx, alert::Kind::AttemptStuck, provider_ref, once.now_ms()).await?;
        Ok(Resolved { provider_ref: provider_ref.to_owned(), state })
    }
    .await;
    once.finish(http::StatusCode::OK, outcome).await
}
