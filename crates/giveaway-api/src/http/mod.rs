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
mod statement;
mod wallet;
mod withdrawals;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post},
};

use crate::service::Service;

/// What every path of the API begins with.
pub const PREFIX: &str = "/api/giveaway/v1";

/// The routes, with complete paths.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let api = Router::new()
        .route("/hosts", post(hosts::create))
        .route("/hosts/me", get(hosts::me))
        .route("/hosts/{id}/tokens", post(hosts::issue_token))
        .route("/api-keys", get(api_keys::list))
        .route("/api-keys/{id}", delete(api_keys::revoke))
        .route("/wallet", get(wallet::show))
        .route("/wallet/statement", get(statement::show))
        .route("/wallet/statement.csv", get(statement::download))
        .route("/wallet/top-ups", post(wallet::top_up))
        .route("/wallet/top-ups/{id}", get(wallet::show_top_up))
        .route("/wallet/payout-destination", get(withdrawals::destination).put(withdrawals::name))
        .route("/wallet/withdrawals", post(withdrawals::create).get(withdrawals::list))
        .route("/wallet/withdrawals/{id}", get(withdrawals::show))
        .route("/webhooks/provider", post(provider_webhook::post))
        .route("/products", get(products::list))
        .route("/giveaways", post(giveaways::draft).get(giveaways::list))
        .route("/giveaways/{id}", get(giveaways::show).patch(giveaways::edit))
        .route("/giveaways/{id}/publish", post(giveaways::publish))
        .route("/giveaways/{id}/cancel", post(giveaways::cancel))
        .route("/giveaways/{id}/outcomes", get(giveaways::outcomes))
        .route("/giveaways/{id}/public", get(public_giveaway::get))
        .route("/giveaways/{id}/entries", post(enter::post).get(list_entries::get))
        .route("/giveaways/{id}/entries/import", post(import_entries::post))
        .route("/entries/confirm", post(confirm_entry::post))
        .route("/giveaways/{id}/manifest", get(draw_documents::manifest))
        .route("/giveaways/{id}/transcript", get(draw_documents::transcript))
        .route("/giveaways/{id}/winners", get(giveaways::winners))
        .route("/giveaways/{id}/winners/{winner}/disqualify", post(admin::disqualify))
        .route("/giveaways/{id}/analytics", get(analytics::get))
        .route("/claims", post(claims::claim))
        .route("/claims/decline", post(claims::decline))
        .route("/claims/resend", post(claims::resend))
        .route("/admin/invitations", post(accounts::create_invitation))
        .route("/admin/accounts/{id}/disable", post(accounts::disable))
        .route("/admin/sagas", get(admin::sagas))
        .route("/admin/sagas/{id}/retry", post(operator::retry))
        .route("/admin/sagas/{id}/abort", post(operator::abort))
        .route("/admin/suspense", get(operator::suspense))
        .route("/admin/suspense/{payment_id}/assign", post(operator::assign))
        .route("/admin/withdrawals", get(withdrawals::under_way))
        .route("/admin/withdrawals/{id}/resolve", post(withdrawals::resolve))
        .route("/admin/hosts/{id}/unblock-payouts", post(withdrawals::unblock))
        .route("/admin/outbox", get(admin::outbox));
    Router::new().nest(PREFIX, api).with_state(service.clone())
}
