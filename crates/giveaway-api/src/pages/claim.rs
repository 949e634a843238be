//! `/claim`: the mailed link shows the prize; buttons claim or decline it. The way to the code leads
//! by a form to the card's own page, so that the code never passes through this application.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Form, Query, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;

use super::{amount, date, page, problem::with_resend};
use crate::{
    actions::{
        claim_prize::{Prize, claim_prize, look_at_prize},
        depart::decline_prize,
        resend_link::{Asker, resend_link},
    },
    domain::winner::WinnerState,
    service::Service,
};

/// What the link carries.
#[derive(Deserialize)]
pub(super) struct Token {
    t: String,
}

#[derive(Template)]
#[template(path = "claim.html")]
struct Ask<'a> {
    token: &'a str,
    prize: PrizeText,
    is_open: bool,
    is_claimed: bool,
}

#[derive(Template)]
#[template(path = "claimed.html")]
struct ClaimedPage<'a> {
    token: &'a str,
    prize: PrizeText,
    reveal_token: Option<String>,
}

#[derive(Template)]
#[template(path = "told.html")]
struct Told {
    title: &'static str,
    message: &'static str,
}

/// A prize in words.
struct PrizeText {
    title: String,
    giveaway_url: String,
    product: String,
    merchant: String,
    value: String,
    claim_until: String,
}

impl From<Prize> for PrizeText {
    fn from(prize: Prize) -> Self {
        Self {
            giveaway_url: format!("/g/{}", prize.giveaway),
            value: amount(prize.value_minor, &prize.currency),
            claim_until: date(prize.claim_until),
            title: prize.title,
            product: prize.product_name,
            merchant: prize.merchant_name,
        }
    }
}

/// `GET /claim?t=…`
pub(super) async fn ask(
    State(service): State<Arc<Service>>,
    Query(token): Query<Token>,
) -> Response {
    match look_at_prize(&service, &token.t).await {
        Ok(prize) => {
            let is_open = prize.state == WinnerState::Selected;
            let is_claimed = prize.state == WinnerState::Claimed;
            let prize = prize.into();
            page(StatusCode::OK, &Ask { token: &token.t, prize, is_open, is_claimed })
        }
        Err(error) => with_resend(error, Some(&token.t)),
    }
}

/// `POST /claim`
pub(super) async fn claim(
    State(service): State<Arc<Service>>,
    Form(token): Form<Token>,
) -> Response {
    match claim_prize(&service, &token.t).await {
        Ok(claimed) => {
            let reveal_token = claimed.reveal.map(|reveal| reveal.token);
            let prize = claimed.prize.into();
            page(StatusCode::OK, &ClaimedPage { token: &token.t, prize, reveal_token })
        }
        Err(error) => with_resend(error, Some(&token.t)),
    }
}

/// `POST /claim/decline`
pub(super) async fn decline(
    State(service): State<Arc<Service>>,
    Form(token): Form<Token>,
) -> Response {
    match decline_prize(&service, &token.t).await {
        Ok(()) => page(StatusCode::OK, &Told {
            title: "Prize declined",
            message: "Thank you for telling us. The prize goes to somebody else now.",
        }),
        Err(error) => with_resend(error, None),
    }
}

/// `POST /claim/resend`: the same answer, whoever asks.
pub(super) async fn resend(
    State(service): State<Arc<Service>>,
    Form(token): Form<Token>,
) -> Response {
    match resend_link(&service, &Asker::Link { token: token.t }).await {
        Ok(()) => page(StatusCode::ACCEPTED, &Told {
            title: "Look into your mailbox",
            message: "If there is a prize behind this link, a fresh link is on its way to you.",
        }),
        Err(error) => with_resend(error, None),
    }
}
