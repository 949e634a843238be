//! A redemption's receipt, and taking it back.

use anyhow::Context as _;
use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use ledger::idempotency::fingerprint;
use platform::http::IdempotencyKey;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    Frame, When,
    fault::{Fault, Form, sentence},
    frame, page,
    session::AtTill,
    when,
};
use crate::{
    actions::reverse,
    domain::{
        amount::{decimal, parse_decimal},
        ids::{MerchantId, RedemptionId},
    },
    error::Error,
    service::{Service, Shared},
    store::{card, money, redemption, reversal},
    views::ReversalView,
};

/// Reversals shown: more than one or two are rare.
const REVERSALS: u64 = 100;

/// GET /till/redemptions/{id}
pub(crate) async fn show(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    receipt(&service, merchant, parse(&id)?, None).await
}

#[derive(Deserialize)]
pub(crate) struct Fields {
    form: Uuid,
    amount: String,
}

/// POST /till/redemptions/{id}/reversals
pub(crate) async fn reverse(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let id = parse(&id)?;
    let found = redemption::find(service.db.read(), merchant, id).await?;
    let found = found.ok_or_else(|| Fault::not_found("redemption"))?;
    let currency = found.amount().map_err(Fault::unexpected)?.currency;
    let amount = match parse_decimal(&fields.amount, currency) {
        Ok(amount) => amount,
        Err(refusal) => return again(&service, merchant, id, &refusal.to_string()).await,
    };
    let key = IdempotencyKey {
        key: format!("till-{}", fields.form.simple()),
        fingerprint: fingerprint(&[b"till", id.0.as_bytes(), &amount.minor.to_be_bytes()]),
    };
    match reverse::reverse(&service, merchant, id, Some(amount), &key).await {
        Ok(answer) => match answer.read::<ReversalView>() {
            Ok(_) => Ok(Redirect::to(&format!("/till/redemptions/{id}")).into_response()),
            Err(problem) => again(&service, merchant, id, problem.message()).await,
        },
        Err(Error::Refused(refusal)) => again(&service, merchant, id, &refusal.to_string()).await,
        Err(other) => Err(other.into()),
    }
}

fn parse(id: &str) -> Result<RedemptionId, Fault> {
    id.parse().map_err(|_| Fault::not_found("redemption"))
}

async fn again(
    service: &Service,
    merchant: MerchantId,
    id: RedemptionId,
    problem: &str,
) -> Result<Response, Fault> {
    let page = receipt(service, merchant, id, Some(sentence(problem))).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    frame: Frame,
    problem: Option<String>,
    id: RedemptionId,
    amount: String,
    when: When,
    external_id: String,
    available: String,
    reversals: Vec<Row>,
    form: Option<ReverseForm>,
}

struct Row {
    when: When,
    amount: String,
}

/// A form that reverses once.
struct ReverseForm {
    form: Uuid,
    amount: String,
    currency: String,
}

async fn receipt(
    service: &Service,
    merchant: MerchantId,
    id: RedemptionId,
    problem: Option<String>,
) -> Result<Response, Fault> {
    let conn = service.db.read();
    let found = redemption::find(conn, merchant, id).await?;
    let found = found.ok_or_else(|| Fault::not_found("redemption"))?;
    let card = card::find(conn, found.card_id)
        .await?
        .context("a card was deleted")
        .map_err(Fault::unexpected)?;
    let reversals = reversal::of(conn, id, REVERSALS).await?;
    let template = fill(service, problem, found, &card, &reversals).map_err(Fault::unexpected)?;
    page(&template)
}

fn fill(
    service: &Service,
    problem: Option<String>,
    redemption: redemption::Redemption,
    card: &card::Card,
    reversals: &[reversal::Reversal],
) -> anyhow::Result<ReceiptPage> {
    let amount = redemption.amount()?;
    let left = amount.checked_sub(redemption.reversed()?)?;
    let rows = reversals
        .iter()
        .map(|row| {
            let amount = money(row.amount_minor, &row.currency)?.to_string();
            Ok(Row { when: when(row.created_at), amount })
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(ReceiptPage {
        frame: frame(service),
        problem,
        id: redemption.id,
        amount: amount.to_string(),
        when: when(redemption.created_at),
        external_id: redemption.external_id,
        available: card.available()?.to_string(),
        reversals: rows,
        form: left.is_positive().then(|| ReverseForm {
            form: Uuid::new_v4(),
            amount: decimal(left),
            currency: left.currency.to_string(),
        }),
    })
}
