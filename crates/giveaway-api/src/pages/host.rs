//! Pages of hosts: everything between making an account and seeing that the winners have their prizes. Every
//! page is behind [`HostSession`], and asks the actions, which know whose everything is.

mod amounts;
mod cancel;
mod charts;
mod dashboard;
mod entries;
mod giveaway;
mod import;
mod payouts;
mod publish;
mod standing;
mod top_up;
mod wallet;
mod wizard;
mod wrong;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use platform::http::IdempotencyKey;
use sha2::{Digest as _, Sha256};

use super::{
    frame::{Keep, live_page},
    session::{HOME, SignedIn},
};
use crate::{
    error::{Error, Result},
    service::Service,
};

/// Where a host begins.
pub(super) const DASHBOARD: &str = "/host";

/// The largest form: a long description and a hundred prizes, as browsers encode them.
const FORM_LIMIT_BYTES: usize = 128 * 1024;

/// The longest key that a form may carry; ours are shorter.
const KEY_LIMIT: usize = 64;

/// The routes, with complete paths.
pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/home", get(home))
        .route(DASHBOARD, get(dashboard::show))
        .route("/host/giveaways/new", get(wizard::ask_new).post(wizard::create))
        .route("/host/giveaways/{id}", get(giveaway::show))
        .route("/host/giveaways/{id}/edit", get(wizard::ask_edit).post(wizard::save))
        .route("/host/giveaways/{id}/publish", get(publish::ask).post(publish::submit))
        .route("/host/giveaways/{id}/cancel", get(cancel::ask).post(cancel::submit))
        .route("/host/giveaways/{id}/charts", get(charts::show))
        .route("/host/giveaways/{id}/entries", get(entries::show))
        .route("/host/giveaways/{id}/entries.csv", get(entries::download))
        .route("/host/giveaways/{id}/winners.csv", get(giveaway::download_winners))
        .route("/host/wallet", get(wallet::show))
        .route("/host/wallet/statement.csv", get(wallet::download))
        .route("/host/wallet/top-up", get(top_up::ask).post(top_up::submit))
        .route("/host/wallet/top-ups/{id}", get(top_up::show))
        .route("/host/wallet/payouts", get(payouts::show))
        .route("/host/wallet/payouts/destination", post(payouts::name))
        .route("/host/wallet/payouts/withdraw", post(payouts::withdraw))
        .layer(DefaultBodyLimit::max(FORM_LIMIT_BYTES))
        .merge(
            Router::new()
                .route("/host/giveaways/{id}/import", get(import::ask).post(import::submit))
                .layer(DefaultBodyLimit::max(import::FORM_LIMIT_BYTES)),
        )
}

/// `GET /home`: where somebody goes who has just signed in, by what they are.
async fn home(known: SignedIn) -> Response {
    let place = if known.roles.host.is_some() { DASHBOARD } else { HOME };
    Redirect::to(place).into_response()
}

/// What stands at the top of every page: who is signed in, and how they sign out.
struct Top {
    name: String,
    csrf: String,
}

impl From<SignedIn> for Top {
    fn from(known: SignedIn) -> Self {
        Self { name: known.name, csrf: known.form_token }
    }
}

/// A page of a host. Nobody keeps it, and its forms say, to us alone, on which page they were.
fn host_page(service: &Service, status: StatusCode, template: &impl Template) -> Response {
    let mut response = live_page(service, status, Keep::Nothing, template);
    let policy = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, policy);
    response
}

/// A key for a form: whoever presses its button twice asks once.
fn new_key() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// The key that a form carries, with what it asks for: the same key cannot ask for something else.
fn key_of(key: &str, asked: &[&str]) -> Result<IdempotencyKey> {
    let is_key = (1..=KEY_LIMIT).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !is_key {
        return Err(Error::field("", "the form is not complete: load the page again"));
    }
    let mut hash = Sha256::new();
    for part in asked {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Ok(IdempotencyKey { key: key.to_owned(), fingerprint: hash.finalize().into() })
}
