//! `POST /webhooks/provider`: the payment provider tells that something happened.

use std::sync::Arc;

use axum::{body::Bytes, extract::State};
use http::{HeaderMap, StatusCode};
use platform::http::Problem;

use crate::{actions::take_payments::receive_webhook, error::Error, service::Service};

/// Checks the signature over the raw body and keeps the event. Whatever is wrong with it, the sender
/// learns no more than that it was not accepted.
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
