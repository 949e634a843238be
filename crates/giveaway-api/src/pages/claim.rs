//! The link in the winner's mail: the prize, the choice, and the way to the card.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use super::{
    frame::{Fields, Frame, Keep, Token, of, page, private_page},
    limit::Admitted,
    problem::Failure,
    wording::{Time, price, until},
};
use crate::{
    actions::{
        claim_prize::{Claimed, Prize, claim_prize, look_at_prize},
        depart::decline_prize,
        resend_link::{Asker, resend_link},
    },
    domain::winner::WinnerState,
    error::Error,
    service::Service,
};

/// The page of giftcard-api, on the same origin, that takes a reveal token and shows a card's code.
const CARD_PATH: &str = "/card";

/// A prize in words.
struct PrizeView {
    title: String,
    giveaway_path: String,
    value: String,
    name: String,
    merchant: String,
}

#[derive(Template)]
#[template(path = "claim/offer.html")]
struct OfferPage {
    frame: Frame,
    prize: PrizeView,
    claim_until: Time,
    until: Option<String>,
    token: String,
}

#[derive(Template)]
#[template(path = "claim/yours.html")]
struct YoursPage {
    frame: Frame,
    prize: PrizeView,
    way: Way,
}

/// How a winner gets from the claimed prize to the card.
enum Way {
    /// By asking for it, with the mailed token.
    Ask { token: String },
    /// By waiting a little: it is being issued.
    Wait { token: String },
    /// By showing it, with a token that does so once.
    Show { token: String, until: Time, path: &'static str },
}

#[derive(Template)]
#[template(path = "claim/decline.html")]
struct DeclinePage {
    frame: Frame,
    prize: PrizeView,
    token: String,
}

#[derive(Template)]
#[template(path = "claim/declined.html")]
struct DeclinedPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "claim/fresh_link.html")]
struct FreshLinkPage {
    frame: Frame,
    was_used: bool,
    token: String,
}

#[derive(Template)]
#[template(path = "claim/resent.html")]
struct ResentPage {
    frame: Frame,
}

/// `GET /claim?t=…`: shows the prize. Changes nothing.
pub(super) async fn offer(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Query(Token { token }): Query<Token>,
) -> Result<Response, Failure> {
    let prize = match look_at_prize(&service, &token).await {
        Ok(prize) => prize,
        Err(error) => return fresh_link(&service, error, token),
    };
    match prize.state {
        WinnerState::Selected => Ok(private_page(&OfferPage {
            frame: of(&service),
            until: until(service.clock.now(), prize.claim_until),
            claim_until: prize.claim_until.into(),
            prize: prize.into(),
            token,
        })),
        WinnerState::Claimed => Ok(yours(&service, prize, Way::Ask { token })),
        state => Err(passed_on(state)),
    }
}

/// `POST /claim`: claims, and leads to the card. The same link leads to the same card.
pub(super) async fn take(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Fields(Token { token }): Fields<Token>,
) -> Result<Response, Failure> {
    match claim_prize(&service, &token).await {
        Ok(Claimed { prize, reveal: None }) => Ok(yours(&service, prize, Way::Wait { token })),
        Ok(Claimed { prize, reveal: Some(reveal) }) => {
            let until = reveal.expires_at.into();
            Ok(yours(&service, prize, Way::Show { token: reveal.token, until, path: CARD_PATH }))
        }
        Err(error) => fresh_link(&service, error, token),
    }
}

/// A decision that cannot be taken back is asked for twice.
#[derive(Deserialize)]
pub(super) struct Decline {
    #[serde(default, rename = "t")]
    token: String,
    #[serde(default)]
    sure: String,
}

/// `POST /claim/decline`: asks once more, then declines.
pub(super) async fn decline(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Fields(Decline { token, sure }): Fields<Decline>,
) -> Result<Response, Failure> {
    if sure == "yes" {
        return match decline_prize(&service, &token).await {
            Ok(()) => Ok(private_page(&DeclinedPage { frame: of(&service) })),
            Err(error) => fresh_link(&service, error, token),
        };
    }
    let prize = match look_at_prize(&service, &token).await {
        Ok(prize) => prize,
        Err(error) => return fresh_link(&service, error, token),
    };
    match prize.state {
        WinnerState::Selected => {
            Ok(private_page(&DeclinePage { frame: of(&service), prize: prize.into(), token }))
        }
        WinnerState::Claimed => Ok(yours(&service, prize, Way::Ask { token })),
        state => Err(passed_on(state)),
    }
}

/// Who asks for a fresh link: with an old one, or with the address that was entered.
#[derive(Deserialize)]
pub(super) struct Resend {
    #[serde(default, rename = "t")]
    token: String,
    #[serde(default)]
    giveaway: String,
    #[serde(default)]
    email: String,
}

/// `POST /claim/resend`. The answer is always the same.
pub(super) async fn resend(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Fields(Resend { token, giveaway, email }): Fields<Resend>,
) -> Result<Response, Failure> {
    let asker = match giveaway.parse() {
        Ok(giveaway_id) if token.is_empty() => Asker::Entrant { giveaway_id, email },
        _ => Asker::Link { token },
    };
    resend_link(&service, &asker).await?;
    Ok(private_page(&ResentPage { frame: of(&service) }))
}

fn yours(service: &Service, prize: Prize, way: Way) -> Response {
    private_page(&YoursPage { frame: of(service), prize: prize.into(), way })
}

fn passed_on(state: WinnerState) -> Failure {
    let why = match state {
        WinnerState::Lapsed => "the time to claim this prize is over; it has passed on",
        WinnerState::Declined => "you have declined this prize; it has passed on",
        _ => "the entry was disqualified under the rules; the prize has passed on",
    };
    Error::gone("prize_passed_on", why).into()
}

/// A link that was good once can be exchanged for a fresh one; every other refusal stays what it is.
fn fresh_link(service: &Service, error: Error, token: String) -> Result<Response, Failure> {
    let was_used = match &error {
        Error::Gone { code: "link_expired", .. } => false,
        Error::Gone { code: "link_used", .. } => true,
        _ => return Err(error.into()),
    };
    let answer = FreshLinkPage { frame: of(service), was_used, token };
    Ok(page(StatusCode::GONE, Keep::Nothing, &answer))
}

impl Way {
    /// Whether the page asks again on its own, where scripts run.
    fn waits(&self) -> bool {
        matches!(self, Self::Wait { .. })
    }
}

impl From<Prize> for PrizeView {
    fn from(prize: Prize) -> Self {
        Self {
            title: prize.title,
            giveaway_path: format!("/g/{}", prize.giveaway),
            value: price(u64::try_from(prize.value_minor).unwrap_or(0), &prize.currency),
            name: prize.product_name,
            merchant: prize.merchant_name,
        }
    }
}
