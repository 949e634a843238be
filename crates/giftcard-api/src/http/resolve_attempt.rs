//! POST /admin/attempts/{provider_ref}/resolve: the operator ends an attempt that nothing else can.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::http::Idempotent;
use serde::Deserialize;

use super::{Handled, auth::Admin};
use crate::{actions::resolve_attempt::resolve_attempt, service::Shared};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    /// Why, for those who come after.
    reason: String,
}

pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    Path(provider_ref): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    Ok(resolve_attempt(&service, &provider_ref, &body.reason, &key).await?)
}
