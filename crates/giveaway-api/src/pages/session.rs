//! Who is at the browser: the cookie, what handlers ask for, and the proof that a form is ours.
//!
//! | as an argument of a handler | it gets |
//! |---|---|
//! | [`Visitor`] | who is signed in, if anybody |
//! | [`SignedIn`] | who is signed in; everybody else is sent to sign in, and back |
//! | [`HostSession`] | the host of who is signed in; who has none is told that there is nothing here |
//! | [`AdminSession`] | an administrator who is signed in; for others there is nothing here |
//! | [`Recent`] | that the person showed a moment ago who they are; everybody else is asked, and sent back |
//! | [`SessionForm`] | the fields of a form of this session; forms of other sites are refused |
//! | [`OpenForm`] | the fields of a form without a session, such as the one to sign in; the same |
//!
//! A page puts [`SignedIn::form_token`] into a hidden field `csrf` of each of its forms. On a page that
//! moves money or changes a destination both the page and its form take [`Recent`].

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use platform::{
    http::{self, Problem, Sender, sender},
    token::hash_bearer,
};
use serde::{Deserialize, de::DeserializeOwned};

use super::problem::Failure;
use crate::{
    actions::account::{
        Opened,
        who_is::{Who, who_is},
    },
    domain::local_path::local_path,
    error::Error,
    ids::{AccountId, HostId, SessionId},
    service::Service,
    store::account_role::Roles,
};

/// Where somebody signs in.
pub(super) const SIGN_IN: &str = "/sign-in";

/// Where somebody shows once more who they are.
pub(super) const CONFIRM: &str = "/confirm-it-is-you";

/// Somebody's own account.
pub(super) const HOME: &str = "/account";

/// Where somebody goes who came from nowhere: the page of what they are leads on from there.
pub(super) const LANDING: &str = "/home";

/// Somebody who is signed in.
#[derive(Clone)]
pub(super) struct SignedIn {
    /// The account.
    pub(super) account: AccountId,
    /// What it is called.
    pub(super) name: String,
    /// What it may be.
    pub(super) roles: Roles,
    /// This browser.
    pub(super) session: SessionId,
    /// The cookie's hash.
    pub(super) hash: [u8; 32],
    /// For the hidden field `csrf` of every form on the page.
    pub(super) form_token: String,
    is_recent: bool,
}

/// Whoever is at the browser, signed in or not.
pub(super) struct Visitor(pub(super) Option<SignedIn>);

/// The host of who is signed in.
pub(super) struct HostSession(pub(super) HostId);

/// An administrator who is signed in.
pub(super) struct AdminSession(pub(super) AccountId);

/// The person showed a moment ago who they are.
pub(super) struct Recent;

/// The fields of a form that a page of this session sent.
pub(super) struct SessionForm<T>(pub(super) T);

/// The fields of a form of ours that needs no session.
pub(super) struct OpenForm<T>(pub(super) T);

/// Why there is no page yet, or none at all.
pub(super) enum Turned {
    /// First somewhere else.
    To(String),
    /// There is a reason.
    Away(Failure),
}

impl<E: Into<Failure>> From<E> for Turned {
    fn from(reason: E) -> Self {
        Self::Away(reason.into())
    }
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        match self {
            Self::To(place) => Redirect::to(&place).into_response(),
            Self::Away(failure) => failure.into_response(),
        }
    }
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn")
            .field("account", &self.account)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl FromRequestParts<Arc<Service>> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Failure> {
        if let Some(known) = parts.extensions.get::<SignedIn>() {
            return Ok(Self(Some(known.clone())));
        }
        let Some(value) = cookie(service, &parts.headers) else { return Ok(Self(None)) };
        let hash = hash_bearer(value);
        let Some(who) = who_is(service, &hash).await? else { return Ok(Self(None)) };
        let Who { account, name, roles, session, is_recent, authenticated_at: _ } = who;
        let form_token = service.accounts.form_token(&hash);
        let known = SignedIn { account, name, roles, session, hash, form_token, is_recent };
        // Several arguments of one handler ask.
        parts.extensions.insert(known.clone());
        Ok(Self(Some(known)))
    }
}

impl FromRequestParts<Arc<Service>> for SignedIn {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Turned> {
        let Visitor(known) = Visitor::from_request_parts(parts, service).await?;
        known.ok_or_else(|| Turned::To(with_next(SIGN_IN, &place(parts))))
    }
}

impl FromRequestParts<Arc<Service>> for HostSession {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Turned> {
        let known = SignedIn::from_request_parts(parts, service).await?;
        known.roles.host.map(Self).ok_or_else(|| Error::NotFound("page for this account").into())
    }
}

impl FromRequestParts<Arc<Service>> for AdminSession {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Turned> {
        let known = SignedIn::from_request_parts(parts, service).await?;
        if known.roles.is_admin {
            Ok(Self(known.account))
        } else {
            Err(Error::NotFound("page for this account").into())
        }
    }
}

