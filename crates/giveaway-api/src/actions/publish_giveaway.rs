//! Publishing, the first transaction: everything that the saga will ever send is written down, the
//! money is set aside, and the giveaway is `funding`. What follows is [`super::drive_saga`].

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use ledger::{
    Money,
    holds::{self, HoldError},
    idempotency::Scope,
};
use platform::{Tx, http::IdempotencyKey};
use serde_json::json;

use super::{
    draft_giveaway::owned,
    drive_saga,
    idempotent::{self, Begun},
    products,
};
use crate::{
    domain::{
        books,
        draft::{self, Draft, Prize},
        giveaway::GiveawayState,
        publication,
    },
    error::{Error, Result},
    ids::{GiveawayId, HostId, SagaId},
    service::Service,
    store::{giveaway, prize, saga, unit},
};

/// How long a host waits for the saga before it is told to look again. Usually it takes a fraction
/// of a second.
const HOST_WAIT: Duration = Duration::from_secs(3);

/// Publishes a giveaway, once per idempotency key: reserves every prize, then takes the money.
/// Returns when the saga has ended, or after a few seconds while it goes on by itself.
///
/// # Errors
/// Prizes that do not fit their products any more, dates that have passed, too little money; a
/// giveaway that is no draft.
pub async fn publish_giveaway(
    service: &Arc<Service>,
    host: HostId,
    id: GiveawayId,
    key: &IdempotencyKey,
) -> Result<()> {
    let giveaway = owned(service, host, id).await?;
    let lines = giveaway.draft(&prize::of_giveaway(service.db.read(), id).await?)?.prizes;
    let scope = Scope::http(service.mode(), host.0, "publish");
    // Asked before the transaction, and only of a draft: a replay must not depend on it.
    let products = match giveaway.state()? {
        GiveawayState::Draft => products::of_prizes(service, &lines).await?,
        _ => Vec::new(),
    };
    let attempt = match idempotent::begin(service, scope, key).await? {
        Begun::Replay(_) => return Ok(()),
        Begun::Fresh(attempt) => attempt,
    };
    let begun = begin(service, attempt.tx(), id, &products).await;
    let saga = begun.as_ref().ok().copied();
    attempt.finish(begun.map(|saga| (StatusCode::ACCEPTED, json!({ "saga": saga })))).await?;
    if let Some(saga) = saga {
        let driven = drive_saga::spawn(service, saga);
        // Dropping the handle does not stop the saga.
        let _ = tokio::time::timeout(HOST_WAIT, driven).await;
    }
    Ok(())
}

/// Writes the first transaction. Refusals come before anything is written.
async fn begin(
    service: &Service,
    tx: &Tx,
    id: GiveawayId,
    products: &[draft::Product],
) -> Result<SagaId> {
    let now = service.clock.now();
    let giveaway = giveaway::lock(tx, id).await?;
    let state = giveaway.state()?;
    if state != GiveawayState::Draft {
        return Err(Error::state(
            "wrong_state",
            format!("a giveaway that is {state} cannot be published"),
        ));
    }
    let rows = prize::of_giveaway(tx, id).await?;
    let draft = giveaway.draft(&rows)?;
    let prizes = draft::price(&draft.prizes, products).map_err(Error::Invalid)?;
    let units = publication::units(&prizes);
    let chain = service.beacon.chain();
    let rules =
        publication::rules(id, &draft, &prizes, &units, &chain, now).map_err(Error::Invalid)?;
    let saga = SagaId::new();
    let amount = total(&draft, &prizes)?;
    let host = HostId(giveaway.host_id);
    let hold = books::hold(service.mode(), host, saga, amount, now);
    holds::place(tx, hold).await.map_err(|error| match error {
        HoldError::Ledger(error) => Error::from(error),
        error => Error::Unexpected(error.into()),
    })?;
    unit::insert(tx, id, &rows, &units).await?;
    let deadline = deadline(service, &draft, now);
    let batches = publication::batches(saga, &units);
    let new = saga::NewSaga { id: saga, giveaway: id, host, amount, deadline, batches };
    saga::insert(tx, &new, giveaway.opens_at, now).await?;
    giveaway::set_rules(tx, id, saga, &rules).await?;
    let (from, to) = (GiveawayState::Draft, GiveawayState::Funding);
    if !giveaway::advance(tx, id, from, to, "published by its host", now).await? {
        return Err(anyhow::anyhow!("{id} changed under its lock").into());
    }
    Ok(saga)
}

fn total(draft: &Draft, prizes: &[Prize]) -> Result<Money> {
    let values: Result<Vec<Money>, _> =
        prizes.iter().map(|prize| prize.value.checked_mul(prize.units.into())).collect();
    let total = values.and_then(|values| Money::sum(draft.currency, values));
    total.map_err(|error| Error::field("/prizes", error.to_string()))
}

/// A giveaway that is funded after it should have closed is of no use to anybody.
fn deadline(service: &Service, draft: &Draft, now: Timestamp) -> Timestamp {
    let patience = SignedDuration::from_secs(service.config.publish_timeout_seconds.into());
    (now + patience).min(draft.closes_at)
}
