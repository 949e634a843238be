//! stub
use crate::service::Shared;
use axum::Router;
pub(crate) fn router() -> Router<Shared> {
    Router::new()
}
