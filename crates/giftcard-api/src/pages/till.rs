//! The till: check a card, and see what was redeemed last.

use anyhow::Context as _;
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use platform::token::mint_link;
use serde::Deserialize;

use super::{
    Frame, When, day,
    fault::{Fault, Form, sentence},
    frame, page,
    session::{self, AtTill},
    when,
};
use crate::{
    actions::balance::balance,
    attempts::Asker,
    domain::{
        amount::decimal,
        ids::{CardId, MerchantId, RedemptionId},
    },
    error::Error,
    service::{Service, Shared},
    store::{card, merchant, product, redemption},
};

/// Redemptions shown below the form.
const RECENT: u64 = 10;

/// What the till's tickets are for: a ticket stands for a code that was just typed.
pub(super) const TICKET: &str = "till";

/// How long a checked card may wait on the counter.
const TICKET_LASTS: SignedDuration = SignedDuration::from_mins(15);

/// GET /till
pub(crate) async fn show(
    State(service): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    match session::merchant(&service, &headers).await? {
        Some(merchant) => till(&service, merchant, None).await,
        None => sign_in(&service, None),
    }
}

#[derive(Deserialize)]
pub(crate) struct Check {
    code: String,
}

/// POST /till/card
pub(crate) async fn check(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    Form(form): Form<Check>,
) -> Result<Response, Fault> {
    match balance(&service, Asker::Merchant(merchant), &form.code).await {
        Ok(found) => card_page(&service, found.card_id, None).await,
        Err(Error::Refused(refusal)) => {
            let problem = Some(sentence(&refusal.to_string()));
            let page = till(&service, merchant, problem).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(other) => Err(other.into()),
    }
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    problem: Option<String>,
}

/// The form that asks for the token.
pub(super) fn sign_in(service: &Service, problem: Option<String>) -> Result<Response, Fault> {
    page(&SignInPage { frame: frame(service), problem })
}

#[derive(Template)]
#[template(path = "till.html")]
struct TillPage {
    frame: Frame,
    merchant_name: String,
    problem: Option<String>,
    redemptions: Vec<Row>,
}

struct Row {
    id: RedemptionId,
    when: When,
    amount: String,
    reversed: Option<String>,
}

async fn till(
    service: &Service,
    id: MerchantId,
    problem: Option<String>,
) -> Result<Response, Fault> {
    let conn = service.db.read();
    let merchant = merchant::find(conn, id).await?.ok_or(Fault::SignedOut)?;
    let rows = redemption::page(conn, id, None, RECENT).await?;
    let rows = rows.iter().map(row).collect::<anyhow::Result<_>>().map_err(Fault::unexpected)?;
    page(&TillPage {
        frame: frame(service),
        merchant_name: merchant.name,
        problem,
        redemptions: rows,
    })
}

fn row(redemption: &redemption::Redemption) -> anyhow::Result<Row> {
    let reversed = redemption.reversed()?;
    Ok(Row {
        id: redemption.id,
        when: when(redemption.created_at),
        amount: redemption.amount()?.to_string(),
        reversed: reversed.is_positive().then(|| reversed.to_string()),
    })
}

#[derive(Template)]
#[template(path = "card.html")]
struct CardPage {
    frame: Frame,
    problem: Option<String>,
    product_name: String,
    available: String,
    value: String,
    state: String,
    expires: Option<String>,
    form: Option<RedeemForm>,
}

/// A form that redeems once: its ticket names both the card and the redemption to be made.
struct RedeemForm {
    ticket: String,
    amount: String,
    currency: String,
}

/// A checked card with a fresh form.
pub(super) async fn card_page(
    service: &Service,
    id: CardId,
    problem: Option<String>,
) -> Result<Response, Fault> {
    let (card, product) = load(service, id).await?;
    let now = service.clock.now();
    let (available, value) = (amount(card.available())?, amount(card.value())?);
    let standing = card.standing().map_err(Fault::unexpected)?;
    let obstacle = crate::domain::card::obstacle(standing, available, now);
    let form = (obstacle.is_none() && available.is_positive()).then(|| RedeemForm {
        ticket: mint_link(&service.link_key, TICKET, id.0, now + TICKET_LASTS),
        amount: decimal(available),
        currency: available.currency.to_string(),
    });
    page(&CardPage {
        frame: frame(service),
        problem: problem.or_else(|| obstacle.map(|why| sentence(&why.to_string()))),
        product_name: product,
        available: available.to_string(),
        value: value.to_string(),
        state: card.state.to_string(),
        expires: card.expires_at.map(day),
        form,
    })
}

async fn load(service: &Service, id: CardId) -> Result<(card::Card, String), Fault> {
    let conn = service.db.read();
    let card = card::find(conn, id).await?.ok_or_else(|| Fault::not_found("card"))?;
    let product = product::find(conn, card.product_id)
        .await?
        .context("a product was deleted")
        .map_err(Fault::unexpected)?;
    Ok((card, product.name))
}

fn amount(read: anyhow::Result<ledger::Money>) -> Result<ledger::Money, Fault> {
    read.map_err(Fault::unexpected)
}
