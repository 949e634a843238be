//! A merchant offers a kind of card.

use super::close_merchant::still_open;
use crate::{
    domain::{
        ids::{MerchantId, ProductId},
        product::{self as rules, ProductState, Terms},
    },
    error::Result,
    service::Service,
    store::{
        event, merchant as merchants,
        product::{self, Product},
    },
};

/// Creates an active product.
///
/// # Errors
/// Refusals name the field.
pub(crate) async fn create_product(
    service: &Service,
    merchant: MerchantId,
    name: &str,
    terms: Terms,
) -> Result<Product> {
    let name = rules::name("/name", name)?;
    let terms = terms.check()?;
    let row = Product {
        id: ProductId::new(),
        merchant_id: merchant,
        name,
        currency: terms.currency.to_string(),
        min_minor: terms.min_minor,
        max_minor: terms.max_minor,
        validity_days: terms.validity_days,
        state: ProductState::Active,
        created_at: service.now_ms(),
    };
    let tx = service.db.begin("create_product").await?;
    still_open(merchants::lock(&tx, merchant).await?.as_ref())?;
    product::insert(&tx, row.clone()).await?;
    event::record_one(&tx, row.id, None, row.state, "created", row.created_at).await?;
    tx.commit().await?;
    Ok(row)
}
