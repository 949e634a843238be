//! `/host/wallet/top-up`: money comes in. The payment itself is made on the provider's page. Browsers do not
//! let a form of ours lead there (`form-action 'self'`), so that a link does.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    super::{
        frame::{self, Frame},
        session::{HostSession, SessionForm, SignedIn, Turned},
    },
    Top,
    amounts::{Choice, choices, shown},
    host_page, key_of, new_key,
    wrong::Wrongs,
};
use crate::{
    actions::{
        top_up_wallet::{NewTopUp, TopUpView, read_top_up, top_up_wallet},
        wallet::balances,
    },
    domain::{
        amount::{amount, written},
        top_up::{AMOUNT_MINOR, TopUpState},
    },
    error::Error,
    http::page::Id,
    ids::{GiveawayId, HostId, TopUpId},
    service::Service,
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    amount: String,
    currency: String,
    key: String,
    /// The giveaway that the money is for; only to lead back to it.
    giveaway: String,
}

#[derive(Template)]
#[template(path = "host/top_up.html")]
struct TopUpPage {
    frame: Frame,
    top: Top,
    key: String,
    amount: String,
    currencies: Vec<Choice>,
    giveaway: String,
    wrongs: Wrongs,
}

#[derive(Template)]
#[template(path = "host/top_up_state.html")]
struct StatePage {
    frame: Frame,
    top: Top,
    path: String,
    amount: String,
    is_paid: bool,
    has_failed: bool,
    pay_at: Option<String>,
    giveaway: Option<GiveawayId>,
}

/// `GET /host/wallet/top-up?amount=&currency=&giveaway=`
pub(in crate::pages) async fn ask(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Query(given): Query<Given>,
) -> Result<Response, Turned> {
    form(&service, host, known, given, Wrongs::default()).await
}

/// `POST /host/wallet/top-up`
pub(in crate::pages) async fn submit(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    match open(&service, host, &given).await {
        Ok(top_up) => {
            let back = given.giveaway.parse::<GiveawayId>();
            let back = back.map(|id| format!("?giveaway={id}")).unwrap_or_default();
            Ok(Redirect::to(&format!("/host/wallet/top-ups/{}{back}", top_up.id)).into_response())
        }
        Err(error) => {
            let wrongs = Wrongs::of(error, |pointer| match pointer {
                "" => String::new(),
                "/currency" => "currency".to_owned(),
                _ => "amount".to_owned(),
            })?;
            form(&service, host, known, given, wrongs).await
        }
    }
}

async fn open(service: &Service, host: HostId, given: &Given) -> Result<TopUpView, Error> {
    let currency = given.currency.parse().map_err(|_| Error::field("/currency", "choose one"))?;
    let amount = amount(&given.amount, currency)
        .map_err(|reason| Error::field("/amount", reason.to_string()))?;
    if !AMOUNT_MINOR.contains(&amount.minor) {
        let bound = |minor: &i64| shown(ledger::Money::new(*minor, currency));
        let (least, most) = (bound(AMOUNT_MINOR.start()), bound(AMOUNT_MINOR.end()));
        return Err(Error::field("/amount", format!("must be from {least} to {most}")));
    }
    let key = key_of(&given.key, &["top-up", &amount.to_string()])?;
    top_up_wallet(service, host, NewTopUp { amount }, &key).await
}

async fn form(
    service: &Service,
    host: HostId,
    known: SignedIn,
    given: Given,
    wrongs: Wrongs,
) -> Result<Response, Turned> {
    let known_currencies = balances(service, host).await?.into_iter().map(|of| of.currency);
    let page = TopUpPage {
        frame: frame::of(service),
        top: known.into(),
        // What was refused under its key stays refused.
        key: new_key(),
        currencies: choices(known_currencies, &given.currency),
        amount: given.amount,
        giveaway: given.giveaway,
        wrongs,
    };
    Ok(host_page(service, page.wrongs.status(), &page))
}

/// `GET /host/wallet/top-ups/{id}`: leads to the provider's page, and shows when the money is there.
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Id(id): Id<TopUpId>,
    Query(given): Query<Given>,
) -> Result<Response, Turned> {
    let top_up = read_top_up(&service, host, id).await?;
    let giveaway = given.giveaway.parse::<GiveawayId>().ok();
    let query = giveaway.map(|id| format!("?giveaway={id}")).unwrap_or_default();
    let page = StatePage {
        frame: frame::of(&service),
        top: known.into(),
        path: format!("/host/wallet/top-ups/{id}{query}"),
        amount: shown(top_up.amount),
        is_paid: top_up.state == TopUpState::Paid,
        has_failed: top_up.state == TopUpState::Failed,
        pay_at: top_up.checkout_url.filter(|_| top_up.state != TopUpState::Paid),
        giveaway,
    };
    Ok(host_page(&service, StatusCode::OK, &page))
}

/// The way to a top-up of exactly this amount, for a giveaway.
pub(super) fn path_for(missing: ledger::Money, giveaway: GiveawayId) -> String {
    let (amount, currency) = (written(missing), missing.currency);
    format!("/host/wallet/top-up?amount={amount}&currency={currency}&giveaway={giveaway}")
}
