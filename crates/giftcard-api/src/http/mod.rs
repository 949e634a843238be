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
pub(crate) mod settlement_statement;
mod show_merchant;
mod show_redemption;
mod show_settlement;

use std::{
    str::FromStr,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use platform::{
    document::{self, About, Document},
    http::{Json, Problem, meter},
    roles::Limits,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{actions::once::Answer, service::Shared};

/// What every path of the API begins with.
const PREFIX: &str = "/api/giftcard/v1";

/// What this API says about itself.
const ABOUT: About = About {
    title: "Handsel gift cards",
    version: "v1",
    description: "Gift cards: merchants offer kinds of them, take them at their tills, and are paid for that; whoever has won one sees its code and what it has left.\n\nMoney is in whole minor units. Times are RFC 3339 in UTC. Ids carry a prefix that says what they name. Every error is `application/problem+json` (RFC 9457) with a stable `code`. Lists are read page by page: give `next` as `after` until it is null.",
    tags: &[
        ("Tills", "Taking cards: at once, or in two steps."),
        ("Cards", "What whoever has a card may see."),
        ("Products", "What a merchant offers."),
        ("Settlements", "Being paid."),
        ("Merchants", "Who takes cards."),
        ("Operation", "What the operator of the installation looks at and does by hand."),
        ("Provider", "What the payment provider tells."),
    ],
    bearers: &[
        ("merchant", "A merchant's token, as the operator issued it."),
        ("operator", "The operator's token, from the file `admin-token` of the installation."),
        (
            "provider",
            "The payment provider's signature over the body, `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 under the webhook secret. Stripe sends it as `Stripe-Signature`.",
        ),
    ],
    scoped: &[],
};

/// All routes of the interface, each as it is documented beside its handler. In brackets: who may call.
fn routes() -> OpenApiRouter<Shared> {
    let api = OpenApiRouter::default()
        // [admin]
        .routes(routes!(register_merchant::handle))
        .routes(routes!(create_token::handle))
        .routes(routes!(list_settlements::all))
        .routes(routes!(pending_escrows::handle))
        .routes(routes!(list_alerts::handle))
        .routes(routes!(resolve_attempt::handle))
        .routes(routes!(operator::cancel))
        .routes(routes!(operator::suspense))
        .routes(routes!(operator::accept))
        .routes(routes!(payout_destination::name_for))
        .routes(routes!(close_merchant::close_for))
        .routes(routes!(close_merchant::closing_for))
        .routes(routes!(operator::void))
        // [merchant]
        .routes(routes!(show_merchant::handle))
        .routes(routes!(payout_destination::name, payout_destination::keep))
        .routes(routes!(close_merchant::close))
        .routes(routes!(close_merchant::closing))
        .routes(routes!(create_product::handle, list_products::handle))
        .routes(routes!(close_product::handle))
        .routes(routes!(authorisations::authorise, authorisations::list))
        .routes(routes!(authorisations::show))
        .routes(routes!(authorisations::capture))
        .routes(routes!(authorisations::release))
        .routes(routes!(redeem::handle, find_redemptions::handle))
        .routes(routes!(show_redemption::handle))
        .routes(routes!(reverse_redemption::handle))
        .routes(routes!(request_settlement::handle, list_settlements::own))
        .routes(routes!(show_settlement::handle))
        .routes(routes!(settlement_statement::show))
        .routes(routes!(settlement_statement::download))
        // [anyone, or a merchant who learns more]
        .routes(routes!(check_balance::handle))
        // [whoever has a token for one card]
        .routes(routes!(reveal_card::handle))
        // [the provider, by its signature]
        .routes(routes!(provider_webhook::handle));
    OpenApiRouter::default().nest(PREFIX, api)
}

/// The document of this API, made when it is asked for first.
pub fn document() -> &'static Document {
    static DOCUMENT: LazyLock<Document> =
        LazyLock::new(|| Document::new(routes().into_openapi(), &ABOUT));
    &DOCUMENT
}

/// The routes, ready to be served; `limits` say how often one token may ask.
pub(crate) fn router(limits: Arc<dyn Limits>) -> Router<Shared> {
    Router::from(routes())
        .layer(from_fn_with_state(limits, meter))
        .merge(document::route(PREFIX, document))
}

/// What a handler returns.
type Handled<T> = Result<T, Problem>;

/// The id in a path. What is no id names nothing.
fn id<T: FromStr>(text: &str, what: &str) -> Handled<T> {
    text.parse().map_err(|_| Problem::not_found(format!("there is no such {what}")))
}

/// Money and codes stay out of caches.
pub(crate) fn no_store(answer: impl IntoResponse) -> Response {
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
