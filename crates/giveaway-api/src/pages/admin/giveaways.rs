//! `/admin/giveaways`: all of them, to be looked at.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use jiff::Timestamp;
use platform::{
    clock::from_millis,
    pages::office::{Cell, Search, Table, Tables},
};
use serde::Deserialize;

use super::{super::frame, super::session::Turned, Office, SHOWN, asked, next, parse, shown};
use crate::{
    actions::show_giveaway::show_giveaway,
    domain::giveaway::GiveawayState,
    error::Error,
    ids::{GiveawayId, HostId},
    service::Service,
    store::giveaway,
};

const AT: &str = "/admin/giveaways";

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    state: String,
    after: Option<GiveawayId>,
}

/// `GET /admin/giveaways`
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    _: Office,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Turned> {
    let wanted = asked(query)?;
    let state = Some(wanted.state.as_str()).filter(|state| !state.is_empty());
    let state = state.map(|state| state.parse::<GiveawayState>()).transpose();
    let state = state.map_err(|_| Error::NotFound("state"))?;
    let found = giveaway::list_all(service.db.read(), state, wanted.after, SHOWN)
        .await
        .map_err(Error::from)?;
    let path = format!("{AT}?state={}", state.map(GiveawayState::as_str).unwrap_or_default());
    let next = next(&found, &path, |row| row.giveaway_id().to_string());
    let rows = found.into_iter().map(|row| {
        let id = row.giveaway_id();
        let look = Cell::link(format!("{AT}/{id}"), "Look", format!("at {}", row.title));
        vec![
            Cell::Text(row.title),
            Cell::Text(row.state),
            Cell::Code(HostId(row.host_id).to_string()),
            Cell::Time(from_millis(row.closes_at)),
            look,
        ]
    });
    let table = Table {
        name: "Giveaways",
        columns: vec!["Title", "State", "Host", "Closes", "Details"],
        rows: rows.collect(),
        empty: "There is no giveaway like that.",
        next,
    };
    let search = Search {
        name: "state",
        label: "State",
        value: wanted.state,
        choices: GiveawayState::ALL.iter().map(|state| state.as_str()).collect(),
    };
    let page = Tables::new(frame::of(&service), AT, "Giveaways").search(search).table(table);
    Ok(shown(&page))
}

/// `GET /admin/giveaways/{id}`
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    _: Office,
    Path(id): Path<String>,
) -> Result<Response, Turned> {
    let id: GiveawayId = parse(&id, "giveaway")?;
    let row = giveaway::find(service.db.read(), id)
        .await
        .map_err(Error::from)?
        .ok_or(Error::NotFound("giveaway"))?;
    let host = HostId(row.host_id);
    let view = show_giveaway(&service, host, id).await?;
    let text = |name: &str, value: String| vec![Cell::Text(name.to_owned()), Cell::Text(value)];
    let code = |name: &str, value: String| vec![Cell::Text(name.to_owned()), Cell::Code(value)];
    let time = |name: &str, value: Option<Timestamp>| {
        vec![
            Cell::Text(name.to_owned()),
            value.map_or_else(|| Cell::maybe(None::<String>), Cell::Time),
        ]
    };
    let counts = &view.counts;
    let winners = &view.winners;
    let mut facts = vec![
        code("Number", id.to_string()),
        text("State", view.state.to_string()),
        code("Host", host.to_string()),
        text("Prizes", view.units.len().to_string()),
        text(
            "Entries",
            format!(
                "{}, {} verified, {} eligible",
                counts.entries, counts.verified, counts.eligible
            ),
        ),
        text(
            "Winners",
            format!(
                "{} may claim, {} have claimed, {} lapsed, {} declined, {} disqualified",
                winners.selected,
                winners.claimed,
                winners.lapsed,
                winners.declined,
                winners.disqualified
            ),
        ),
        time("Opens", view.draft.opens_at),
        time("Closes", Some(view.draft.closes_at)),
        time("Frozen", view.freeze_at),
        time("Drawn", view.draw_at),
        code("Hash of the rules", view.rules_hash.unwrap_or_else(|| "–".to_owned())),
    ];
    if let Some(saga) = view.saga {
        facts.push(code("Saga", saga.id.to_string()));
        facts.push(text("State of the saga", saga.state.to_string()));
        facts.push(text("Why it turned back", saga.reason.unwrap_or_else(|| "–".to_owned())));
    }
    let units = view.units.iter().map(|unit| {
        vec![
            Cell::Code(unit.id.to_string()),
            Cell::Code(unit.escrow_id.to_string()),
            Cell::Text(unit.state.to_string()),
        ]
    });
    let facts = Table {
        name: "About it",
        columns: vec!["What", "Value"],
        rows: facts,
        empty: "",
        next: None,
    };
    let units = Table {
        name: "Prizes",
        columns: vec!["Number", "Escrow", "State"],
        rows: units.collect(),
        empty: "They come to be when it is published.",
        next: None,
    };
    let page = Tables::new(frame::of(&service), AT, view.draft.title)
        .link(AT, "All giveaways")
        .link(format!("/g/{id}"), "Its public page");
    Ok(shown(&page.table(facts).table(units)))
}
