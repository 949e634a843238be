//! The till's session: a merchant gives its token once, and the browser keeps an opaque cookie that
//! no script can read and no other site can send along.

use axum::{
    extract::{FromRequestParts, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use jiff::SignedDuration;
use platform::token::{hash_bearer, new_bearer};
use serde::Deserialize;

use super::{
    fault::{Fault, Form},
    till,
};
use crate::{
    domain::ids::MerchantId,
    service::{Service, Shared},
    store::{session, token},
};

const COOKIE: &str = "handsel_till";

/// A working day and a little more.
const LASTS: SignedDuration = SignedDuration::from_hours(12);

/// A merchant at its till.
pub(crate) struct AtTill(pub(crate) MerchantId);

impl FromRequestParts<Shared> for AtTill {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Fault> {
        merchant(service, &parts.headers).await?.map(Self).ok_or(Fault::SignedOut)
    }
}

/// Whose session the request carries, if any.
pub(crate) async fn merchant(
    service: &Service,
    headers: &HeaderMap,
) -> Result<Option<MerchantId>, Fault> {
    match cookie(headers) {
        Some(value) => {
            let hash = hash_bearer(value);
            Ok(session::merchant(service.db.read(), &hash, service.now_ms()).await?)
        }
        None => Ok(None),
    }
}

#[derive(Deserialize)]
pub(crate) struct SignIn {
    token: String,
}

/// POST /till/session
pub(crate) async fn open(
    State(service): State<Shared>,
    Form(form): Form<SignIn>,
) -> Result<Response, Fault> {
    let token_hash = hash_bearer(form.token.trim());
    if token::merchant(service.db.read(), &token_hash).await?.is_none() {
        let page = till::sign_in(&service, Some("This token is not known.".to_owned()))?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    let (value, hash) = new_bearer("till");
    let now = service.clock.now();
    let row = session::Session {
        hash: hash.to_vec(),
        token_hash: token_hash.to_vec(),
        created_at: now.as_millisecond(),
        expires_at: (now + LASTS).as_millisecond(),
    };
    session::open(service.db.write(), row, now.as_millisecond()).await?;
    to_till(&service, &value, LASTS.as_secs())
}

/// POST /till/sign-out
pub(crate) async fn close(
    State(service): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    if let Some(value) = cookie(&headers) {
        session::close(service.db.write(), &hash_bearer(value)).await?;
    }
    to_till(&service, "", 0)
}

fn to_till(service: &Service, value: &str, max_age: i64) -> Result<Response, Fault> {
    let secure = if service.config.is_secure() { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={value}; Path=/till; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"
    );
    let mut cookie =
        HeaderValue::try_from(cookie).map_err(|error| Fault::unexpected(error.into()))?;
    cookie.set_sensitive(true);
    let mut response = Redirect::to("/till").into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == COOKIE && !value.is_empty())
        .map(|(_, value)| value)
}
