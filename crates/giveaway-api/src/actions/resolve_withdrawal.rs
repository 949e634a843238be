//! The operator's way to bring a withdrawal to an end that nothing else can: the provider has forgotten
//! our key, so nothing may be sent, and shows no transfer, so nothing can be adopted.

use http::StatusCode;
use ledger::idempotency::Scope;
use platform::{clock::from_millis, http::IdempotencyKey, provider::protocol::may_send};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    idempotent::{self, Begun},
    observe_withdrawal::record,
    send_withdrawal::give_back,
    withdraw::{WithdrawalView, view},
};
use crate::{
    domain::withdrawal::WithdrawalState,
    error::{Error, Result},
    ids::{HostId, WithdrawalId},
    service::Service,
    store::{
        payout,
        withdrawal::{self, Outcome},
    },
};

/// Longest reason that is kept.
const MAX_REASON: usize = 500;

/// What the operator says.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Why, kept with the withdrawal.
    #[schema(min_length = 1, max_length = 500, example = "looked into with the bank")]
    pub reason: String,
}

/// Looks a withdrawal up once more. What the provider shows is adopted. If it shows nothing, and nothing
/// may be sent any more, it has failed because the operator says so: the operator never says that money
/// moved, only the provider does.
///
/// # Errors
/// Refused while it may still come to an end by itself; unavailable when the provider does not answer.
pub async fn resolve_withdrawal(
    service: &Service,
    id: WithdrawalId,
    resolution: Resolution,
    key: &IdempotencyKey,
) -> Result<WithdrawalView> {
    let reason = resolution.reason.trim();
    if reason.is_empty() || reason.len() > MAX_REASON {
        return Err(Error::field("/reason", format!("must have 1 to {MAX_REASON} characters")));
    }
    let seen = find(service, id).await?;
    // Asked before the transaction, and again for a repeat: it is the truth at any time.
    let shown = service.provider.transfer_by_reference(&seen.provider_ref).await;
    let shown = shown.map_err(|error| {
        tracing::warn!(%id, %error, "look-up failed");
        Error::Unavailable("the payment provider does not answer; repeat the request".into())
    })?;
    if let Some(transfer) = &shown {
        record(service, transfer).await?;
    }
    let scope = Scope::http(service.mode(), Uuid::nil(), "resolve_withdrawal");
    if let Begun::Fresh(attempt) = idempotent::begin(service, scope, key).await? {
        let outcome = async {
            let row = withdrawal::lock(attempt.tx(), &seen.provider_ref).await?;
            let row = row.ok_or(Error::NotFound("withdrawal"))?;
            let state = row.state()?;
            if WithdrawalState::LIVE.contains(&state) {
                let is_over = state == WithdrawalState::Sending
                    && shown.is_none()
                    && !may_send(row.first_sent_at.map(from_millis), service.clock.now());
                if !is_over {
                    let message = "the withdrawal may still come to an end by itself";
                    return Err(Error::state("withdrawal_live", message));
                }
                // What the scan is finding out at this moment may be more than we have seen; this is
                // no refusal to be remembered.
                if row.claims != seen.claims {
                    let message = "the withdrawal is being looked up; repeat the request";
                    return Err(Error::Unavailable(message.into()));
                }
                let outcome = Outcome {
                    failure_code: Some("declared_failed"),
                    note: Some(reason),
                    ..Outcome::default()
                };
                let why = "declared failed by the operator";
                give_back(service, attempt.tx(), &row, outcome, why).await?;
            }
            Ok((StatusCode::OK, json!({ "id": id })))
        }
        .await;
        attempt.finish(outcome).await?;
    }
    view(find(service, id).await?)
}

async fn find(service: &Service, id: WithdrawalId) -> Result<withdrawal::Model> {
    withdrawal::find(service.db.read(), id).await?.ok_or(Error::NotFound("withdrawal"))
}

/// Lets money leave a host's wallet again, after somebody has looked into what was not explained.
///
/// # Errors
/// A host that is not blocked.
pub async fn unblock_payouts(service: &Service, host: HostId) -> Result<()> {
    match payout::unblock(service.db.write(), host).await? {
        true => {
            tracing::warn!(%host, "payouts are unblocked by the operator");
            service.wake.withdrawals.wake();
            Ok(())
        }
        false => Err(Error::state("not_blocked", "the payouts of this host are not blocked")),
    }
}
