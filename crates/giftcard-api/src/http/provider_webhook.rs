//! POST /webhooks/provider: the provider pushes an event.

use axum::{body::Bytes, extract::State, response::IntoResponse};
use http::{HeaderMap, StatusCode};
use platform::{document::schema, http::Problem};
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::Handled;
use crate::{actions::take_events::receive, service::Shared};

/// How an event looks: in the provider's terms.
struct ProviderEvent;

impl PartialSchema for ProviderEvent {
    fn schema() -> RefOr<Schema> {
        schema(json!({
            "type": "object",
            "description": "An event, in the provider's terms. It is believed for its signature alone, and what it says is asked for again.",
            "additionalProperties": true,
        }))
    }
}

impl ToSchema for ProviderEvent {}

/// Takes an event of the payment provider.
///
/// Signed over the raw body. Whatever is wrong with it, the sender learns no more than that it was
/// not accepted.
#[utoipa::path(
    post, path = "/webhooks/provider", tag = "Provider", operation_id = "receiveProviderEvent",
    security(("provider" = [])),
    request_body(content = ProviderEvent, content_type = "application/json", description = "The event, in the provider's terms"),
    responses(
        (status = 204, description = "The event is kept"),
        (status = 400, description = "`webhook_rejected`: it is not signed as it should be, or not readable"),
    )
)]
pub(crate) async fn handle(
    State(service): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Handled<impl IntoResponse> {
    match receive(&service, &headers, &body).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => {
            // The sender learns nothing about why.
            tracing::warn!(%error, "a webhook was rejected");
            Err(Problem::new(StatusCode::BAD_REQUEST, "webhook_rejected")
                .detail("the webhook was not accepted"))
        }
    }
}
