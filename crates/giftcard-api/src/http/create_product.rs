//! POST /products: a merchant offers a kind of card.

use axum::{extract::State, response::IntoResponse};
use http::StatusCode;
use ledger::Currency;
use platform::http::Json;
use serde::Deserialize;

use super::{Handled, auth::MerchantAuth};
use crate::{
    actions::create_product::create_product, domain::product::Terms, service::Shared,
    views::ProductView,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    name: String,
    currency: Currency,
    min_minor: i64,
    max_minor: i64,
    #[serde(default)]
    validity_days: Option<i32>,
}

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
