//! The page that shows a card to its winner. Opening the link shows only a button, because mail
//! scanners open links; the button uses the link up.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    Frame, day,
    fault::{Fault, Form},
    frame, page,
};
use crate::{
    actions::reveal, domain::card::CardState, service::Shared, store::card, views::RevealView,
};

#[derive(Deserialize)]
pub(crate) struct Fields {
    token: String,
}

#[derive(Deserialize)]
pub(crate) struct Link {
    token: Option<String>,
}

#[derive(Template)]
#[template(path = "reveal.html")]
struct AskPage {
    frame: Frame,
    token: Option<String>,
}

/// GET /card, or /card?token=
pub(crate) async fn ask(
    State(service): State<Shared>,
    link: Result<Query<Link>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Fault> {
    let token = link.ok().and_then(|Query(link)| link.token);
    page(&AskPage { frame: frame(&service), token })
}

#[derive(Template)]
#[template(path = "revealed.html")]
struct RevealedPage {
    frame: Frame,
    card: RevealView,
    expires: Option<String>,
}

impl RevealedPage {
    /// Why nothing can be spent with the card any more, if that is so for good.
    fn end(&self) -> Option<&'static str> {
        match self.card.state {
            CardState::Voided => Some(
                "This card was cancelled and cannot be spent any more. What was left on it went back \
                 to the host of the giveaway: ask there for another prize.",
            ),
            CardState::Expired => Some("This card has expired and cannot be spent any more."),
            CardState::Active | CardState::Exhausted => None,
        }
    }
}

/// POST /card
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
    page(&RevealedPage { frame: frame(&service), card: shown, expires })
}