impl FromRequestParts<Arc<Service>> for Recent {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Turned> {
        let known = SignedIn::from_request_parts(parts, service).await?;
        if known.is_recent { Ok(Self) } else { Err(Turned::To(with_next(CONFIRM, &place(parts)))) }
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Service>> for SessionForm<T> {
    type Rejection = Turned;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Turned> {
        #[derive(Deserialize)]
        struct Proof {
            #[serde(default)]
            csrf: String,
        }
        let (mut parts, body) = request.into_parts();
        let known = SignedIn::from_request_parts(&mut parts, service).await?;
        check_origin(service, &parts.headers, Unnamed::Passes)?;
        let body = Request::from_parts(parts.clone(), body);
        let bytes =
            axum::body::Bytes::from_request(body, service).await.map_err(|_| unreadable())?;
        let Proof { csrf } = fields(&parts, bytes.clone()).await?;
        if !service.accounts.is_form_token(&known.hash, &csrf) {
            return Err(stale().into());
        }
        fields(&parts, bytes).await.map(Self).map_err(Turned::from)
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<Service>> for OpenForm<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Failure> {
        check_origin(service, request.headers(), Unnamed::IsRefused)?;
        let (parts, body) = request.into_parts();
        let body = Request::from_parts(parts.clone(), body);
        let bytes =
            axum::body::Bytes::from_request(body, service).await.map_err(|_| unreadable())?;
        fields(&parts, bytes).await.map(Self)
    }
}

/// Sends a browser on, with the cookie of a session that was just opened.
pub(super) fn go_with(service: &Service, opened: &Opened, place: &str) -> Response {
    let lasts = opened.expires_at.duration_since(service.clock.now()).as_secs();
    set_cookie(service, &opened.value, lasts, Redirect::to(place).into_response())
}

/// Sends a browser on, without a cookie.
pub(super) fn go_without(service: &Service, place: &str) -> Response {
    set_cookie(service, "", 0, Redirect::to(place).into_response())
}

/// The hash of the session that a browser has, good or not: it ends when another one is opened.
pub(super) struct Before(pub(super) Option<[u8; 32]>);

impl FromRequestParts<Arc<Service>> for Before {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Infallible> {
        Ok(Self(cookie(service, &parts.headers).map(hash_bearer)))
    }
}

/// A path with the place to come back to.
pub(super) fn with_next(path: &str, next: &str) -> String {
    let mut place = format!("{path}?next=");
    for byte in next.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                place.push(char::from(byte));
            }
            byte => place.push_str(&format!("%{byte:02X}")),
        }
    }
    place
}

/// Where to go on: the place that was given if it is one of ours.
pub(super) fn onwards(next: &str) -> &str {
    local_path(next).unwrap_or(LANDING)
}

/// The page to come back to: this one, or for a form the page that it was on.
fn place(parts: &Parts) -> String {
    let own = match parts.method {
        Method::GET | Method::HEAD => parts.uri.path_and_query().map(ToString::to_string),
        _ => came_from(&parts.headers),
    };
    onwards(own.as_deref().unwrap_or_default()).to_owned()
}

/// The path of the page that a form was on, as far as the browser says it.
fn came_from(headers: &HeaderMap) -> Option<String> {
    let from: axum::http::Uri = headers.get(header::REFERER)?.to_str().ok()?.parse().ok()?;
    from.path_and_query().map(ToString::to_string)
}

fn set_cookie(service: &Service, value: &str, max_age: i64, mut response: Response) -> Response {
    let secure = if service.config.is_secure() { "; Secure" } else { "" };
    let name = cookie_name(service);
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    match HeaderValue::try_from(cookie) {
        Ok(mut cookie) => {
            cookie.set_sensitive(true);
            let headers = response.headers_mut();
            headers.append(header::SET_COOKIE, cookie);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => Failure::from(Problem::unexpected(error)).into_response(),
    }
}

fn cookie_name(service: &Service) -> &'static str {
    contracts::session::cookie(service.config.is_secure())
}

fn cookie<'a>(service: &Service, headers: &'a HeaderMap) -> Option<&'a str> {
    http::cookie(headers, cookie_name(service))
}

/// What becomes of a form whose page kept its origin to itself, as pages do that send no referrer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unnamed {
    /// It proves by its token where it comes from.
    Passes,
    /// It has no token.
    IsRefused,
}

/// Refuses what a page of another site sent. Browsers say where a form comes from; what is no browser has
/// nobody's cookies.
fn check_origin(service: &Service, headers: &HeaderMap, unnamed: Unnamed) -> Result<(), Failure> {
    match sender(headers, Some(&service.config.public_url)) {
        Sender::Ours => return Ok(()),
        Sender::Unnamed if unnamed == Unnamed::Passes => return Ok(()),
        Sender::Unnamed | Sender::Foreign => {}
    }
    Err(Problem::forbidden("this form was sent by a page of another site").into())
}

async fn fields<T: DeserializeOwned>(
    parts: &Parts,
    bytes: axum::body::Bytes,
) -> Result<T, Failure> {
    let mut request = Request::new(axum::body::Body::from(bytes));
    *request.method_mut() = Method::POST;
    if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
        request.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    match axum::Form::<T>::from_request(request, &()).await {
        Ok(axum::Form(fields)) => Ok(fields),
        Err(_) => Err(unreadable()),
    }
}

fn unreadable() -> Failure {
    Error::field("", "the form could not be read").into()
}

fn stale() -> Failure {
    Problem::forbidden(
        "this form is out of date: go back, load the page again, and send it once more",
    )
    .into()
}
