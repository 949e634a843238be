//! A merchant, or the operator for it, names where it is paid. A new destination counts only after a
//! cooling-off time, so that whoever steals a token is not paid before the merchant notices. An attempt
//! that is written keeps the destination that it has.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use platform::Tx;
use serde::Serialize;
use utoipa::ToSchema;

use super::register_merchant::destination;
use crate::{
    domain::{ids::MerchantId, note::note, refusal::Refusal},
    error::Result,
    service::Service,
    store::{
        merchant::{self, Merchant},
        operator_action, payout,
    },
    views::rfc3339,
};

/// Where a merchant is paid.
#[derive(Serialize, ToSchema)]
pub(crate) struct DestinationView {
    /// The one in force.
    destination: String,
    /// The one that is cooling off.
    next: Option<NextDestination>,
}

/// A destination that is cooling off.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NextDestination {
    /// Where to.
    pub(crate) destination: String,
    /// From when on.
    #[schema(format = DateTime)]
    pub(crate) usable_from: String,
}

impl NextDestination {
    pub(crate) fn new(row: payout::Destination) -> Self {
        Self { destination: row.destination, usable_from: rfc3339(row.usable_from) }
    }
}

/// Names a destination; `why` when the operator does. The one in force stays in force until the new
/// one's time has come; whatever else was cooling off never comes into force. Idempotent: the same once
/// more does not begin its time anew.
///
/// # Errors
/// A destination that cannot be, or a note that says nothing.
pub(crate) async fn name_destination(
    service: &Service,
    id: MerchantId,
    named: &str,
    why: Option<&str>,
) -> Result<DestinationView> {
    let named = destination("/destination", named)?;
    let why = why.map(note).transpose()?;
    let now = service.clock.now();
    let hours = SignedDuration::from_hours(service.config.payout_cooling_hours.into());
    let usable_from = now.checked_add(hours).context("a cooling-off time has no end")?;
    let tx = service.db.begin("name_destination").await?;
    let merchant = lock(&tx, id).await?;
    let cooling = payout::cooling(&tx, id, now.as_millisecond()).await?;
    let in_force = payout::in_force(&tx, &merchant, now.as_millisecond()).await?;
    let last = cooling.as_ref().map_or(&in_force, |row| &row.destination);
    if *last != named {
        if cooling.is_some() {
            keep(&tx, id, &in_force, now).await?;
        }
        if in_force != named {
            let (from, at) = (usable_from.as_millisecond(), now.as_millisecond());
            payout::insert(&tx, id, named, from, at).await?;
        }
        if let Some(why) = why {
            let (action, at) = ("name_destination", now.as_millisecond());
            operator_action::record(&tx, action, &id.to_string(), why, at).await?;
        }
    }
    let view = view(&tx, &merchant, now).await?;
    tx.commit().await?;
    Ok(view)
}

/// Takes back a destination that is cooling off: it never comes into force. Idempotent.
///
/// # Errors
/// When the database fails.
pub(crate) async fn keep_destination(service: &Service, id: MerchantId) -> Result<DestinationView> {
    let now = service.clock.now();
    let tx = service.db.begin("keep_destination").await?;
    let merchant = lock(&tx, id).await?;
    if payout::cooling(&tx, id, now.as_millisecond()).await?.is_some() {
        let in_force = payout::in_force(&tx, &merchant, now.as_millisecond()).await?;
        keep(&tx, id, &in_force, now).await?;
    }
    let view = view(&tx, &merchant, now).await?;
    tx.commit().await?;
    Ok(view)
}

async fn lock(tx: &Tx, id: MerchantId) -> Result<Merchant> {
    let found = merchant::lock(tx, id).await?;
    Ok(found.ok_or(Refusal::NotFound { what: "merchant" })?)
}

/// The one in force, named once more: nothing that was named before it comes into force any more.
async fn keep(tx: &Tx, id: MerchantId, in_force: &str, now: Timestamp) -> Result<()> {
    let at = now.as_millisecond();
    Ok(payout::insert(tx, id, in_force.to_owned(), at, at).await?)
}

async fn view(tx: &Tx, merchant: &Merchant, now: Timestamp) -> Result<DestinationView> {
    let at = now.as_millisecond();
    let next = payout::cooling(tx, merchant.id, at).await?;
    Ok(DestinationView {
        destination: payout::in_force(tx, merchant, at).await?,
        next: next.map(NextDestination::new),
    })
}
