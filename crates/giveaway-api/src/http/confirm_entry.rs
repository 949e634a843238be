//! `POST /entries/confirm`: the link in the mail was followed.

use std::sync::Arc;

use axum::extract::State;
use draw::receipt::Receipt;
use platform::http::{Json, Problem};
use serde::Deserialize;

use crate::{actions::confirm_entry::confirm_entry, service::Service};

/// What the link carries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    token: String,
}

/// Verifies the address and hands out the signed receipt, the same each time.
pub(crate) async fn post(
    State(service): State<Arc<Service>>,
    Json(body): Json<Body>,
) -> Result<Json<Receipt>, Problem> {
    Ok(Json(confirm_entry(&service, &body.token).await?))
}
