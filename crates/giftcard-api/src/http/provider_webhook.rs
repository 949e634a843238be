//! POST /webhooks/provider: the provider pushes an event.

use axum::{body::Bytes, extract::State, response::IntoResponse};
use http::{HeaderMap, StatusCode};
use platform::http::Problem;

use super::Handled;
use crate::{actions::take_events::receive, service::Shared};

/// The signature is over the body exactly as received, so nothing parses it before.
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
