//! POST /products: a merchant offers a kind of card.

use axum::{extract::State, response::IntoResponse};
use http::StatusCode;
use ledger::Currency;
use platform::http::Json;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, auth::MerchantAuth};
use crate::{
    actions::create_product::create_product, domain::product::Terms, service::Shared,
    views::ProductView,
};

/// A kind of card to be offered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProduct)]
pub(crate) struct Body {
    /// As shown to people.
    #[schema(min_length = 1, max_length = 120, example = "Corner Café")]
    name: String,
    /// Of its cards.
    currency: Currency,
    /// The smallest value of a card, in minor units.
    #[schema(minimum = 1, maximum = 100_000_000_000_i64, example = 500)]
    min_minor: i64,
    /// The largest value of a card, in minor units.
    #[schema(minimum = 1, maximum = 100_000_000_000_i64, example = 20_000)]
    max_minor: i64,
    /// Days until a card expires: at least five years. Absent: never.
    #[serde(default)]
    #[schema(minimum = 1826, maximum = 36525)]
    validity_days: Option<i32>,
}

/// Offers a kind of gift card.
///
/// One currency, a range of values, and how long cards are valid.
#[utoipa::path(
    post, path = "/products", tag = "Products", operation_id = "createProduct",
    security(("merchant" = [])),
    request_body = Body,
    responses(
        (status = 201, description = "The product", body = ProductView),
        (status = 409, description = "`merchant_closed`: the merchant has closed"),
    )
)]
pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Json(body): Json<Body>,
) -> Handled<impl IntoResponse> {
    let Body { name, currency, min_minor, max_minor, validity_days } = body;
    let terms = Terms { currency, min_minor, max_minor, validity_days };
    let product = create_product(&service, merchant, &name, terms).await?;
    Ok((StatusCode::CREATED, Json(ProductView::new(product))))
}
