//! POST /products/{id}/close: no new prizes are made of it.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::http::Json;

use super::{Handled, auth::MerchantAuth, id};
use crate::{
    actions::close_product::close_product, domain::ids::ProductId, service::Shared,
    views::ProductView,
};

/// Offers a kind of gift card no longer.
///
/// No new prizes are made of it; what was reserved before stays. Doing it again changes nothing.
#[utoipa::path(
    post, path = "/products/{id}/close", tag = "Products", operation_id = "closeProduct",
    security(("merchant" = [])),
    params(("id" = ProductId, Path, description = "The product")),
    responses(
        (status = 200, description = "The product", body = ProductView),
        (status = 503, description = "`unavailable`: something else was faster; try again"),
    )
)]
pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(product): Path<String>,
) -> Handled<impl IntoResponse> {
    let product = close_product(&service, merchant, id(&product, "product")?).await?;
    Ok(Json(ProductView::new(product)))
}
