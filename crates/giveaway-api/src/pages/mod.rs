//! Server-rendered pages, templates beside them. They work without scripts and have none: every
//! step is a link or a form.

mod assets;
mod claim;
mod confirm;
mod giveaway;
pub(crate) mod mails;
mod problem;

use std::sync::Arc;

use axum::{
    Router,
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};

use crate::service::Service;

/// The pages, with complete paths.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/g/{id}", get(giveaway::show))
        .route("/g/{id}/enter", post(giveaway::enter))
        .route("/confirm", get(confirm::ask).post(confirm::confirm))
        .route("/claim", get(claim::ask).post(claim::claim))
        .route("/claim/decline", post(claim::decline))
        .route("/claim/resend", post(claim::resend))
        .route("/assets/giveaway.css", get(assets::css))
        .with_state(service.clone())
}

/// A rendered page. Pages are about a moment, and some carry tokens: none is kept by a cache.
fn page(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            let no_store = HeaderValue::from_static("no-store");
            response.headers_mut().insert(header::CACHE_CONTROL, no_store);
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// An amount as people read it; one in a currency that we do not know, as it is stored.
fn amount(minor: i64, currency: &str) -> String {
    match currency.parse() {
        Ok(currency) => ledger::Money::new(minor, currency).to_string(),
        Err(_) => format!("{minor} {currency}"),
    }
}

/// A time as people read it. The pages know nobody's zone, so they name theirs.
fn date(time: jiff::Timestamp) -> String {
    time.strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}
