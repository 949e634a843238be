//! Every route of this application.

pub mod auth;

use std::sync::Arc;

use axum::Router;

use crate::service::Service;

/// What every path of the API begins with.
pub const PREFIX: &str = "/api/giveaway/v1";

/// The routes, with complete paths.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let api = Router::new();
    Router::new().nest(PREFIX, api).with_state(service.clone())
}
