//! The provider's list against our attempts, both ways.

use crate::{
    error::Result,
    service::Service,
    store::{alert, attempt, schedule},
};

use super::observe_transfer::record;

/// The name of this work in the schedule; its cursor is the provider's.
pub(crate) const NAME: &str = "sweep_transfers";

/// Pages read in one run: what is left waits for the next, so that one run stays short.
const PAGES_PER_RUN: usize = 50;

/// How long the provider's list may lag behind its answers before a missing transfer is odd.
const LIST_LAG_MS: i64 = 10 * 60 * 1_000;

/// Missing transfers looked up in one run: there should be none.
const MISSING_PER_RUN: u64 = 20;

/// Compares both ways: everything that the list shows since the last run, and everything paid that
/// it has not shown.
///
/// # Errors
/// When the provider does not answer, or the database fails; the cursor stays where it was.
pub(crate) async fn sweep_transfers(service: &Service) -> Result<()> {
    listed(service).await?;
    missing(service).await
}

async fn listed(service: &Service) -> Result<()> {
    for _ in 0..PAGES_PER_RUN {
        let after = schedule::cursor(service.db.read(), NAME).await?;
        let page = service
            .provider
            .transfers(after.as_deref())
            .await
            .map_err(|error| anyhow::anyhow!("the provider's list cannot be read: {error}"))?;
        for transfer in &page.items {
            record(service, transfer).await?;
            attempt::listed(service.db.write(), &transfer.provider_ref, service.now_ms()).await?;
        }
        // Kept only after every transfer of the page was recorded: a crash reads the page again.
        if let Some(cursor) = page.cursor.as_ref().filter(|cursor| after.as_ref() != Some(*cursor))
        {
            schedule::got_to(service.db.write(), NAME, cursor).await?;
        }
        if !page.has_more {
            break;
        }
    }
    Ok(())
}

async fn missing(service: &Service) -> Result<()> {
    let now_ms = service.now_ms();
    let before_ms = now_ms.saturating_sub(LIST_LAG_MS);
    for paid in attempt::unlisted(service.db.read(), before_ms, MISSING_PER_RUN).await? {
        match service.provider.transfer_by_reference(&paid.provider_ref).await {
            Ok(Some(transfer)) => {
                record(service, &transfer).await?;
                attempt::listed(service.db.write(), &paid.provider_ref, now_ms).await?;
            }
            Ok(None) => {
                let detail = "we hold it for paid, and the provider does not know it";
                let kind = alert::Kind::MissingTransfer;
                alert::raise(service.db.write(), kind, &paid.provider_ref, detail, now_ms).await?;
            }
            Err(error) => {
                tracing::warn!(provider_ref = paid.provider_ref, %error, "look-up failed");
            }
        }
    }
    Ok(())
}
