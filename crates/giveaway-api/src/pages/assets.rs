//! What the pages need besides themselves.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};

/// The one style sheet.
const CSS: &str = include_str!("giveaway.css");

/// `GET /assets/giveaway.css`
pub(crate) async fn css() -> Response {
    let mut response = CSS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}
