//! POST /merchants/{id}/tokens: a bearer token for a merchant, shown once.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use http::StatusCode;
use platform::http::Json;
use serde_json::json;

use super::{Handled, auth::Admin, id, no_store};
use crate::{actions::create_token::create_token, service::Shared};

pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    Path(merchant): Path<String>,
) -> Handled<impl IntoResponse> {
    let token = create_token(&service, id(&merchant, "merchant")?).await?;
    Ok(no_store((StatusCode::CREATED, Json(json!({ "token": token })))))
}
