//! The automatic settlement: everything that waits, and another attempt for what failed.

use ledger::Currency;

use super::request_settlement::place;
use crate::{
    domain::ids::MerchantId,
    error::{Error, Result},
    service::Service,
    store::{line, parse_currency, settlement},
};

/// The name of this work in the schedule.
pub(crate) const NAME: &str = "settle_all";

/// Failed settlements attempted again in one run.
const FAILED_PER_RUN: u64 = 1_000;

/// Requests a settlement for every merchant and currency that is owed something.
///
/// # Errors
/// When the merchants cannot be read. What goes wrong for one merchant does not stop the others.
pub(crate) async fn settle_all(service: &Service) -> Result<()> {
    let mut wanted: Vec<(MerchantId, Currency)> = Vec::new();
    for waiting in line::waiting_sums(service.db.read(), None).await? {
        if waiting.minor > 0 {
            wanted.push((waiting.merchant_id, parse_currency(&waiting.currency)?));
        }
    }
    for failed in settlement::failed(service.db.read(), FAILED_PER_RUN).await? {
        let pair = (failed.merchant_id, parse_currency(&failed.currency)?);
        if !wanted.contains(&pair) {
            wanted.push(pair);
        }
    }
    for (merchant, currency) in wanted {
        let tx = service.db.begin("settle_all").await?;
        match place(&tx, merchant, currency, service.now_ms()).await {
            Ok(_) => tx.commit().await?,
            Err(Error::Refused(refusal)) => {
                tracing::info!(%merchant, %currency, %refusal, "not settled")
            }
            Err(Error::Later(why)) => {
                tracing::info!(%merchant, %currency, why, "settled next time")
            }
            Err(other) => {
                tracing::error!(%merchant, %currency, error = format!("{other:#}"), "not settled");
            }
        }
    }
    service.wakers.settlements.wake();
    Ok(())
}
