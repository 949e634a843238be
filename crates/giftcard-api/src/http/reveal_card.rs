//! POST /cards/reveal: a card's code, once per token.

use axum::{extract::State, response::IntoResponse};
use platform::http::Json;
use serde::Deserialize;

use super::{Handled, no_store};
use crate::{actions::reveal::reveal, service::Shared};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    token: String,
}

pub(crate) async fn handle(
    State(service): State<Shared>,
    Json(body): Json<Body>,
) -> Handled<impl IntoResponse> {
    Ok(no_store(Json(reveal(&service, &body.token).await?)))
}
