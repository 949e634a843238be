//! `POST /webhooks/provider`: the payment provider tells that something happened.

use std::sync::Arc;

use axum::{body::Bytes, extract::State};
use http::{HeaderMap, StatusCode};
use platform::http::Problem;

use super::draw_schemas::ProviderEvent;
use crate::{actions::take_payments::receive_webhook, error::Error, service::Service};

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
pub(crate) async fn post(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    match receive_webhook(&service, &headers, &body).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error @ Error::State { .. }) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "webhook_rejected").detail(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
