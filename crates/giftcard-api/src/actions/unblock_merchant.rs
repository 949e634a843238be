//! The operator lets a merchant be paid again, after somebody has looked into what was not explained.

use crate::{
    domain::{ids::MerchantId, refusal::Refusal},
    error::Result,
    service::Service,
    store::merchant,
};

/// Allows transfers to a merchant again; allowing them twice changes nothing. What was unexplained stays
/// in suspense: this says only that the next transfer may go.
///
/// # Errors
/// When there is no such merchant.
pub(crate) async fn unblock_merchant(service: &Service, id: MerchantId) -> Result<()> {
    let tx = service.db.begin("unblock_merchant").await?;
    if merchant::lock(&tx, id).await?.is_none() {
        return Err(Refusal::NotFound { what: "merchant" }.into());
    }
    let was_blocked = merchant::unblock(&tx, id).await?;
    tx.commit().await?;
    if was_blocked {
        tracing::warn!(merchant = %id, "transfers are allowed again by the operator");
        service.wakers.settlements.wake();
    }
    Ok(())
}
