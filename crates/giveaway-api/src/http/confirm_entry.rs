//! `POST /entries/confirm`: the link in the mail was followed.

use std::sync::Arc;

use axum::extract::State;
use draw::receipt::Receipt;
use platform::http::{Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::draw_schemas::ReceiptSchema;
use crate::{actions::confirm_entry::confirm_entry, service::Service};

/// What the link carries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Confirmation)]
pub(crate) struct Body {
    token: String,
}

/// Confirms an address.
///
/// The mailed link carries the token. Answers the signed receipt, the same each time.
#[utoipa::path(
    post, path = "/entries/confirm", tag = "Public", operation_id = "confirmEntry",
    extensions(("x-who" = json!("link"))),
    request_body = Body,
    responses(
        (status = 200, description = "The receipt", body = ReceiptSchema),
        (status = 404, description = "`not_found`: the link is none of ours"),
        (status = 409, description = "`giveaway_closed`: it takes no entries any more. `giveaway_cancelled`: its host has called it off"),
        (status = 410, description = "`link_expired`: the link was for a day. `entry_erased`: the entry was erased"),
    )
)]
pub(crate) async fn post(
    State(service): State<Arc<Service>>,
    Json(body): Json<Body>,
) -> Result<Json<Receipt>, Problem> {
    Ok(Json(confirm_entry(&service, &body.token).await?))
}
