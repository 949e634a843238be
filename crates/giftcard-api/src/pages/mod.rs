//! Server-rendered pages: the merchant's till and the card's own page. Everything works without
//! JavaScript; a form that is sent twice has one effect.

mod card_page;
mod fault;
mod redeem;
mod redemption;
mod session;
mod settlements;
mod till;

use askama::Template;
use axum::{
    Router,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, header};
use platform::pages::Frame;

use crate::service::{Service, Shared};

use fault::Fault;

/// All pages. In brackets: who may see them.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        // [anyone]
        .route("/till", get(till::show))
        .route("/till/session", post(session::open))
        // [a merchant, by the till's cookie]
        .route("/till/sign-out", post(session::close))
        .route("/till/card", post(till::check))
        .route("/till/redemptions", post(redeem::handle))
        .route("/till/redemptions/{id}", get(redemption::show))
        .route("/till/redemptions/{id}/reversals", post(redemption::reverse))
        .route("/till/settlements", get(settlements::show).post(settlements::request))
        // [whoever has a token for one card]
        .route("/card", get(card_page::ask).post(card_page::reveal))
}

/// What surrounds every page.
fn frame(service: &Service) -> Frame {
    Frame::new(service.books.mode == ledger::Mode::Test)
}

/// A page, never kept by a cache: all of them show money or codes.
fn page(template: &impl Template) -> Result<Response, Fault> {
    let html = template.render().map_err(|error| Fault::unexpected(error.into()))?;
    let mut response = Html(html).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A time as people read it.
fn when(ms: i64) -> String {
    crate::store::time(ms).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A date as people read it.
fn day(ms: i64) -> String {
    crate::store::time(ms).strftime("%Y-%m-%d").to_string()
}
