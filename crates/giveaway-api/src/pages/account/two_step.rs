//! `/account/two-step`

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use qrcode::{QrCode, render::svg};
use serde::Deserialize;

use super::{
    super::{
        frame::Frame,
        limit::Admitted,
        session::{HOME, Recent, SessionForm, SignedIn, Turned},
        wording::sentence,
    },
    form::{account_page, notice},
};
use crate::{
    actions::account::{
        show_account::show_account,
        two_step::{
            RecoveryCodes, confirm_totp, disable_totp, enrol_totp, pending_totp,
            renew_recovery_codes,
        },
    },
    error::Error,
    service::Service,
};

const PAGE: &str = "/account/two-step";

/// Edge of the picture in pixels, for displays that do not scale it.
const QR_PIXELS: u32 = 240;

#[derive(Template)]
#[template(path = "account/two_step.html")]
struct TwoStepPage {
    frame: Frame,
    csrf: String,
    is_on: bool,
    codes_left: u64,
}

#[derive(Template)]
#[template(path = "account/enrol.html")]
struct EnrolPage {
    frame: Frame,
    csrf: String,
    picture: String,
    secret: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "account/codes.html")]
struct CodesPage {
    frame: Frame,
    codes: Vec<String>,
}

#[derive(Deserialize)]
pub(in crate::pages) struct Nothing {}

#[derive(Deserialize)]
pub(in crate::pages) struct Given {
    #[serde(default)]
    code: String,
}

/// `GET /account/two-step`
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    _: Recent,
) -> Result<Response, Turned> {
    let account = show_account(&service, known.account, &known.roles, known.session).await?;
    let page = TwoStepPage {
        frame: Frame::default(),
        csrf: known.form_token,
        is_on: account.has_totp,
        codes_left: account.recovery_codes,
    };
    Ok(account_page(StatusCode::OK, &page))
}

/// `POST /account/two-step/begin`: shows a secret to scan.
pub(in crate::pages) async fn begin(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    _: Recent,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    enrol_totp(&service, known.account).await?;
    enrol(&service, &known, None).await
}

/// `POST /account/two-step`: the first code turns it on.
pub(in crate::pages) async fn confirm(
    _: Admitted,
    State(service): State<Arc<Service>>,
    known: SignedIn,
    _: Recent,
    SessionForm(Given { code }): SessionForm<Given>,
) -> Result<Response, Turned> {
    match confirm_totp(&service, known.account, &code).await {
        Ok(codes) => Ok(shown(&codes)),
        Err(Error::Invalid(errors)) => {
            let reason = errors.first().map(|error| sentence(&error.detail));
            enrol(&service, &known, reason).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /account/two-step/disable`
pub(in crate::pages) async fn disable(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    _: Recent,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    disable_totp(&service, known.account).await?;
    Ok(Redirect::to(HOME).into_response())
}

/// `POST /account/two-step/codes`: new recovery codes.
pub(in crate::pages) async fn renew(
    State(service): State<Arc<Service>>,
    known: SignedIn,
    _: Recent,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    match renew_recovery_codes(&service, known.account).await {
        Ok(codes) => Ok(shown(&codes)),
        Err(Error::State { .. }) => {
            let links = vec![(PAGE.to_owned(), "Turn it on")];
            Ok(notice("Two-step sign-in is off", &["There are no codes without it."], links))
        }
        Err(error) => Err(error.into()),
    }
}

async fn enrol(
    service: &Service,
    known: &SignedIn,
    error: Option<String>,
) -> Result<Response, Turned> {
    let secret = pending_totp(service, known.account).await?;
    let account = show_account(service, known.account, &known.roles, known.session).await?;
    let status = match error {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let page = EnrolPage {
        frame: Frame::default(),
        csrf: known.form_token.clone(),
        picture: picture(&secret.uri(&account.mailbox)).map_err(Error::from)?,
        secret: grouped(&secret.typed()),
        error,
    };
    Ok(account_page(status, &page))
}

fn shown(RecoveryCodes(codes): &RecoveryCodes) -> Response {
    let codes = codes.iter().map(|code| code.to_string()).collect();
    account_page(StatusCode::OK, &CodesPage { frame: Frame::default(), codes })
}

fn picture(uri: &str) -> anyhow::Result<String> {
    let code = QrCode::new(uri.as_bytes())?;
    let svg = code.render::<svg::Color<'_>>().min_dimensions(QR_PIXELS, QR_PIXELS).build();
    // Without the declaration, which has no place inside of a page.
    Ok(svg.split_once("?>").map_or(svg.clone(), |(_, picture)| picture.to_owned()))
}

/// Four letters at a time, for whoever types them.
fn grouped(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
