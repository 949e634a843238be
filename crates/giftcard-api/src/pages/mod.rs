//! Server-rendered pages: the merchant's own, its till and the card's own page. Everything works without
//! JavaScript; a form that is sent twice has one effect.

mod admin;
mod card_page;
mod chart;
mod fault;
mod home;
mod payouts;
mod products;
mod redeem;
mod redemption;
mod redemptions;
mod session;
mod settlements;
mod statement;
mod till;
mod time;

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
use time::{When, day, when};

/// All pages. In brackets: who may see them.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        // [anyone]
        .route("/till", get(till::show))
        .route("/till/session", post(session::open))
        // [a merchant, by the till's cookie]
        .route("/till/sign-out", post(session::close))
        .route("/till/card", post(till::check))
        .route("/merchant", get(home::show))
        .route("/till/redemptions", get(redemptions::show).post(redeem::handle))
        .route("/till/redemptions.csv", get(redemptions::download))
        .route("/till/redemptions/{id}", get(redemption::show))
        .route("/till/redemptions/{id}/reversals", post(redemption::reverse))
        .route("/till/settlements", get(settlements::show).post(settlements::request))
        .route("/till/settlements/{id}", get(statement::show))
        .route("/till/settlements/{id}/statement.csv", get(statement::download))
        .route("/till/products", get(products::show).post(products::create))
        .route("/till/products/{id}/close", get(products::ask_close).post(products::close))
        .route("/till/payouts", get(payouts::show))
        // [a merchant, by an account that showed a moment ago who it is]
        .route("/till/payouts/change", get(payouts::ask).post(payouts::change))
        .route("/till/payouts/keep", post(payouts::keep))
        // [whoever has a token for one card]
        .route("/card", get(card_page::ask).post(card_page::reveal))
        // [an administrator, by an account]
        .merge(admin::router())
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
