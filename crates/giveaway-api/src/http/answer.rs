//! Answers that were stored under an idempotency key.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use ledger::idempotency::Stored;
use platform::http::{Json, Problem};

/// The answer as it was given the first time.
///
/// # Errors
/// For a stored status that is none.
pub(crate) fn stored(answer: Stored) -> Result<Response, Problem> {
    let status = StatusCode::from_u16(answer.status).map_err(Problem::unexpected)?;
    Ok((status, Json(answer.body)).into_response())
}
