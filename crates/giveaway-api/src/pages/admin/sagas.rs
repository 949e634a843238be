//! `/admin/sagas`: giveaways on their way to being published.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use platform::pages::office::{Act, Cell, Entry, Table, Tables};

use super::{
    super::{
        frame,
        session::{Recent, SessionForm, Turned},
    },
    Noted, Office, done, key, parse, shown,
};
use crate::{
    actions::{
        operator::{Note, abort_saga, retry_saga},
        show_giveaway::list_sagas,
    },
    error::{Error, Result},
    ids::SagaId,
    service::Service,
    store::saga,
};

const AT: &str = "/admin/sagas";

/// As many as the interface shows.
const LISTED: u64 = 100;

/// `GET /admin/sagas`
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    _: Office,
) -> Result<Response, Turned> {
    let rows = list_sagas(&service, LISTED).await?.into_iter().map(|saga| {
        let links = [("retry", "Retry"), ("abort", "Abort")];
        let links = links.map(|(way, text)| (format!("{AT}/{}/{way}", saga.id), text));
        vec![
            Cell::Code(saga.id.to_string()),
            Cell::link(format!("/admin/giveaways/{}", saga.giveaway_id), "Giveaway", "of the saga"),
            Cell::Text(saga.state.to_string()),
            Cell::Text(
                if saga.needs_operator { "needs you" } else { "goes on by itself" }.to_owned(),
            ),
            Cell::maybe(saga.reason),
            Cell::Time(saga.created_at),
            Cell::Links(links.into(), saga.id.to_string()),
        ]
    });
    let table = Table {
        name: "Sagas",
        columns: vec![
            "Number",
            "What",
            "State",
            "Operator",
            "Why it turned back",
            "Since",
            "Actions",
        ],
        rows: rows.collect(),
        empty: "No giveaway is on its way to being published.",
        next: None,
    };
    Ok(shown(&Tables::new(frame::of(&service), AT, "Sagas").table(table)))
}

/// `GET /admin/sagas/{id}/retry`
pub(super) async fn ask_retry(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    Ok(shown(&retry_form(&service, &office, known(&service, &id).await?, "")))
}

/// `POST /admin/sagas/{id}/retry`
pub(super) async fn retry(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
    SessionForm(Noted { form, note }): SessionForm<Noted>,
) -> Result<Response, Turned> {
    let id = known(&service, &id).await?;
    let key = key(form, &[b"retry_saga", id.0.as_bytes(), note.as_bytes()]);
    let outcome = retry_saga(&service, id, &Note { note: note.clone() }, &key).await;
    done(outcome, AT, || retry_form(&service, &office, id, &note))
}

/// `GET /admin/sagas/{id}/abort`
pub(super) async fn ask_abort(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    Ok(shown(&abort_form(&service, &office, known(&service, &id).await?, "")))
}

/// `POST /admin/sagas/{id}/abort`
pub(super) async fn abort(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
    SessionForm(Noted { form, note }): SessionForm<Noted>,
) -> Result<Response, Turned> {
    let id = known(&service, &id).await?;
    let key = key(form, &[b"abort_saga", id.0.as_bytes(), note.as_bytes()]);
    let outcome = abort_saga(&service, id, &Note { note: note.clone() }, &key).await;
    done(outcome, AT, || abort_form(&service, &office, id, &note))
}

async fn known(service: &Service, id: &str) -> Result<SagaId> {
    let id = parse(id, "saga")?;
    saga::find(service.db.read(), id).await?.ok_or(Error::NotFound("saga"))?;
    Ok(id)
}

fn retry_form(service: &Service, office: &Office, id: SagaId, note: &str) -> Act {
    let action = format!("{AT}/{id}/retry");
    Act::new(frame::of(service), AT, "Let this saga go on?", action, &office.csrf)
        .lead(id.to_string())
        .lead("It is tried again at once. If it gets no further, it comes back here.")
        .entry(Entry::note("note", note))
        .button("Retry it")
}

fn abort_form(service: &Service, office: &Office, id: SagaId, note: &str) -> Act {
    let action = format!("{AT}/{id}/abort");
    Act::new(frame::of(service), AT, "Turn this saga back?", action, &office.csrf)
        .lead(id.to_string())
        .lead("The money goes back to the host at once, and every prize is cancelled. The giveaway is a draft again.")
        .entry(Entry::note("note", note))
        .danger("Abort it")
}
