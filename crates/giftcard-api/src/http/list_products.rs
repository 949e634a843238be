//! GET /products: the merchant's own products.

use axum::{extract::State, response::IntoResponse};
use platform::http::Json;

use super::{Handled, auth::MerchantAuth, list::List};
use crate::{
    error::Error,
    service::Shared,
    store::product,
    views::{Page, ProductView},
};

pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    let rows = product::page(service.db.read(), Some(merchant), list.after()?, list.limit + 1)
        .await
        .map_err(Error::from)?;
    let cursor = |row: &product::Product| row.id.to_string();
    Ok(Json(Page::of(rows, list.limit, cursor, |row| Ok(ProductView::new(row)))?))
}
