//! A merchant stops offering a kind of card.

use crate::{
    domain::{
        ids::{MerchantId, ProductId},
        product::ProductState,
        refusal::Refusal,
    },
    error::{Error, Result},
    service::Service,
    store::{
        event,
        product::{self, Product},
    },
};

/// Closes a product for new prizes; closing it again changes nothing.
///
/// # Errors
/// When the merchant has no such product.
pub(crate) async fn close_product(
    service: &Service,
    merchant: MerchantId,
    id: ProductId,
) -> Result<Product> {
    let tx = service.db.begin("close_product").await?;
    let found = product::find(&tx, id).await?.filter(|product| product.merchant_id == merchant);
    let Some(mut found) = found else {
        return Err(Refusal::NotFound { what: "product" }.into());
    };
    if found.state == ProductState::Active {
        if !product::close(&tx, id).await? {
            return Err(Error::CONTENDED);
        }
        let (from, to) = (Some(found.state), ProductState::Closed);
        event::record_one(&tx, id, from, to, "closed by the merchant", service.now_ms()).await?;
        tx.commit().await?;
        found.state = to;
    }
    Ok(found)
}
