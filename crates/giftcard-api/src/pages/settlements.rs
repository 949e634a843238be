//! What the merchant is paid.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use ledger::{Currency, idempotency::fingerprint};
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
    actions::request_settlement::{Requested, request_settlement},
    domain::{
        ids::{MerchantId, SettlementId},
        settlement::{SettlementState, provider_ref},
    },
    error::Error,
    service::{Service, Shared},
    store::{line, merchant, money, settlement},
};

/// Settlements shown; older ones are in the interface.
const RECENT: u64 = 50;

/// GET /till/settlements
pub(crate) async fn show(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
) -> Result<Response, Fault> {
    list(&service, merchant, None).await
}

#[derive(Deserialize)]
pub(crate) struct Fields {
    form: Uuid,
    currency: Currency,
}

/// POST /till/settlements
pub(crate) async fn request(
    AtTill(merchant): AtTill,
    State(service): State<Shared>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let key = IdempotencyKey {
        key: format!("till-{}", fields.form.simple()),
        fingerprint: fingerprint(&[b"till", fields.currency.as_str().as_bytes()]),
    };
    let problem = match request_settlement(&service, merchant, fields.currency, &key).await {
        Ok(answer) => match answer.read::<Requested>() {
            Ok(_) => return Ok(Redirect::to("/till/settlements").into_response()),
            Err(problem) => problem.message().to_owned(),
        },
        Err(Error::Refused(refusal)) => refusal.to_string(),
        Err(other) => return Err(other.into()),
    };
    let page = list(&service, merchant, Some(sentence(&problem))).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

#[derive(Template)]
#[template(path = "settlements.html")]
struct SettlementsPage {
    frame: Frame,
    problem: Option<String>,
    blocked: bool,
    due: Vec<Due>,
    settlements: Vec<Row>,
}

struct Due {
    form: Uuid,
    currency: String,
    amount: String,
    payable: bool,
}

struct Row {
    id: SettlementId,
    when: When,
    total: String,
    lines: i64,
    state: &'static str,
    currency: String,
    reference: String,
    /// A form that asks for another attempt.
    again: Option<Uuid>,
}

async fn list(
    service: &Service,
    id: MerchantId,
    problem: Option<String>,
) -> Result<Response, Fault> {
    let conn = service.db.read();
    let merchant = merchant::find(conn, id).await?.ok_or(Fault::SignedOut)?;
    let waiting = line::waiting_sums(conn, Some(id)).await?;
    let rows = settlement::page(conn, Some(id), None, RECENT).await?;
    let due = waiting.iter().map(due).collect::<anyhow::Result<_>>().map_err(Fault::unexpected)?;
    let rows = rows.iter().map(row).collect::<anyhow::Result<_>>().map_err(Fault::unexpected)?;
    page(&SettlementsPage {
        frame: frame(service),
        problem,
        blocked: merchant.blocked_at.is_some(),
        due,
        settlements: rows,
    })
}

fn due(waiting: &line::Waiting) -> anyhow::Result<Due> {
    Ok(Due {
        form: Uuid::new_v4(),
        amount: money(waiting.minor, &waiting.currency)?.to_string(),
        currency: waiting.currency.clone(),
        payable: waiting.minor > 0,
    })
}

fn row(settlement: &settlement::Settlement) -> anyhow::Result<Row> {
    Ok(Row {
        id: settlement.id,
        when: when(settlement.created_at),
        total: settlement.total()?.to_string(),
        lines: settlement.lines_count,
        state: words(settlement.state),
        currency: settlement.currency.clone(),
        reference: provider_ref(settlement.id, settlement.attempt),
        again: (settlement.state == SettlementState::Failed).then(Uuid::new_v4),
    })
}

/// A state in a merchant's words.
pub(super) fn words(state: SettlementState) -> &'static str {
    match state {
        SettlementState::Intent => "about to be sent",
        SettlementState::Sending => "being sent",
        SettlementState::PendingProvider => "with the provider",
        SettlementState::Paid => "paid",
        SettlementState::Failed => "not paid",
        SettlementState::Reversed => "came back",
        SettlementState::Cancelled => "cancelled",
    }
}
