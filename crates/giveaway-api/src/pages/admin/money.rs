//! `/admin/money`: what came in and nobody asked for, and what goes out.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use platform::pages::office::{Act, Cell, Entry, Table, Tables};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    super::{
        frame,
        session::{Recent, SessionForm, Turned},
    },
    Noted, Office, done, in_path, key, parse, shown,
};
use crate::{
    actions::{
        operator::{Assignment, assign_payment, list_suspense},
        resolve_withdrawal::{Resolution, resolve_withdrawal},
        withdraw::list_under_way,
    },
    error::Error,
    ids::WithdrawalId,
    service::Service,
};

const AT: &str = "/admin/money";

/// As many as the interface shows.
const LISTED: u64 = 100;

/// `GET /admin/money`
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    _: Office,
) -> Result<Response, Turned> {
    let suspense = list_suspense(&service, LISTED).await?.into_iter().map(|row| {
        let act = if row.kind == "payment" {
            let place = format!("/admin/suspense/{}/assign", in_path(&row.provider_id));
            Cell::link(place, "Assign", row.provider_id.clone())
        } else {
            Cell::Text("waits for the provider".to_owned())
        };
        vec![
            Cell::Text(row.kind),
            Cell::Code(row.provider_id),
            Cell::Number(row.amount.to_string()),
            Cell::Text(row.reason),
            Cell::Time(row.since),
            act,
        ]
    });
    let suspense = Table {
        name: "In suspense",
        columns: vec!["Kind", "With the provider", "Amount", "Why", "Since", "Action"],
        rows: suspense.collect(),
        empty: "All money is explained.",
        next: None,
    };
    let withdrawals = list_under_way(&service, LISTED).await?.into_iter().map(|row| {
        vec![
            Cell::Code(row.id.to_string()),
            Cell::Number(row.amount.to_string()),
            Cell::Code(row.destination),
            Cell::Text(row.state.to_string()),
            Cell::Text(
                if row.needs_operator { "needs you" } else { "goes on by itself" }.to_owned(),
            ),
            Cell::Time(row.created_at),
            Cell::link(
                format!("/admin/withdrawals/{}/resolve", row.id),
                "Resolve",
                row.id.to_string(),
            ),
        ]
    });
    let withdrawals = Table {
        name: "Withdrawals under way",
        columns: vec!["Number", "Amount", "To", "State", "Operator", "Since", "Action"],
        rows: withdrawals.collect(),
        empty: "None.",
        next: None,
    };
    let page = Tables::new(frame::of(&service), AT, "Money")
        .link("/admin/transfers", "Transfers to merchants that nothing explains");
    Ok(shown(&page.table(suspense).table(withdrawals)))
}

/// `GET /admin/withdrawals/{id}/resolve`
pub(super) async fn ask_resolve(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    Ok(shown(&resolve_form(&service, &office, parse(&id, "withdrawal")?, "")))
}

/// `POST /admin/withdrawals/{id}/resolve`
pub(super) async fn resolve(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
    SessionForm(Noted { form, note }): SessionForm<Noted>,
) -> Result<Response, Turned> {
    let id: WithdrawalId = parse(&id, "withdrawal")?;
    let key = key(form, &[b"resolve_withdrawal", id.0.as_bytes(), note.as_bytes()]);
    let resolution = Resolution { reason: note.clone() };
    let outcome = resolve_withdrawal(&service, id, resolution, &key).await;
    done(outcome, AT, || resolve_form(&service, &office, id, &note))
}

fn resolve_form(service: &Service, office: &Office, id: WithdrawalId, note: &str) -> Act {
    let action = format!("/admin/withdrawals/{id}/resolve");
    Act::new(frame::of(service), AT, "Bring this withdrawal to an end?", action, &office.csrf)
        .lead(id.to_string())
        .lead("The provider is asked once more. What it shows is taken over. If it shows nothing and nothing may be sent any more, the withdrawal has failed and the money goes back to the wallet.")
        .entry(Entry::note("note", note))
        .danger("Resolve it")
}

#[derive(Deserialize)]
pub(super) struct Assigned {
    form: Uuid,
    #[serde(default)]
    host_id: String,
    #[serde(default)]
    note: String,
}

/// `GET /admin/suspense/{payment}/assign`
pub(super) async fn ask_assign(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(payment): Path<String>,
) -> Response {
    shown(&assign_form(&service, &office, &payment, ("", "")))
}

/// `POST /admin/suspense/{payment}/assign`
pub(super) async fn assign(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(payment): Path<String>,
    SessionForm(Assigned { form, host_id, note }): SessionForm<Assigned>,
) -> Result<Response, Turned> {
    let again = || assign_form(&service, &office, &payment, (&host_id, &note));
    let Ok(host) = host_id.trim().parse() else {
        let wrong = Err::<(), _>(Error::field("/host", "must begin with hst_"));
        return done(wrong, AT, again);
    };
    let what: [&[u8]; 4] =
        [b"assign_payment", payment.as_bytes(), host_id.as_bytes(), note.as_bytes()];
    let key = key(form, &what);
    let assignment = Assignment { host_id: host, note: note.clone() };
    done(assign_payment(&service, &payment, &assignment, &key).await, AT, again)
}

fn assign_form(
    service: &Service,
    office: &Office,
    payment: &str,
    (host, note): (&str, &str),
) -> Act {
    let action = format!("/admin/suspense/{}/assign", in_path(payment));
    Act::new(frame::of(service), AT, "Whose payment is it?", action, &office.csrf)
        .lead(payment.to_owned())
        .lead("What is left of it goes into the host’s wallet, and pays first what the host owes.")
        .entry(Entry::line("host_id", "The host’s number", host).help("The page of hosts has it."))
        .entry(Entry::note("note", note))
        .danger("Assign it")
}
