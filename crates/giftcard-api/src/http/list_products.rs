//! GET /products: the merchant's own products.

use axum::{extract::State, response::IntoResponse};
use platform::{document::PageQuery, http::Json};

use super::{Handled, auth::MerchantAuth, list::List};
use crate::{
    error::Error,
    service::Shared,
    store::product,
    views::{Page, ProductView},
};

/// Lists a merchant's products.
#[utoipa::path(
    get, path = "/products", tag = "Products", operation_id = "listProducts",
    security(("merchant" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of products", body = Page<ProductView>),
    )
)]
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
