//! A host cancels a giveaway before its entries are committed to: every prize goes back.

use http::StatusCode;
use ledger::idempotency::Scope;
use platform::{Tx, http::IdempotencyKey};
use serde_json::json;

use super::{
    draft_giveaway::owned,
    idempotent::{self, Begun},
    lifecycle,
};
use crate::{
    domain::giveaway::GiveawayState,
    error::{Error, Result},
    ids::{GiveawayId, HostId},
    service::Service,
    store::giveaway,
};

/// Cancels a giveaway, once per idempotency key. The prizes come back by themselves.
///
/// # Errors
/// A giveaway that cannot be cancelled: not published, or committed to its entries.
pub async fn cancel_giveaway(
    service: &Service,
    host: HostId,
    id: GiveawayId,
    key: &IdempotencyKey,
) -> Result<()> {
    owned(service, host, id).await?;
    let scope = Scope::http(service.mode(), host.0, "cancel");
    let attempt = match idempotent::begin(service, scope, key).await? {
        Begun::Replay(_) => return Ok(()),
        Begun::Fresh(attempt) => attempt,
    };
    let cancelled = cancel(service, attempt.tx(), id).await;
    attempt.finish(cancelled.map(|()| (StatusCode::ACCEPTED, json!({ "giveaway": id })))).await?;
    service.wake_relay();
    Ok(())
}

async fn cancel(service: &Service, tx: &Tx, id: GiveawayId) -> Result<()> {
    use GiveawayState as S;
    let giveaway = giveaway::lock(tx, id).await?;
    let state = giveaway.state()?;
    if !matches!(state, S::Scheduled | S::Open | S::Closed) {
        let message = format!("a giveaway that is {state} cannot be cancelled");
        return Err(Error::state("wrong_state", message));
    }
    let now = service.clock.now();
    lifecycle::begin_cancelling(tx, &giveaway, "cancelled by its host", now).await?;
    Ok(())
}
