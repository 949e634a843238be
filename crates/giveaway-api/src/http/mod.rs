//! Every route of this application.

mod accounts;
mod admin;
mod analytics;
mod answer;
mod api_keys;
pub mod auth;
mod claims;
mod confirm_entry;
mod draw_documents;
pub(crate) mod draw_schemas;
mod enter;
mod giveaways;
mod hosts;
mod import_entries;
mod list_entries;
mod operator;
pub(crate) mod page;
mod products;
mod provider_webhook;
mod public_giveaway;
mod scopes;
pub(crate) mod statement;
mod wallet;
mod withdrawals;

use std::sync::{Arc, LazyLock};

use axum::{Router, middleware::from_fn_with_state};
use platform::{
    document::{self, About, Document},
    http::meter,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::service::Service;

/// What every path of the API begins with.
pub const PREFIX: &str = "/api/giveaway/v1";

/// What this API says about itself.
const ABOUT: About = About {
    title: "Handsel giveaways",
    version: "v1",
    description: "Giveaways whose prizes are gift cards: hosts top up a wallet and publish giveaways whose prizes are funded, people enter, winners are drawn so that anybody can check it, and claim their cards.\n\nMoney is in whole minor units. Times are RFC 3339 in UTC. Ids carry a prefix that says what they name. Every error is `application/problem+json` (RFC 9457) with a stable `code`. Lists are read page by page: give `next` as `after` until it is null.",
    tags: &[
        ("Giveaways", "Drafting, publishing, cancelling, and how it goes."),
        ("Entries", "Who takes part."),
        ("Wallet", "What a host has, and what happened to it."),
        ("Withdrawals", "Money that leaves a wallet, and where it goes."),
        ("Public", "What everybody may see and do."),
        ("Draw", "What a stranger needs to check a draw."),
        ("Claims", "Winners take their prize, or leave it."),
        ("Hosts", "Who runs giveaways."),
        (
            "Accounts",
            "Keys that hosts make for their programs, and people whom the operator invites or shuts out.",
        ),
        ("Operation", "What the operator of the installation looks at and does by hand."),
        ("Provider", "What the payment provider tells."),
    ],
    bearers: &[
        (
            "host",
            "A host's token, as the operator issued it, or a key that the host made. A key may do what its scopes allow; what lacks one is refused with 403 `missing_scope`.",
        ),
        (
            "operator",
            "The operator's token, from the file `admin-token` of the installation, or a key with the scope `admin`.",
        ),
        (
            "provider",
            "The payment provider's signature over the body, `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 under the webhook secret. Stripe sends it as `Stripe-Signature`.",
        ),
    ],
    scoped: &["host", "operator"],
};

/// The routes, with complete paths, each as it is documented beside its handler.
fn routes() -> OpenApiRouter<Arc<Service>> {
    let api = OpenApiRouter::default()
        .routes(routes!(hosts::create))
        .routes(routes!(hosts::me))
        .routes(routes!(hosts::issue_token))
        .routes(routes!(api_keys::list))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(wallet::show))
        .routes(routes!(statement::show))
        .routes(routes!(statement::download))
        .routes(routes!(wallet::top_up))
        .routes(routes!(wallet::show_top_up))
        .routes(routes!(withdrawals::destination, withdrawals::name))
        .routes(routes!(withdrawals::create, withdrawals::list))
        .routes(routes!(withdrawals::show))
        .routes(routes!(provider_webhook::post))
        .routes(routes!(products::list))
        .routes(routes!(giveaways::draft, giveaways::list))
        .routes(routes!(giveaways::show, giveaways::edit))
        .routes(routes!(giveaways::publish))
        .routes(routes!(giveaways::cancel))
        .routes(routes!(giveaways::outcomes))
        .routes(routes!(public_giveaway::get))
        .routes(routes!(enter::post, list_entries::get))
        .routes(routes!(import_entries::post))
        .routes(routes!(confirm_entry::post))
        .routes(routes!(draw_documents::manifest))
        .routes(routes!(draw_documents::transcript))
        .routes(routes!(giveaways::winners))
        .routes(routes!(admin::disqualify))
        .routes(routes!(analytics::get))
        .routes(routes!(claims::claim))
        .routes(routes!(claims::decline))
        .routes(routes!(claims::resend))
        .routes(routes!(accounts::create_invitation))
        .routes(routes!(accounts::disable))
        .routes(routes!(admin::sagas))
        .routes(routes!(operator::retry))
        .routes(routes!(operator::abort))
        .routes(routes!(operator::suspense))
        .routes(routes!(operator::assign))
        .routes(routes!(withdrawals::under_way))
        .routes(routes!(withdrawals::resolve))
        .routes(routes!(withdrawals::unblock))
        .routes(routes!(admin::outbox));
    OpenApiRouter::default().nest(PREFIX, api)
}

/// The document of this API, made when it is asked for first.
pub fn document() -> &'static Document {
    static DOCUMENT: LazyLock<Document> =
        LazyLock::new(|| Document::new(routes().into_openapi(), &ABOUT));
    &DOCUMENT
}

/// The routes, ready to be served.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let limits = service.roles.limits.clone();
    Router::from(routes())
        .layer(from_fn_with_state(limits, meter))
        .merge(document::route(PREFIX, document))
        .with_state(service.clone())
}
