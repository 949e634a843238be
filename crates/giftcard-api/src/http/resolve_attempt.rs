//! POST /admin/attempts/{provider_ref}/resolve: the operator ends an attempt that nothing else can.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::{document::IdempotencyHeader, http::Idempotent};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, auth::Admin};
use crate::{
    actions::resolve_attempt::{Resolved, resolve_attempt},
    service::Shared,
};

/// What the operator says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Resolution)]
pub(crate) struct Body {
    /// Why, for those who come after.
    #[schema(min_length = 1, max_length = 500, example = "looked into with the bank")]
    reason: String,
}

/// Ends an attempt to pay that nothing else can end.
///
/// One that the provider does not show, and that may not be sent any more.
#[utoipa::path(
    post, path = "/admin/attempts/{provider_ref}/resolve", tag = "Operation", operation_id = "resolveAttempt",
    security(("operator" = [])),
    params(("provider_ref" = String, Path, description = "The reference that the provider was given"), IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 200, description = "The attempt", body = Resolved),
        (status = 409, description = "`attempt_live`: it may still come to an end by itself"),
    )
)]
pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    Path(provider_ref): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    Ok(resolve_attempt(&service, &provider_ref, &body.reason, &key).await?)
}
