//! A host takes money out of its wallet: it is set aside first, then sent like a settlement.

use http::StatusCode;
use jiff::Timestamp;
use ledger::{
    Money,
    holds::{self, HoldError},
    idempotency::Scope,
};
use platform::{clock::from_millis, http::IdempotencyKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::idempotent::{self, Begun};
use crate::{
    domain::{
        books,
        withdrawal::{AMOUNT_MINOR, WithdrawalState, provider_ref},
    },
    error::{Error, Result},
    ids::{HostId, WithdrawalId},
    service::Service,
    store::{
        host, payout,
        withdrawal::{self, Model},
    },
};

/// What a host asks for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWithdrawal {
    /// How much.
    #[schema(schema_with = platform::document::amount::<100, 100_000_000>)]
    pub amount: Money,
}

/// A withdrawal as its host sees it.
#[derive(Clone, Serialize, ToSchema)]
pub struct WithdrawalView {
    /// Its id.
    pub id: WithdrawalId,
    /// How much.
    pub amount: Money,
    /// Where to.
    pub destination: String,
    /// Where it stands.
    pub state: WithdrawalState,
    /// Why it failed, as the provider's code.
    pub failure_code: Option<String>,
    /// Whether an operator was called to it.
    pub needs_operator: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
}

/// Asks for a withdrawal, once per idempotency key. A repeat returns the withdrawal as it stands.
///
/// # Errors
/// An amount that cannot be withdrawn; too little in the wallet; no destination whose time has come;
/// a host whose money may not leave now.
pub async fn withdraw(
    service: &Service,
    host: HostId,
    new: NewWithdrawal,
    key: &IdempotencyKey,
) -> Result<WithdrawalView> {
    if !AMOUNT_MINOR.contains(&new.amount.minor) {
        let (least, most) = (AMOUNT_MINOR.start(), AMOUNT_MINOR.end());
        return Err(Error::field("/amount/minor", format!("must be from {least} to {most}")));
    }
    let scope = Scope::http(service.mode(), host.0, "withdraw");
    let stored = match idempotent::begin(service, scope, key).await? {
        Begun::Replay(stored) => stored,
        Begun::Fresh(attempt) => {
            let placed = place(service, attempt.tx(), host, new.amount).await;
            attempt.finish(placed.map(|id| (StatusCode::ACCEPTED, json!({ "id": id })))).await?
        }
    };
    service.wake.withdrawals.wake();
    let id: WithdrawalId =
        serde_json::from_value(stored.body["id"].clone()).map_err(anyhow::Error::from)?;
    read_withdrawal(service, host, id).await
}

async fn place(
    service: &Service,
    tx: &platform::Tx,
    host: HostId,
    amount: Money,
) -> Result<WithdrawalId> {
    let now = service.clock.now();
    let row = host::lock(tx, host).await?.ok_or(Error::NotFound("host"))?;
    if row.payouts_blocked_at.is_some() {
        let message =
            "a transfer to you is being looked into; no money leaves the wallet until then";
        return Err(Error::state("payouts_blocked", message));
    }
    let destination = payout::in_force(tx, host, now).await?.ok_or_else(|| {
        let message = "no payout destination is in force; name one, and wait until it may be used";
        Error::state("no_payout_destination", message)
    })?;
    let id = WithdrawalId::new();
    let hold = books::hold_for_withdrawal(service.mode(), host, id, amount, now);
    holds::place(tx, hold).await.map_err(|error| match error {
        HoldError::Ledger(error) => error.into(),
        error => Error::Unexpected(error.into()),
    })?;
    let at_ms = now.as_millisecond();
    let row = Model {
        id: id.0,
        host_id: host.0,
        amount_minor: amount.minor,
        currency: amount.currency.as_str().to_owned(),
        destination: destination.destination,
        provider_ref: provider_ref(id),
        state: WithdrawalState::Intent.as_str().to_owned(),
        claims: 0,
        possible_sends: 0,
        tries: 0,
        due_at: at_ms,
        first_sent_at: None,
        provider_id: None,
        failure_code: None,
        note: None,
        needs_operator: false,
        listed_at: None,
        created_at: at_ms,
        changed_at: at_ms,
    };
    withdrawal::insert(tx, row).await?;
    Ok(id)
}

/// A host's withdrawal.
///
/// # Errors
/// An unknown withdrawal, or one of another host.
pub async fn read_withdrawal(
    service: &Service,
    host: HostId,
    id: WithdrawalId,
) -> Result<WithdrawalView> {
    let row = withdrawal::find(service.db.read(), id)
        .await?
        .filter(|row| row.host_id == host.0)
        .ok_or(Error::NotFound("withdrawal"))?;
    view(row)
}

/// A host's withdrawals, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn list_withdrawals(
    service: &Service,
    host: HostId,
    before: Option<WithdrawalId>,
    limit: u64,
) -> Result<Vec<WithdrawalView>> {
    let rows = withdrawal::of_host(service.db.read(), host, before, limit).await?;
    rows.into_iter().map(view).collect()
}

/// Those of all hosts that are not over, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list_under_way(service: &Service, limit: u64) -> Result<Vec<WithdrawalView>> {
    let rows = withdrawal::under_way(service.db.read(), limit).await?;
    rows.into_iter().map(view).collect()
}

pub(crate) fn view(row: Model) -> Result<WithdrawalView> {
    Ok(WithdrawalView {
        id: row.id(),
        amount: row.amount()?,
        state: row.state()?,
        destination: row.destination,
        failure_code: row.failure_code,
        needs_operator: row.needs_operator,
        created_at: from_millis(row.created_at),
        changed_at: from_millis(row.changed_at),
    })
}
