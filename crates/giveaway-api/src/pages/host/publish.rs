//! `/host/giveaways/{id}/publish`: the last question before money moves.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use ledger::Money;
use serde::Deserialize;

use super::{
    super::{
        frame::{self, Frame},
        session::{HostSession, Recent, SessionForm, SignedIn, Turned},
        wording::Time,
    },
    Top,
    amounts::shown,
    host_page, key_of, new_key, top_up,
    wrong::Wrongs,
};
use crate::{
    actions::{
        publish_giveaway::publish_giveaway,
        show_giveaway::{GiveawayView, PrizeView, list_prizes, show_giveaway},
        wallet::balances,
    },
    domain::giveaway::GiveawayState,
    error::Error,
    http::page::Id,
    ids::{GiveawayId, HostId},
    service::Service,
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Given {
    key: String,
}

#[derive(Template)]
#[template(path = "host/publish.html")]
struct PublishPage {
    frame: Frame,
    top: Top,
    key: String,
    path: String,
    title: String,
    closes_at: Time,
    cost: Cost,
    wrongs: Wrongs,
}

/// What a giveaway costs, and whether it is there.
pub(super) struct Cost {
    pub(super) total: String,
    pub(super) available: String,
    /// What is missing, and the way to a top-up of exactly that.
    pub(super) missing: Option<(String, String)>,
}

/// `GET /host/giveaways/{id}/publish`
pub(in crate::pages) async fn ask(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    _: Recent,
    Id(id): Id<GiveawayId>,
) -> Result<Response, Turned> {
    page(&service, host, known, id, Wrongs::default()).await
}

/// `POST /host/giveaways/{id}/publish`
pub(in crate::pages) async fn submit(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    _: Recent,
    Id(id): Id<GiveawayId>,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    match publish(&service, host, id, &given).await {
        Ok(()) => Ok(Redirect::to(&format!("/host/giveaways/{id}")).into_response()),
        Err(error) => {
            let wrongs = Wrongs::of(error, |_| String::new())?;
            page(&service, host, known, id, wrongs).await
        }
    }
}

async fn publish(
    service: &Arc<Service>,
    host: HostId,
    id: GiveawayId,
    given: &Given,
) -> Result<(), Error> {
    let key = key_of(&given.key, &["publish", &id.to_string()])?;
    publish_giveaway(service, host, id, &key).await
}

async fn page(
    service: &Service,
    host: HostId,
    known: SignedIn,
    id: GiveawayId,
    wrongs: Wrongs,
) -> Result<Response, Turned> {
    let giveaway = show_giveaway(service, host, id).await?;
    if giveaway.state != GiveawayState::Draft {
        return Ok(Redirect::to(&format!("/host/giveaways/{id}")).into_response());
    }
    let prizes = list_prizes(service, host, id).await?;
    let page = PublishPage {
        frame: frame::of(service),
        top: known.into(),
        key: new_key(),
        path: format!("/host/giveaways/{id}"),
        cost: cost(service, host, &giveaway, &prizes).await?,
        closes_at: giveaway.draft.closes_at.into(),
        title: giveaway.draft.title,
        wrongs,
    };
    Ok(host_page(service, page.wrongs.status(), &page))
}

/// What this giveaway costs its host.
pub(super) async fn cost(
    service: &Service,
    host: HostId,
    giveaway: &GiveawayView,
    prizes: &[PrizeView],
) -> Result<Cost, Error> {
    let currency = giveaway.draft.currency.parse().map_err(anyhow::Error::from)?;
    let values = prizes.iter().map(|prize| prize.value.checked_mul(prize.count.into()));
    let values = values.collect::<Result<Vec<Money>, _>>().map_err(anyhow::Error::from)?;
    let total = Money::sum(currency, values).map_err(anyhow::Error::from)?;
    let balances = balances(service, host).await?;
    let available = balances.iter().find(|balance| balance.currency == currency);
    let available = available.map_or(Money::zero(currency), |balance| balance.available);
    let missing = total.checked_sub(available).map_err(anyhow::Error::from)?;
    let missing = Some(missing).filter(|missing| missing.is_positive());
    Ok(Cost {
        total: shown(total),
        available: shown(available),
        missing: missing.map(|missing| (shown(missing), top_up::path_for(missing, giveaway.id))),
    })
}
