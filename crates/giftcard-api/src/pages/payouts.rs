//! Where a merchant is paid. Whoever is at the till may see it; only a person who showed a moment ago who
//! they are may change it.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use serde::Deserialize;

use super::{
    Frame, When,
    fault::{Fault, Form, sentence},
    frame, page,
    session::{AtMerchant, By},
    when,
};
use crate::{
    actions::payout_destination::{keep_destination, name_destination},
    domain::refusal::Refusal,
    error::Error,
    service::{Service, Shared},
    store::{merchant, payout},
};

/// Where the form is.
const CHANGE: &str = "/till/payouts/change";

#[derive(Template)]
#[template(path = "payouts.html")]
struct PayoutsPage {
    frame: Frame,
    csrf: String,
    destination: String,
    next: Option<Next>,
    by_account: bool,
    is_blocked: bool,
}

/// What is cooling off.
struct Next {
    destination: String,
    from: When,
}

#[derive(Template)]
#[template(path = "payout_change.html")]
struct ChangePage {
    frame: Frame,
    csrf: String,
    destination: String,
    problem: Option<String>,
    hours: u32,
}

/// GET /till/payouts
pub(crate) async fn show(at: AtMerchant, State(service): State<Shared>) -> Result<Response, Fault> {
    let (conn, now_ms) = (service.db.read(), service.now_ms());
    let merchant = merchant::find(conn, at.merchant).await?.ok_or(Fault::SignedOut)?;
    let next = payout::cooling(conn, at.merchant, now_ms).await?;
    page(&PayoutsPage {
        frame: frame(&service),
        by_account: at.by != By::Token,
        csrf: at.csrf,
        destination: payout::in_force(conn, &merchant, now_ms).await?,
        next: next.map(|row| Next { destination: row.destination, from: when(row.usable_from) }),
        is_blocked: merchant.blocked_at.is_some(),
    })
}

/// GET /till/payouts/change
pub(crate) async fn ask(at: AtMerchant, State(service): State<Shared>) -> Result<Response, Fault> {
    at.recent(CHANGE)?;
    form(&service, at, String::new(), None)
}

#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    csrf: String,
    destination: String,
}

/// POST /till/payouts/change
pub(crate) async fn change(
    at: AtMerchant,
    State(service): State<Shared>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    at.check(&fields.csrf)?;
    at.recent(CHANGE)?;
    match name_destination(&service, at.merchant, &fields.destination, None).await {
        Ok(_) => Ok(Redirect::to("/till/payouts").into_response()),
        Err(Error::Refused(Refusal::Invalid { detail, .. })) => {
            let problem = sentence(&format!("the destination {detail}"));
            let page = form(&service, at, fields.destination, Some(problem))?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(other) => Err(other.into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct Kept {
    #[serde(default)]
    csrf: String,
}

/// POST /till/payouts/keep: takes back what is cooling off.
pub(crate) async fn keep(
    at: AtMerchant,
    State(service): State<Shared>,
    Form(Kept { csrf }): Form<Kept>,
) -> Result<Response, Fault> {
    at.check(&csrf)?;
    at.recent("/till/payouts")?;
    keep_destination(&service, at.merchant).await?;
    Ok(Redirect::to("/till/payouts").into_response())
}

fn form(
    service: &Service,
    at: AtMerchant,
    destination: String,
    problem: Option<String>,
) -> Result<Response, Fault> {
    let hours = service.config.payout_cooling_hours;
    page(&ChangePage { frame: frame(service), csrf: at.csrf, destination, problem, hours })
}
