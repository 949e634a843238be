//! The operator has looked into money that left without an explanation, and accepts it. It stays in
//! suspense: what the provider moved is not undone by our books. But it blocks nobody any more.

use platform::http::IdempotencyKey;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::once::{Answer, Begun, Once};
use crate::{
    domain::{note::note, refusal::Refusal},
    error::Result,
    service::Service,
    store::{alert, block, operator_action, unmatched},
};

/// A transfer that was looked into.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The provider's id.
    provider_id: String,
    /// How many merchants it had blocked.
    blocked: usize,
}

/// Accepts a transfer, clears its alert, and frees every merchant that no other transfer blocks.
///
/// # Errors
/// Refused for a transfer that nobody has to look into.
pub(crate) async fn accept_transfer(
    service: &Service,
    provider_id: &str,
    why: &str,
    key: &IdempotencyKey,
) -> Result<Answer> {
    let why = note(why)?;
    let once = match Once::begin(service, Uuid::nil(), "accept_transfer", key).await? {
        Begun::Replay(answer) => return Ok(answer),
        Begun::Fresh(once) => once,
    };
    let outcome = async {
        let (tx, now_ms) = (&once.tx, once.now_ms());
        let is_open = alert::is_open(tx, alert::Kind::UnmatchedTransfer, provider_id).await?;
        // Money that has not moved yet, or came back at once, has an alert and no row.
        if !unmatched::accept(tx, provider_id, now_ms).await? && !is_open {
            return Err(match unmatched::find(tx, provider_id).await? {
                Some(_) => Refusal::TransferAccepted.into(),
                None => Refusal::NotFound { what: "unmatched transfer" }.into(),
            });
        }
        let blocked = block::clear(tx, provider_id, now_ms).await?;
        alert::clear(tx, alert::Kind::UnmatchedTransfer, provider_id, now_ms).await?;
        operator_action::record(tx, "accept_transfer", provider_id, why, now_ms).await?;
        Ok(Accepted { provider_id: provider_id.to_owned(), blocked })
    }
    .await;
    let answer = once.finish(http::StatusCode::OK, outcome).await?;
    service.wakers.settlements.wake();
    Ok(answer)
}
