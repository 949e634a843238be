//! Every route of this application.

pub mod auth;
mod confirm_entry;
mod draw_documents;
mod enter;
mod page;
mod public_giveaway;

use std::sync::Arc;

use axum::{Router, routing::{get, post}};

use crate::service::Service;

/// What every path of the API begins with.
pub const PREFIX: &str = "/api/giveaway/v1";

/// The routes, with complete paths.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let api = Router::new()
        .route("/giveaways/{id}/entries", post(enter::post))
        .route("/entries/confirm", post(confirm_entry::post))
        .route("/giveaways/{id}/public", get(public_giveaway::get))
        .route("/giveaways/{id}/manifest", get(draw_documents::manifest))
        .route("/giveaways/{id}/transcript", get(draw_documents::transcript));
    Router::new().nest(PREFIX, api).with_state(service.clone())
}
