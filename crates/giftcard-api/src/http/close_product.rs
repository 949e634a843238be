//! POST /products/{id}/close: no new prizes are made of it.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::http::Json;

use super::{Handled, auth::MerchantAuth, id};
use crate::{actions::close_product::close_product, service::Shared, views::ProductView};

pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(product): Path<String>,
) -> Handled<impl IntoResponse> {
    let product = close_product(&service, merchant, id(&product, "product")?).await?;
    Ok(Json(ProductView::new(product)))
}
