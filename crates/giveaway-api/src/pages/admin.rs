//! Pages for who looks after the installation: what needs a person, and what a person can do about it. They call
//! the same actions as `/api/giveaway/v1/admin`, and write what those write. What merchants are paid is
//! giftcard-api's, and so are its pages under `/admin`.

mod audit;
mod calls;
mod giveaways;
mod hosts;
mod money;
mod overview;
mod people;
mod sagas;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, Query},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use ledger::idempotency::fingerprint;
use platform::{
    http::{IdempotencyKey, Problem},
    pages::office::Act,
};
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    frame::{Keep, page},
    session::{AdminSession, SignedIn, Turned},
    wording::sentence,
};
use crate::{error::Error, ids::AccountId, service::Service};

/// Rows on a page.
const SHOWN: u64 = 50;

/// The routes, with complete paths.
pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/admin", get(overview::show))
        .route("/admin/people", get(people::show))
        .route("/admin/people/find", get(people::ask_find).post(people::find))
        .route("/admin/people/{id}/disable", get(people::ask_disable).post(people::disable))
        .route("/admin/hosts", get(hosts::show))
        .route("/admin/hosts/{id}/unblock", get(hosts::ask_unblock).post(hosts::unblock))
        .route("/admin/giveaways", get(giveaways::list))
        .route("/admin/giveaways/{id}", get(giveaways::show))
        .route("/admin/sagas", get(sagas::show))
        .route("/admin/sagas/{id}/retry", get(sagas::ask_retry).post(sagas::retry))
        .route("/admin/sagas/{id}/abort", get(sagas::ask_abort).post(sagas::abort))
        .route("/admin/money", get(money::show))
        .route("/admin/withdrawals/{id}/resolve", get(money::ask_resolve).post(money::resolve))
        .route("/admin/suspense/{payment}/assign", get(money::ask_assign).post(money::assign))
        .route("/admin/calls", get(calls::show))
        .route("/admin/calls/{id}", get(calls::one))
        .route("/admin/calls/{id}/replay", get(calls::ask_replay).post(calls::replay))
        .route("/admin/calls/{id}/discard", get(calls::ask_discard).post(calls::discard))
        .route("/admin/audit", get(audit::show))
}

/// An administrator, with what a form proves.
struct Office {
    admin: AccountId,
    csrf: String,
}

impl FromRequestParts<Arc<Service>> for Office {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Turned> {
        let AdminSession(admin) = AdminSession::from_request_parts(parts, service).await?;
        let known = SignedIn::from_request_parts(parts, service).await?;
        Ok(Self { admin, csrf: known.form_token })
    }
}

/// A form for what is the same when it is done twice.
#[derive(Deserialize)]
struct Nothing {}

/// A form that says why.
#[derive(Deserialize)]
struct Noted {
    form: Uuid,
    #[serde(default)]
    note: String,
}

/// Where a list goes on.
#[derive(Deserialize)]
struct After<T> {
    after: Option<T>,
}

/// The key of a form for what it does with what.
fn key(form: Uuid, what: &[&[u8]]) -> IdempotencyKey {
    IdempotencyKey { key: format!("page-{}", form.simple()), fingerprint: fingerprint(what) }
}

/// An id in a path.
fn parse<T: std::str::FromStr>(id: &str, what: &'static str) -> Result<T, Error> {
    id.parse().map_err(|_| Error::NotFound(what))
}

/// What the address asks for; what cannot be read is not there.
fn asked<T: DeserializeOwned>(
    query: Result<Query<T>, axum::extract::rejection::QueryRejection>,
) -> Result<T, Error> {
    query.map(|Query(asked)| asked).map_err(|_| Error::NotFound("page"))
}

/// A page of an administrator: kept by nobody. Its forms say on which page they were, to us alone, so that who
/// is asked to confirm who they are comes back.
fn office(status: StatusCode, template: &impl Template) -> Response {
    let mut response = page(status, Keep::Nothing, template);
    let policy = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, policy);
    response
}

/// A page as it is asked for.
fn shown(template: &impl Template) -> Response {
    office(StatusCode::OK, template)
}

/// Leads on when it was done; when it was refused, says why beside the form.
fn done<T>(
    outcome: Result<T, Error>,
    place: &str,
    form: impl FnOnce() -> Act,
) -> Result<Response, Turned> {
    let (status, words) = match outcome {
        Ok(_) => return Ok(Redirect::to(place).into_response()),
        Err(Error::Invalid(errors)) => {
            let told = errors.iter().map(|error| {
                sentence(&format!("{} {}", error.pointer.trim_start_matches('/'), error.detail))
            });
            (StatusCode::UNPROCESSABLE_ENTITY, told.collect::<Vec<_>>().join(" "))
        }
        Err(error) if error.is_of_state() || matches!(error, Error::Replayed { .. }) => {
            let problem = Problem::from(error);
            (problem.status(), sentence(problem.message()))
        }
        Err(error) => return Err(error.into()),
    };
    Ok(office(status, &form().problem(Some(words))))
}

/// Where the list goes on, if it is full.
fn next<T>(rows: &[T], path: &str, id: impl Fn(&T) -> String) -> Option<String> {
    let is_full = rows.len() as u64 >= SHOWN;
    let sign = if path.contains('?') { '&' } else { '?' };
    rows.last().filter(|_| is_full).map(|last| format!("{path}{sign}after={}", id(last)))
}

/// Somebody else's id as a part of a path.
fn in_path(id: &str) -> String {
    let mut path = String::new();
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(byte.into()),
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}
