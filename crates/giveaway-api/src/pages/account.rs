//! Pages of accounts: each a form of a few fields, but for the account's own page.

mod confirm;
mod forgot;
mod form;
mod invitation;
mod invite;
mod keys;
mod overview;
mod password;
mod register;
mod sign_in;
mod two_step;
mod verify;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::service::Service;

/// The routes, with complete paths.
pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/register", get(register::ask).post(register::submit))
        .route("/verify-address", get(verify::ask).post(verify::submit))
        .route("/sign-in", get(sign_in::ask).post(sign_in::submit))
        .route("/sign-in/code", post(sign_in::code))
        .route("/sign-out", get(sign_in::ask_out).post(sign_in::out))
        .route("/forgot-password", get(forgot::ask).post(forgot::submit))
        .route("/reset-password", get(forgot::ask_new).post(forgot::set))
        .route("/invitation", get(invitation::ask).post(invitation::submit))
        .route("/confirm-it-is-you", get(confirm::ask).post(confirm::submit))
        .route("/account", get(overview::show))
        .route("/account/password", get(password::ask).post(password::submit))
        .route("/account/sessions/revoke", post(overview::revoke))
        .route("/account/sessions/revoke-all", post(overview::revoke_all))
        .route("/account/two-step", get(two_step::show).post(two_step::confirm))
        .route("/account/two-step/begin", post(two_step::begin))
        .route("/account/two-step/disable", post(two_step::disable))
        .route("/account/two-step/codes", post(two_step::renew))
        .route("/account/invite", get(invite::ask).post(invite::submit))
        .route("/account/keys", get(keys::ask).post(keys::make))
        .route("/account/keys/revoke", post(keys::revoke))
}
