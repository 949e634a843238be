//! The till's session: a merchant gives its token once, and the browser keeps an opaque cookie that
//! no script can read and no other site can send along. Or somebody with an account for the merchant is
//! signed in: that session is giveaway-api's, which is asked about it with every request.

use axum::{
    extract::{FromRequestParts, State},
    response::{IntoResponse, Redirect, Response},
};
use contracts::giveaway::{
    SignOutRequest, SignedIn, WhoIsRequest, account_service_client::AccountServiceClient,
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use jiff::SignedDuration;
use platform::{
    http::{Sender, cookie, sender},
    token::{hash_bearer, new_bearer},
};
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

/// Where somebody who is signed in shows once more who they are.
const CONFIRM: &str = "/confirm-it-is-you?next=";

/// A merchant at its pages, and how it came there.
#[derive(Clone)]
pub(crate) struct AtMerchant {
    /// Whose pages they are.
    pub(crate) merchant: MerchantId,
    /// For the hidden field `csrf` of every form.
    pub(crate) csrf: String,
    /// By a person's account, or by a token that anybody at the till may have.
    pub(crate) by: By,
}

/// How a merchant came to its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The till's token.
    Token,
    /// Somebody's account; `is_recent` when they showed a moment ago who they are.
    Account { is_recent: bool },
}

impl AtMerchant {
    /// Refuses a form that no page of this session sent.
    pub(crate) fn check(&self, csrf: &str) -> Result<(), Fault> {
        // Hashes, so that how long it takes tells nothing.
        if hash_bearer(csrf) == hash_bearer(&self.csrf) {
            return Ok(());
        }
        let words =
            "This form is out of date. Go back, load the page again, and send it once more.";
        Err(Fault::told(StatusCode::FORBIDDEN, words))
    }

    /// Lets only a person pass who showed a moment ago who they are; others are asked, and come back to
    /// the page `back`.
    pub(crate) fn recent(&self, back: &'static str) -> Result<(), Fault> {
        match self.by {
            By::Account { is_recent: true } => Ok(()),
            By::Account { is_recent: false } => Err(Fault::First(format!("{CONFIRM}{back}"))),
            By::Token => {
                let words =
                    "With a token nobody changes where you are paid. Sign in with your account.";
                Err(Fault::told(StatusCode::FORBIDDEN, words))
            }
        }
    }
}

impl FromRequestParts<Shared> for AtMerchant {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Fault> {
        let found = entered(service, &parts.headers).await?;
        if found.is_some() && !parts.method.is_safe() && is_foreign(service, &parts.headers) {
            let words = "This form was sent by a page of another site.";
            return Err(Fault::told(StatusCode::FORBIDDEN, words));
        }
        found.ok_or(Fault::SignedOut)
    }
}

impl FromRequestParts<Shared> for AtTill {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Fault> {
        let found = AtMerchant::from_request_parts(parts, service).await?;
        Ok(Self(found.merchant))
    }
}

/// Whose session the request carries, if any.
pub(crate) async fn merchant(
    service: &Service,
    headers: &HeaderMap,
) -> Result<Option<MerchantId>, Fault> {
    Ok(entered(service, headers).await?.map(|found| found.merchant))
}

async fn entered(service: &Service, headers: &HeaderMap) -> Result<Option<AtMerchant>, Fault> {
    if let Some(value) = cookie(headers, COOKIE) {
        let hash = hash_bearer(value);
        let merchant = session::merchant(service.db.read(), &hash, service.now_ms()).await?;
        if let Some(merchant) = merchant {
            // Nobody knows it who does not know the cookie.
            let csrf = hex::encode(hash_bearer(&format!("form {value}")));
            return Ok(Some(AtMerchant { merchant, csrf, by: By::Token }));
        }
    }
    let Some(who) = account(service, headers).await? else { return Ok(None) };
    if who.merchant_id.is_empty() {
        return Ok(None);
    }
    let merchant = who.merchant_id.parse();
    let merchant =
        merchant.map_err(|error: platform::id::BadId| Fault::unexpected(error.into()))?;
    let by = By::Account { is_recent: who.is_recent };
    Ok(Some(AtMerchant { merchant, csrf: who.form_token, by }))
}

/// Who is signed in with an account, if anybody.
pub(super) async fn account(
    service: &Service,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, Fault> {
    let Some(value) = account_cookie(service, headers) else { return Ok(None) };
    let Some(accounts) = service.accounts.get() else { return Ok(None) };
    let request = WhoIsRequest { session_hash: hash_bearer(value).to_vec().into() };
    let answer = AccountServiceClient::new(accounts.clone()).who_is(request).await;
    Ok(answer.map_err(|status| not_now(&status))?.into_inner().signed_in)
}

fn account_cookie<'a>(service: &Service, headers: &'a HeaderMap) -> Option<&'a str> {
    cookie(headers, contracts::session::cookie(service.config.is_secure()))
}

/// Who is signed in cannot be told for the moment: neither shown the till nor sent away.
fn not_now(status: &tonic::Status) -> Fault {
    tracing::warn!(code = ?status.code(), "giveaway-api does not say who is signed in");
    let words = "Who is signed in cannot be found out right now. Please try again in a moment.";
    Fault::told(StatusCode::SERVICE_UNAVAILABLE, words)
}

/// Whether a page of another site sent the form.
pub(super) fn is_foreign(service: &Service, headers: &HeaderMap) -> bool {
    sender(headers, Some(&service.config.public_url)) == Sender::Foreign
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
    if let Some(value) = cookie(&headers, COOKIE) {
        session::close(service.db.write(), &hash_bearer(value)).await?;
    }
    let signed_in = account_cookie(&service, &headers).zip(service.accounts.get());
    if let Some((value, accounts)) = signed_in.filter(|_| !is_foreign(&service, &headers)) {
        let request = SignOutRequest { session_hash: hash_bearer(value).to_vec().into() };
        let ended = AccountServiceClient::new(accounts.clone()).sign_out(request).await;
        ended.map_err(|status| not_now(&status))?;
    }
    to_till(&service, "", 0)
}

fn to_till(service: &Service, value: &str, max_age: i64) -> Result<Response, Fault> {
    let secure = if service.config.is_secure() { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    let mut cookie =
        HeaderValue::try_from(cookie).map_err(|error| Fault::unexpected(error.into()))?;
    cookie.set_sensitive(true);
    let mut response = Redirect::to("/till").into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    // Browsers may have one from when the till was all there was; they would send it first.
    let before = format!("{COOKIE}=; Path=/till; Max-Age=0; HttpOnly; SameSite=Strict{secure}");
    let before = HeaderValue::try_from(before).map_err(|error| Fault::unexpected(error.into()))?;
    response.headers_mut().append(header::SET_COOKIE, before);
    Ok(response)
}
