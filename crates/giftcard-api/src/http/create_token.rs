//! POST /merchants/{id}/tokens: a bearer token for a merchant, shown once.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use http::StatusCode;
use platform::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Handled, auth::Admin, id, no_store};
use crate::{actions::create_token::create_token, domain::ids::MerchantId, service::Shared};

/// A token, shown this once.
#[derive(Serialize, ToSchema)]
struct TokenView {
    /// What a bearer sends.
    token: String,
}

/// Issues a token of a merchant.
///
/// It is shown this once, and only its hash is kept. Tokens that were issued before stay valid.
#[utoipa::path(
    post, path = "/merchants/{id}/tokens", tag = "Merchants", operation_id = "issueMerchantToken",
    security(("operator" = [])),
    params(("id" = MerchantId, Path, description = "The merchant")),
    responses(
        (status = 201, description = "The token", body = TokenView),
    )
)]
pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    Path(merchant): Path<String>,
) -> Handled<impl IntoResponse> {
    let token = create_token(&service, id(&merchant, "merchant")?).await?;
    Ok(no_store((StatusCode::CREATED, Json(TokenView { token }))))
}
