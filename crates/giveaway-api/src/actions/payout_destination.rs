//! A host names where its money is paid out to. A new destination counts only after a cooling-off
//! time, so that whoever steals a token cannot empty the wallet before its owner notices.

use jiff::{SignedDuration, Timestamp};
use platform::clock::from_millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::{Error, Result},
    ids::HostId,
    service::Service,
    store::{host, payout},
};

/// Longest destination that is kept.
const MAX_DESTINATION: usize = 200;

/// A destination that a host names.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDestination {
    /// In the provider's terms, such as an account's id.
    #[schema(min_length = 1, max_length = 200, pattern = "^[!-~]+$", example = "acct_corner_cafe")]
    pub destination: String,
}

/// Where a host is paid out to.
#[derive(Clone, Serialize, ToSchema)]
pub struct DestinationView {
    /// Where withdrawals go now.
    pub destination: Option<String>,
    /// Where they will go, while that is cooling off.
    pub next: Option<NextDestination>,
    /// Whether no money leaves the wallet, because some that left is not explained.
    pub is_blocked: bool,
}

/// A destination that is cooling off.
#[derive(Clone, Serialize, ToSchema)]
pub struct NextDestination {
    /// Where to.
    pub destination: String,
    /// From when on.
    pub usable_from: Timestamp,
}

/// Names a destination. The one in force stays in force until the new one's time has come; naming it
/// again takes the new one back.
///
/// # Errors
/// A destination that cannot be.
pub async fn name_destination(
    service: &Service,
    host: HostId,
    new: NewDestination,
) -> Result<DestinationView> {
    let destination = new.destination.trim();
    let is_word = !destination.is_empty()
        && destination.len() <= MAX_DESTINATION
        && destination.chars().all(|c| c.is_ascii_graphic());
    if !is_word {
        let detail = format!("must have 1 to {MAX_DESTINATION} visible characters without spaces");
        return Err(Error::field("/destination", detail));
    }
    let now = service.clock.now();
    let hours = SignedDuration::from_hours(service.config.payout_cooling_hours.into());
    let tx = service.db.begin("name_destination").await?;
    host::lock(&tx, host).await?;
    let last = payout::last(&tx, host).await?;
    if last.is_none_or(|last| last.destination != destination) {
        let in_force = payout::in_force(&tx, host, now).await?;
        let is_in_force = in_force.is_some_and(|row| row.destination == destination);
        let usable_from = match is_in_force {
            true => now,
            false => now.checked_add(hours).map_err(anyhow::Error::from)?,
        };
        payout::insert(&tx, host, destination.to_owned(), usable_from, now).await?;
    }
    tx.commit().await?;
    show_destination(service, host).await
}

/// Where a host is paid out to.
///
/// # Errors
/// When the database fails.
pub async fn show_destination(service: &Service, host: HostId) -> Result<DestinationView> {
    let (conn, now) = (service.db.read(), service.clock.now());
    let in_force = payout::in_force(conn, host, now).await?;
    let last = payout::last(conn, host).await?;
    let next = last.filter(|last| in_force.as_ref().is_none_or(|row| row.id != last.id));
    let row = host::find(conn, host).await?.ok_or(Error::NotFound("host"))?;
    Ok(DestinationView {
        destination: in_force.map(|row| row.destination),
        next: next.map(|row| NextDestination {
            destination: row.destination,
            usable_from: from_millis(row.usable_from),
        }),
        is_blocked: row.payouts_blocked_at.is_some(),
    })
}
