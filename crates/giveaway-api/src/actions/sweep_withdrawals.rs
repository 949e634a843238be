//! The provider's list of transfers against our withdrawals, both ways.

use anyhow::Context as _;
use jiff::SignedDuration;

use super::observe_withdrawal::record;
use crate::{
    service::Service,
    store::{inbox, outgoing, withdrawal},
};

/// The sweep's name among the cursors.
const SWEEP: &str = "transfers";

/// Pages of the provider's list read in one sweep; a longer list is read on by the next.
const PAGES_PER_SWEEP: usize = 50;

/// How long the provider's list may lag behind its answers before a missing transfer is odd.
const LIST_LAG: SignedDuration = SignedDuration::from_mins(10);

/// Missing transfers looked up in one run: there should be none.
const MISSING_PER_RUN: u64 = 20;

/// Reads the provider's list from where the last sweep ended, then looks up what is paid here and was
/// never shown there.
///
/// # Errors
/// When the provider does not answer or the database fails; the next sweep goes on from there.
pub async fn sweep_withdrawals(service: &Service) -> anyhow::Result<()> {
    let mut position = inbox::position(service.db.read(), SWEEP).await?;
    for _ in 0..PAGES_PER_SWEEP {
        let page = service.provider.transfers(position.as_deref()).await?;
        for transfer in &page.items {
            record(service, transfer).await.with_context(|| format!("transfer {}", transfer.id))?;
            let now = service.clock.now();
            outgoing::listed(service.db.write(), &transfer.provider_ref, now).await?;
        }
        if let Some(cursor) = page.cursor.filter(|cursor| position.as_ref() != Some(cursor)) {
            inbox::set_position(service.db.write(), SWEEP, cursor.clone()).await?;
            position = Some(cursor);
        }
        if !page.has_more {
            break;
        }
    }
    missing(service).await
}

async fn missing(service: &Service) -> anyhow::Result<()> {
    let now = service.clock.now();
    let before = now.checked_sub(LIST_LAG)?;
    for paid in outgoing::unlisted(service.db.read(), before, MISSING_PER_RUN).await? {
        match service.provider.transfer_by_reference(&paid.provider_ref).await {
            Ok(Some(transfer)) => {
                record(service, &transfer).await?;
                outgoing::listed(service.db.write(), &paid.provider_ref, now).await?;
            }
            Ok(None) => {
                if withdrawal::flag(service.db.write(), &paid).await? {
                    tracing::error!(id = %paid.id(), "we hold a withdrawal for paid, and the provider does not know it");
                }
            }
            Err(error) => tracing::warn!(id = %paid.id(), %error, "look-up failed"),
        }
    }
    Ok(())
}
