//! Pages for who looks after the installation: merchants, and what they are paid. They call the same actions as
//! `/api/giftcard/v1/admin`, and write what those write. Who is an administrator giveaway-api knows.

mod matters;
mod merchants;
mod settlements;

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, Query, rejection::QueryRejection},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use ledger::idempotency::fingerprint;
use platform::{
    http::{IdempotencyKey, Problem},
    pages::office::Act,
    token::hash_bearer,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    fault::{Fault, sentence},
    page,
    session::{account, is_foreign},
};
use crate::{
    actions::once::Answer,
    domain::refusal::{Kind, Refusal},
    error::Error,
    service::Shared,
};

/// Rows on a page.
const SHOWN: u64 = 50;

/// The routes, with complete paths.
pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/admin/merchants", get(merchants::show))
        .route("/admin/merchants/new", get(merchants::ask).post(merchants::create))
        .route("/admin/settlements", get(settlements::show))
        .route("/admin/settlements/{id}", get(settlements::one))
        .route(
            "/admin/settlements/{id}/cancel",
            get(settlements::ask_cancel).post(settlements::cancel),
        )
        .route(
            "/admin/settlements/attempts/{reference}/resolve",
            get(settlements::ask_resolve).post(settlements::resolve),
        )
        .route("/admin/transfers", get(matters::transfers))
        .route("/admin/transfers/{id}/accept", get(matters::ask_accept).post(matters::accept))
        .route("/admin/alerts", get(matters::alerts))
}

/// An administrator who is signed in, with what a form proves. For everybody else there is nothing here.
struct Office {
    csrf: String,
}

/// The same, who showed a moment ago who they are.
struct Asked(Office);

impl FromRequestParts<Shared> for Office {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Fault> {
        Ok(known(parts, service).await?.0)
    }
}

impl FromRequestParts<Shared> for Asked {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Fault> {
        let (office, is_recent) = known(parts, service).await?;
        if is_recent {
            return Ok(Self(office));
        }
        Err(Fault::First(format!("/confirm-it-is-you?next={}", place(parts))))
    }
}

async fn known(parts: &Parts, service: &Shared) -> Result<(Office, bool), Fault> {
    let Some(who) = account(service, &parts.headers).await? else {
        return Err(Fault::First(format!("/sign-in?next={}", place(parts))));
    };
    if !who.is_admin {
        let words = "There is no such page for this account.";
        return Err(Fault::told(StatusCode::NOT_FOUND, words).without_till());
    }
    if !parts.method.is_safe() && is_foreign(service, &parts.headers) {
        let words = "This form was sent by a page of another site.";
        return Err(Fault::told(StatusCode::FORBIDDEN, words).without_till());
    }
    Ok((Office { csrf: who.form_token }, who.is_recent))
}

/// Where to come back to: a page, or the page that a form is on, which has the same path. Ids in it are of letters,
/// digits, `-` and `_`; anything else is not worth coming back to.
fn place(parts: &Parts) -> &str {
    let path = parts.uri.path();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    let is_known = parts.method == Method::GET || parts.method == Method::POST;
    if is_known && path.bytes().all(is_plain) { path } else { "/admin" }
}

impl Office {
    /// Refuses a form that no page of this session sent.
    fn check(&self, csrf: &str) -> Result<(), Fault> {
        // Hashes, so that how long it takes tells nothing.
        if hash_bearer(csrf) == hash_bearer(&self.csrf) {
            return Ok(());
        }
        let words =
            "This form is out of date. Go back, load the page again, and send it once more.";
        Err(Fault::told(StatusCode::FORBIDDEN, words).without_till())
    }
}

/// A form that says why.
#[derive(Deserialize)]
struct Noted {
    #[serde(default)]
    csrf: String,
    form: Uuid,
    #[serde(default)]
    note: String,
}

/// Where a list goes on.
#[derive(Deserialize)]
struct After<T> {
    after: Option<T>,
}

/// Where a list is asked to go on.
type Asking<T> = Result<Query<After<T>>, QueryRejection>;

/// The id behind which the page begins.
fn after<T>(query: Asking<T>) -> Result<Option<T>, Fault> {
    let Query(After { after }) = query.map_err(|_| Fault::not_found("page").without_till())?;
    Ok(after)
}

/// The key of a form for what it does with what.
fn key(form: Uuid, what: &[&[u8]]) -> IdempotencyKey {
    IdempotencyKey { key: format!("page-{}", form.simple()), fingerprint: fingerprint(what) }
}

/// A page of an administrator.
fn office(status: StatusCode, template: &impl Template) -> Result<Response, Fault> {
    let mut response = page(template)?;
    *response.status_mut() = status;
    let policy = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, policy);
    Ok(response)
}

/// A page as it is asked for.
fn shown(template: &impl Template) -> Result<Response, Fault> {
    office(StatusCode::OK, template)
}

/// Leads on when it was done; when it was refused, says why beside the form.
fn done(
    outcome: Result<Answer, Error>,
    place: &str,
    form: impl FnOnce() -> Act,
) -> Result<Response, Fault> {
    let (status, words) = match outcome {
        Ok(answer) if answer.status < 400 => return Ok(Redirect::to(place).into_response()),
        Ok(answer) => match answer.read::<serde_json::Value>() {
            Ok(_) => return Ok(Redirect::to(place).into_response()),
            Err(problem) => (problem.status(), problem.message().to_owned()),
        },
        Err(Error::Refused(refusal)) if refusal.kind() != Kind::NotFound => {
            let words = refusal.to_string();
            (Problem::from(refusal).status(), words)
        }
        Err(error) => return Err(Fault::from(error).without_till()),
    };
    office(status, &form().problem(Some(sentence(&words))))
}

/// An id in a path.
fn parse<T: std::str::FromStr>(id: &str, what: &'static str) -> Result<T, Fault> {
    id.parse().map_err(|_| Fault::from(Error::from(Refusal::NotFound { what })).without_till())
}

/// Where the list goes on, if it is full.
fn next<T>(rows: &[T], path: &str, id: impl Fn(&T) -> String) -> Option<String> {
    let is_full = rows.len() as u64 >= SHOWN;
    rows.last().filter(|_| is_full).map(|last| format!("{path}?after={}", id(last)))
}
