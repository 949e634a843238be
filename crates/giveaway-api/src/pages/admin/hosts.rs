//! `/admin/hosts`: who gives away.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use platform::{
    clock::from_millis,
    pages::office::{Act, Cell, Table, Tables},
};

use super::{
    super::{
        frame,
        session::{Recent, SessionForm, Turned},
    },
    After, Nothing, Office, SHOWN, asked, done, next, parse, shown,
};
use crate::{
    actions::resolve_withdrawal::unblock_payouts, error::Error, ids::HostId, service::Service,
    store::host,
};

const AT: &str = "/admin/hosts";

/// `GET /admin/hosts`
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    _: Office,
    query: Result<Query<After<HostId>>, QueryRejection>,
) -> Result<Response, Turned> {
    let found =
        host::page(service.db.read(), asked(query)?.after, SHOWN).await.map_err(Error::from)?;
    let next = next(&found, AT, |row| HostId(row.id).to_string());
    let rows = found.into_iter().map(|row| {
        let id = HostId(row.id);
        let act = match row.payouts_blocked_at {
            None => Cell::Text("paid".to_owned()),
            Some(_) => {
                Cell::link(format!("/admin/hosts/{id}/unblock"), "Unblock", row.name.clone())
            }
        };
        vec![
            Cell::Text(row.name),
            Cell::Text(row.email),
            Cell::Code(id.to_string()),
            Cell::Time(from_millis(row.created_at)),
            act,
        ]
    });
    let table = Table {
        name: "Hosts",
        columns: vec!["Name", "Address", "Number", "Since", "Payouts"],
        rows: rows.collect(),
        empty: "None yet.",
        next,
    };
    Ok(shown(&Tables::new(frame::of(&service), AT, "Hosts").table(table)))
}

/// `GET /admin/hosts/{id}/unblock`
pub(super) async fn ask_unblock(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    Ok(shown(&form(&service, &office, parse(&id, "host")?)))
}

/// `POST /admin/hosts/{id}/unblock`
pub(super) async fn unblock(
    State(service): State<Arc<Service>>,
    office: Office,
    _: Recent,
    Path(id): Path<String>,
    SessionForm(Nothing {}): SessionForm<Nothing>,
) -> Result<Response, Turned> {
    let id = parse(&id, "host")?;
    done(unblock_payouts(&service, id).await, AT, || form(&service, &office, id))
}

fn form(service: &Service, office: &Office, id: HostId) -> Act {
    let action = format!("/admin/hosts/{id}/unblock");
    Act::new(frame::of(service), AT, "Let this host withdraw again?", action, &office.csrf)
        .lead(format!("{id}"))
        .lead("Its payouts were stopped because a transfer to it is not explained.")
        .button("Unblock its payouts")
}
