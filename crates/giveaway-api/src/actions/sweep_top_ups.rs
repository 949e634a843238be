//! Our top-ups against the provider: one of which nobody has told anything for an hour is looked up,
//! and ends when its checkout can no longer be paid. The provider's list against our top-ups is
//! [`super::take_payments`].

use jiff::{SignedDuration, Timestamp};
use platform::{clock::from_millis, provider::CheckoutState};

use super::take_payments::take_by_id;
use crate::{domain::top_up::TopUpState, ids::TopUpId, service::Service, store::top_up};

/// How long nobody says anything about a top-up before it is looked up, and looked up again.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// Longer than the provider remembers our request (a day): a checkout whose opening was never
/// answered is not opened by a repeat any more, and its address is known to nobody.
const UNOPENED: SignedDuration = SignedDuration::from_hours(25);

/// Top-ups looked up in one run; the others follow a minute later.
const PER_RUN: u64 = 100;

/// Looks up what has been quiet for long.
///
/// # Errors
/// When the provider does not answer or the database fails. The next run goes on with the others.
pub async fn sweep_top_ups(service: &Service) -> anyhow::Result<()> {
    let now = service.clock.now();
    let before = now.checked_sub(QUIET)?;
    for row in top_up::quiet(service.db.read(), before, PER_RUN).await? {
        // Noted first: one that cannot be looked up holds up nobody.
        top_up::set_looked_at(service.db.write(), TopUpId(row.id), now).await?;
        look_up(service, &row, now).await?;
    }
    Ok(())
}

async fn look_up(service: &Service, row: &top_up::Model, now: Timestamp) -> anyhow::Result<()> {
    let id = TopUpId(row.id);
    let Some(checkout) = &row.checkout_id else {
        if now.duration_since(from_millis(row.created_at)) >= UNOPENED {
            end(service, id, "no checkout was opened").await?;
        }
        return Ok(());
    };
    match service.provider.checkout(checkout).await? {
        Some(CheckoutState::Open) => {}
        Some(CheckoutState::Complete { payment_id }) => take_by_id(service, &payment_id).await?,
        Some(CheckoutState::Expired) => end(service, id, "the checkout expired").await?,
        None => {
            tracing::error!(top_up = %id, checkout, "the provider does not know a checkout that it opened");
        }
    }
    Ok(())
}

/// Ends a top-up that still waits.
async fn end(service: &Service, id: TopUpId, reason: &str) -> anyhow::Result<()> {
    let tx = service.db.begin("end_top_up").await?;
    top_up::lock(&tx, id).await?;
    let (from, to) = (TopUpState::Pending, TopUpState::Failed);
    if top_up::advance(&tx, id, from, to, reason, service.clock.now()).await? {
        tx.commit().await?;
        tracing::info!(top_up = %id, reason, "a top-up ended");
    }
    Ok(())
}
