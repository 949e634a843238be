//! `/admin`: what needs a person.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use contracts::giftcard::{CountMattersRequest, giftcard_service_client::GiftcardServiceClient};
use platform::{
    outbox,
    pages::office::{Cell, Table, Tables},
};

use super::{super::frame, super::session::Turned, Office, calls::lanes, shown};
use crate::{
    actions::{operator::list_suspense, show_giveaway::list_sagas, withdraw::list_under_way},
    error::Error,
    service::Service,
};

/// More is as much as anybody can look at.
const COUNTED: u64 = 100;

/// `GET /admin`
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    _: Office,
) -> Result<Response, Turned> {
    let sagas = list_sagas(&service, COUNTED).await?;
    let flagged = sagas.iter().filter(|saga| saga.needs_operator).count();
    let suspense = list_suspense(&service, COUNTED).await?.len();
    let withdrawals = list_under_way(&service, COUNTED).await?;
    let stuck = withdrawals.iter().filter(|withdrawal| withdrawal.needs_operator).count();
    let unanswered = outbox::oldest(service.db.read(), COUNTED).await.map_err(unexpected)?.len();
    let lanes = lanes(&service).await?;
    let dead: u64 = lanes.dead;
    let mut rows = vec![
        row("Sagas that need an operator", count(flagged), "/admin/sagas"),
        row("Money in suspense", count(suspense), "/admin/money"),
        row("Withdrawals that need an operator", count(stuck), "/admin/money"),
    ];
    let told = GiftcardServiceClient::new(service.giftcard.clone())
        .count_matters(CountMattersRequest {})
        .await
        .map(tonic::Response::into_inner);
    if let Err(status) = &told {
        tracing::warn!(code = ?status.code(), "giftcard-api does not say what needs a person");
    }
    let told = told.ok();
    for (what, number, place) in [
        ("Alerts", told.map(|told| told.alerts), "/admin/alerts"),
        ("Settlements that failed", told.map(|told| told.failed_settlements), "/admin/settlements"),
        (
            "Transfers that nothing explains",
            told.map(|told| told.unexplained_transfers),
            "/admin/transfers",
        ),
    ] {
        let number = number.map_or_else(|| "not known right now".to_owned(), counted);
        rows.push(row(what, number, place));
    }
    rows.push(row("Dead letters", dead.to_string(), "/admin/calls"));
    let matters = Table {
        name: "What needs a person",
        columns: vec!["What", "How many", "Where"],
        rows,
        empty: "",
        next: None,
    };
    let under_way = Table {
        name: "Under way",
        columns: vec!["What", "How many", "Where"],
        rows: vec![
            row("Sagas that have not ended", count(sagas.len()), "/admin/sagas"),
            row("Withdrawals", count(withdrawals.len()), "/admin/money"),
            row("Calls in the outbox", count(unanswered), "/admin/calls"),
        ],
        empty: "",
        next: None,
    };
    let page = Tables::new(frame::of(&service), "/admin", "Administration");
    Ok(shown(&page.table(matters).table(under_way).table(lanes.table)))
}

fn row(what: &str, number: String, place: &str) -> Vec<Cell> {
    let look = Cell::link(place, "Look", format!("at: {what}"));
    vec![Cell::Text(what.to_owned()), Cell::Number(number), look]
}

fn count(number: usize) -> String {
    counted(u32::try_from(number).unwrap_or(u32::MAX))
}

fn counted(number: u32) -> String {
    if u64::from(number) >= COUNTED { format!("{COUNTED} or more") } else { number.to_string() }
}

fn unexpected(error: impl Into<anyhow::Error>) -> Error {
    Error::from(error.into())
}
