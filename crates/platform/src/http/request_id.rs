//! One id per request, in the answer, in the log and in every problem.

use axum::{extract::Request, middleware::Next, response::Response};
use http::HeaderValue;
use tracing::Instrument as _;
use uuid::Uuid;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task is answering.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Gives each request an id and a tracing span. The path is logged without its query, which may
/// hold the token of a mailed link.
pub async fn request_id(request: Request, next: Next) -> Response {
    let id = format!("req_{}", Uuid::now_v7().simple());
    let span = tracing::info_span!(
        "request", id = %id, method = %request.method(), path = %request.uri().path());
    let mut response = CURRENT.scope(id.clone(), next.run(request).instrument(span)).await;
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
