//! `/host/wallet/payouts`: money goes out. Whoever only found the browser open gets no further than here: the
//! page and its forms are for those who showed a moment ago who they are.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    super::{
        frame::{self, Frame},
        session::{HostSession, Recent, SessionForm, SignedIn, Turned},
        wording::Time,
    },
    Top,
    amounts::{Choice, shown},
    host_page, key_of, new_key,
    wrong::Wrongs,
};
use crate::{
    actions::{
        payout_destination::{NewDestination, name_destination, show_destination},
        wallet::balances,
        withdraw::{NewWithdrawal, WithdrawalView, list_withdrawals, withdraw as ask_for},
    },
    domain::{
        amount::amount,
        withdrawal::{AMOUNT_MINOR, WithdrawalState},
    },
    error::Error,
    ids::HostId,
    service::Service,
};

const HERE: &str = "/host/wallet/payouts";

/// Withdrawals on the page, the latest first.
const SHOWN: u64 = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    amount: String,
    currency: String,
    key: String,
    destination: String,
}

#[derive(Template)]
#[template(path = "host/payouts.html")]
struct PayoutsPage {
    frame: Frame,
    top: Top,
    key: String,
    amount: String,
    currencies: Vec<Choice>,
    available: Vec<String>,
    typed: String,
    destination: Option<String>,
    next: Option<(String, Time)>,
    is_blocked: bool,
    cooling_hours: u32,
    withdrawals: Vec<Row>,
    wrongs: Wrongs,
}

struct Row {
    at: Time,
    amount: String,
    destination: String,
    tone: &'static str,
    state: &'static str,
}

/// `GET /host/wallet/payouts`
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    _: Recent,
) -> Result<Response, Turned> {
    page(&service, host, known, Given::default(), Wrongs::default()).await
}

/// `POST /host/wallet/payouts/destination`
pub(in crate::pages) async fn name(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    _: Recent,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    let new = NewDestination { destination: given.destination.clone() };
    match name_destination(&service, host, new).await {
        Ok(_) => Ok(Redirect::to(HERE).into_response()),
        Err(error) => {
            let wrongs = Wrongs::of(error, |_| "destination".to_owned())?;
            page(&service, host, known, given, wrongs).await
        }
    }
}

/// `POST /host/wallet/payouts/withdraw`
pub(in crate::pages) async fn withdraw(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    _: Recent,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    match place(&service, host, &given).await {
        Ok(_) => Ok(Redirect::to(HERE).into_response()),
        Err(error) => {
            let wrongs = Wrongs::of(error, |pointer| {
                if pointer.is_empty() { String::new() } else { "amount".to_owned() }
            })?;
            page(&service, host, known, given, wrongs).await
        }
    }
}

async fn place(service: &Service, host: HostId, given: &Given) -> Result<WithdrawalView, Error> {
    let currency =
        given.currency.parse().map_err(|_| Error::field("/currency", "choose a currency"))?;
    let amount = amount(&given.amount, currency)
        .map_err(|reason| Error::field("/amount", reason.to_string()))?;
    if !AMOUNT_MINOR.contains(&amount.minor) {
        let bound = |minor: &i64| shown(ledger::Money::new(*minor, currency));
        let (least, most) = (bound(AMOUNT_MINOR.start()), bound(AMOUNT_MINOR.end()));
        return Err(Error::field("/amount", format!("must be from {least} to {most}")));
    }
    let key = key_of(&given.key, &["withdrawal", &amount.to_string()])?;
    ask_for(service, host, NewWithdrawal { amount }, &key).await
}

async fn page(
    service: &Service,
    host: HostId,
    known: SignedIn,
    given: Given,
    wrongs: Wrongs,
) -> Result<Response, Turned> {
    let balances = balances(service, host).await?;
    let destination = show_destination(service, host).await?;
    let withdrawals = list_withdrawals(service, host, None, SHOWN).await?;
    let currencies = balances.iter().map(|balance| balance.currency.to_string());
    let page = PayoutsPage {
        frame: frame::of(service),
        top: known.into(),
        key: new_key(),
        amount: given.amount,
        currencies: currencies
            .map(|code| Choice { is_chosen: code == given.currency, code })
            .collect(),
        available: balances.iter().map(|balance| shown(balance.available)).collect(),
        typed: given.destination,
        destination: destination.destination,
        next: destination.next.map(|next| (next.destination, next.usable_from.into())),
        is_blocked: destination.is_blocked,
        cooling_hours: service.config.payout_cooling_hours,
        withdrawals: withdrawals.into_iter().map(Row::from).collect(),
        wrongs,
    };
    Ok(host_page(service, page.wrongs.status(), &page))
}

impl From<WithdrawalView> for Row {
    fn from(withdrawal: WithdrawalView) -> Self {
        use WithdrawalState as W;
        let (tone, state) = match withdrawal.state {
            _ if withdrawal.needs_operator => ("wait", "Being looked into"),
            W::Intent | W::Sending | W::PendingProvider => ("wait", "On its way"),
            W::Paid => ("done", "Paid"),
            W::Failed => ("over", "Failed; the money is in your wallet again"),
            W::Reversed => ("over", "Came back; the money is in your wallet again"),
        };
        Self {
            at: withdrawal.created_at.into(),
            amount: shown(withdrawal.amount),
            destination: withdrawal.destination,
            tone,
            state,
        }
    }
}
