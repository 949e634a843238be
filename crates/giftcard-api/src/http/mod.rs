//! The HTTP interface: every route, with what it asks for.

mod auth;
mod authorisations;
mod check_balance;
mod close_merchant;
mod close_product;
mod create_product;
mod create_token;
mod find_redemptions;
mod list;
mod list_alerts;
mod list_products;
mod list_settlements;
mod operator;
mod payout_destination;
mod pending_escrows;
mod provider_webhook;
mod redeem;
mod register_merchant;
mod request_settlement;
mod resolve_attempt;
mod reveal_card;
mod reverse_redemption;
mod settlement_statement;
mod show_merchant;
mod show_redemption;
mod show_settlement;

use std::str::FromStr;

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use http::{HeaderValue, StatusCode, header};
use platform::http::{Json, Problem};

use crate::{actions::once::Answer, service::Shared};

/// All routes of the interface. In brackets: who may call.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        // [admin]
        .route("/api/giftcard/v1/merchants", post(register_merchant::handle))
        .route("/api/giftcard/v1/merchants/{id}/tokens", post(create_token::handle))
        .route("/api/giftcard/v1/admin/settlements", get(list_settlements::all))
        .route("/api/giftcard/v1/admin/escrows/pending", get(pending_escrows::handle))
        .route("/api/giftcard/v1/admin/alerts", get(list_alerts::handle))
        .route(
            "/api/giftcard/v1/admin/attempts/{provider_ref}/resolve",
            post(resolve_attempt::handle),
        )
        .route("/api/giftcard/v1/admin/settlements/{id}/cancel", post(operator::cancel))
        .route("/api/giftcard/v1/admin/suspense", get(operator::suspense))
        .route("/api/giftcard/v1/admin/suspense/{provider_id}/accept", post(operator::accept))
        .route(
            "/api/giftcard/v1/admin/merchants/{id}/payout-destination",
            put(payout_destination::name_for),
        )
        .route("/api/giftcard/v1/admin/merchants/{id}/close", post(close_merchant::close_for))
        .route("/api/giftcard/v1/admin/merchants/{id}/closing", get(close_merchant::closing_for))
        .route("/api/giftcard/v1/admin/cards/{id}/void", post(operator::void))
        // [merchant]
        .route("/api/giftcard/v1/merchants/me", get(show_merchant::handle))
        .route(
            "/api/giftcard/v1/merchants/me/payout-destination",
            put(payout_destination::name).delete(payout_destination::keep),
        )
        .route("/api/giftcard/v1/merchants/me/close", post(close_merchant::close))
        .route("/api/giftcard/v1/merchants/me/closing", get(close_merchant::closing))
        .route("/api/giftcard/v1/products", post(create_product::handle).get(list_products::handle))
        .route("/api/giftcard/v1/products/{id}/close", post(close_product::handle))
        .route(
            "/api/giftcard/v1/authorisations",
            post(authorisations::authorise).get(authorisations::list),
        )
        .route("/api/giftcard/v1/authorisations/{id}", get(authorisations::show))
        .route("/api/giftcard/v1/authorisations/{id}/capture", post(authorisations::capture))
        .route("/api/giftcard/v1/authorisations/{id}/release", post(authorisations::release))
        .route("/api/giftcard/v1/redemptions", post(redeem::handle).get(find_redemptions::handle))
        .route("/api/giftcard/v1/redemptions/{id}", get(show_redemption::handle))
        .route("/api/giftcard/v1/redemptions/{id}/reversals", post(reverse_redemption::handle))
        .route(
            "/api/giftcard/v1/settlements",
            post(request_settlement::handle).get(list_settlements::own),
        )
        .route("/api/giftcard/v1/settlements/{id}", get(show_settlement::handle))
        .route("/api/giftcard/v1/settlements/{id}/statement", get(settlement_statement::show))
        .route(
            "/api/giftcard/v1/settlements/{id}/statement.csv",
            get(settlement_statement::download),
        )
        // [anyone, or a merchant who learns more]
        .route("/api/giftcard/v1/cards/balance", post(check_balance::handle))
        // [whoever has a token for one card]
        .route("/api/giftcard/v1/cards/reveal", post(reveal_card::handle))
        // [the provider, by its signature]
        .route("/api/giftcard/v1/webhooks/provider", post(provider_webhook::handle))
}

/// What a handler returns.
type Handled<T> = Result<T, Problem>;

/// The id in a path. What is no id names nothing.
fn id<T: FromStr>(text: &str, what: &str) -> Handled<T> {
    text.parse().map_err(|_| Problem::not_found(format!("there is no such {what}")))
}

/// Money and codes stay out of caches.
fn no_store(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let is_problem = status.is_client_error() || status.is_server_error();
        let mut response = (status, Json(self.body)).into_response();
        if is_problem {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        }
        response
    }
}
