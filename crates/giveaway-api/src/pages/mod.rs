//! Pages for people: rendered here, whole without JavaScript, templates beside the code.
//!
//! A form is either public, or it carries the token that was mailed, which another site does not have, or it
//! belongs to a session and carries its token; [`session`] says how. Following a link changes nothing; only
//! a button does. Tokens come in by a mailed link or a form's body and go out in a page's body, never in
//! the address of a redirect.

mod account;
mod admin;
mod claim;
mod code;
mod confirm;
mod countries;
mod embed;
mod enter;
mod frame;
mod giveaway;
mod host;
mod limit;
pub(crate) mod mail;
mod problem;
mod session;
mod verify;
mod welcome;
mod wording;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use crate::service::Service;

/// The largest form: a few short fields, with room for what browsers add by encoding them.
const FORM_LIMIT_BYTES: usize = 16 * 1024;

/// The routes, with complete paths.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/", get(welcome::show))
        .route("/verify", get(verify::show))
        .route("/embed/{giveaway}", get(embed::show))
        .route("/g/{giveaway}", get(giveaway::show))
        .route("/g/{giveaway}/enter", post(enter::submit))
        .route("/g/{giveaway}/code", post(code::submit))
        .route("/confirm", get(confirm::ask).post(confirm::confirm))
        .route("/confirm/receipt", post(confirm::download))
        .route("/claim", get(claim::offer).post(claim::take))
        .route("/claim/decline", post(claim::decline))
        .route("/claim/resend", post(claim::resend))
        .merge(account::router())
        .merge(admin::router())
        .layer(DefaultBodyLimit::max(FORM_LIMIT_BYTES))
        .merge(host::router())
        .with_state(service.clone())
}
