//! `/host/giveaways/{id}/cancel`: asked once more, since it cannot be taken back.

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
        giveaway::count,
        session::{HostSession, Recent, SessionForm, SignedIn, Turned},
    },
    Top, host_page, key_of, new_key,
    wrong::Wrongs,
};
use crate::{
    actions::{cancel_giveaway::cancel_giveaway, show_giveaway::show_giveaway},
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
#[template(path = "host/cancel.html")]
struct CancelPage {
    frame: Frame,
    top: Top,
    key: String,
    path: String,
    title: String,
    entries: String,
    can_cancel: bool,
    wrongs: Wrongs,
}

/// `GET /host/giveaways/{id}/cancel`
pub(in crate::pages) async fn ask(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    _: Recent,
    Id(id): Id<GiveawayId>,
) -> Result<Response, Turned> {
    page(&service, host, known, id, Wrongs::default()).await
}

/// `POST /host/giveaways/{id}/cancel`
pub(in crate::pages) async fn submit(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    _: Recent,
    Id(id): Id<GiveawayId>,
    SessionForm(given): SessionForm<Given>,
) -> Result<Response, Turned> {
    match cancel(&service, host, id, &given).await {
        Ok(()) => Ok(Redirect::to(&format!("/host/giveaways/{id}")).into_response()),
        Err(error) => {
            let wrongs = Wrongs::of(error, |_| String::new())?;
            page(&service, host, known, id, wrongs).await
        }
    }
}

async fn cancel(
    service: &Service,
    host: HostId,
    id: GiveawayId,
    given: &Given,
) -> Result<(), Error> {
    let key = key_of(&given.key, &["cancel", &id.to_string()])?;
    cancel_giveaway(service, host, id, &key).await
}

async fn page(
    service: &Service,
    host: HostId,
    known: SignedIn,
    id: GiveawayId,
    wrongs: Wrongs,
) -> Result<Response, Turned> {
    use GiveawayState as S;
    let giveaway = show_giveaway(service, host, id).await?;
    let page = CancelPage {
        frame: frame::of(service),
        top: known.into(),
        key: new_key(),
        path: format!("/host/giveaways/{id}"),
        title: giveaway.draft.title,
        entries: count(giveaway.counts.entries),
        can_cancel: matches!(giveaway.state, S::Scheduled | S::Open | S::Closed),
        wrongs,
    };
    Ok(host_page(service, page.wrongs.status(), &page))
}
