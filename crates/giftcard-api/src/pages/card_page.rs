//! The page that shows a card to its winner. Opening the link shows only a button, because mail
//! scanners open links; the button uses the link up.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;

use super::{
    Frame, day,
    fault::{Fault, Form},
    page,
};
use crate::{actions::reveal, service::Shared, store::card, views::RevealView};

#[derive(Deserialize)]
pub(crate) struct Fields {
    token: String,
}

#[derive(Template)]
#[template(path = "reveal.html")]
struct AskPage {
    frame: Frame,
    token: String,
}

/// GET /cards/reveal?token=
pub(crate) async fn ask(
    State(service): State<Shared>,
    fields: Result<Query<Fields>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Fault> {
    let Query(fields) = fields.map_err(|_| {
        Fault::told(StatusCode::BAD_REQUEST, "The link is not complete.").without_till()
    })?;
    page(&AskPage { frame: Frame::of(&service, false), token: fields.token })
}

#[derive(Template)]
#[template(path = "revealed.html")]
struct RevealedPage {
    frame: Frame,
    card: RevealView,
    expires: Option<String>,
}

/// POST /cards/reveal
pub(crate) async fn reveal(
    State(service): State<Shared>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let shown = reveal::reveal(&service, &fields.token)
        .await
        .map_err(|error| Fault::from(error).without_till())?;
    let expires = card::find(service.db.read(), shown.card_id)
        .await?
        .and_then(|card| card.expires_at)
        .map(day);
    page(&RevealedPage { frame: Frame::of(&service, false), card: shown, expires })
}
