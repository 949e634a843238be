//! POST /cards/reveal: a card's code, once per token.

use axum::{extract::State, response::IntoResponse};
use platform::http::Json;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, no_store};
use crate::{actions::reveal::reveal, service::Shared, views::RevealView};

/// What the link carries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevealLink)]
pub(crate) struct Body {
    /// The token.
    token: String,
}

/// Shows a card's code, once.
///
/// With a QR code of it. The token is what claiming the prize answered.
#[utoipa::path(
    post, path = "/cards/reveal", tag = "Cards", operation_id = "revealCard",
    extensions(("x-who" = json!("link"))),
    request_body = Body,
    responses(
        (status = 200, description = "The code", body = RevealView),
        (status = 410, description = "`link_invalid`: the link is none of ours. `link_expired`: ask for a new one. `link_used`: it was shown already; ask for a new one"),
    )
)]
pub(crate) async fn handle(
    State(service): State<Shared>,
    Json(body): Json<Body>,
) -> Handled<impl IntoResponse> {
    Ok(no_store(Json(reveal(&service, &body.token).await?)))
}
