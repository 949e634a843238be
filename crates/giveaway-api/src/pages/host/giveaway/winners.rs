//! Winners, and what became of their prizes.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use platform::http::{Cell, Problem, Sheet};

use super::super::{
    super::{
        session::{HostSession, Turned},
        wording::Time,
    },
    amounts::shown,
};
use crate::{
    actions::{
        list_entries::find_entries,
        list_outcomes::{UnitOutcome, list_outcomes},
        show_giveaway::{PrizeView, list_prizes, list_winners},
    },
    domain::winner::WinnerState,
    error::Result,
    http::page::Id,
    ids::{EntryId, GiveawayId, HostId, UnitId},
    service::Service,
};

/// A winner as a row of a table and of a file.
pub(super) struct WinnerRow {
    pub(super) place: i32,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) prize: String,
    pub(super) tone: &'static str,
    pub(super) state: &'static str,
    pub(super) claim_until: Option<Time>,
    pub(super) became: &'static str,
}

/// The winners of a giveaway, also those who left, in the order drawn.
pub(super) async fn winner_rows(
    service: &Service,
    host: HostId,
    id: GiveawayId,
    prizes: &[PrizeView],
) -> Result<Vec<WinnerRow>> {
    let winners = list_winners(service, host, id).await?;
    let outcomes = list_outcomes(service, host, id).await?;
    let outcomes: HashMap<UnitId, UnitOutcome> =
        outcomes.into_iter().map(|unit| (unit.unit_id, unit)).collect();
    let ids: Vec<EntryId> = winners.iter().map(|winner| winner.entry).collect();
    let entries = find_entries(service, host, id, &ids).await?;
    let rows = winners.into_iter().map(|winner| {
        let unit = outcomes.get(&winner.unit);
        let entry = entries.get(&winner.entry);
        let prize = unit.map_or_else(String::new, |unit| {
            let line = prizes.iter().find(|prize| prize.product_id == unit.product_id);
            let name = line.map_or("Gift card", |prize| prize.product_name.as_str());
            format!("{name}, {}", shown(unit.value))
        });
        let (tone, state) = words(winner.state);
        let has_prize = matches!(winner.state, WinnerState::Selected | WinnerState::Claimed);
        WinnerRow {
            place: winner.rank + 1,
            email: entry.and_then(|entry| entry.email.clone()).unwrap_or("erased".to_owned()),
            name: entry.and_then(|entry| entry.name.clone()).unwrap_or_default(),
            prize,
            tone,
            state,
            claim_until: (winner.state == WinnerState::Selected).then(|| winner.claim_until.into()),
            became: match unit {
                Some(unit) if has_prize => super::words(unit.outcome).1,
                _ => "Passed on",
            },
        }
    });
    Ok(rows.collect())
}

/// `GET /host/giveaways/{id}/winners.csv`
pub(in crate::pages) async fn download(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    Id(id): Id<GiveawayId>,
) -> Result<Response, Turned> {
    let prizes = list_prizes(&service, host, id).await?;
    let header = ["place", "email", "name", "prize", "state", "became"];
    let mut sheet = Sheet::new(&format!("winners-{id}"), &header).map_err(Problem::unexpected)?;
    for row in winner_rows(&service, host, id, &prizes).await? {
        let cells = [
            Cell::Number(row.place.into()),
            Cell::Text(row.email),
            Cell::Text(row.name),
            Cell::Text(row.prize),
            Cell::Text(row.state.to_owned()),
            Cell::Text(row.became.to_owned()),
        ];
        sheet.row(cells).map_err(Problem::unexpected)?;
    }
    Ok(sheet.into_response())
}

fn words(state: WinnerState) -> (&'static str, &'static str) {
    match state {
        WinnerState::Selected => ("wait", "Has not claimed yet"),
        WinnerState::Claimed => ("done", "Claimed"),
        WinnerState::Lapsed => ("over", "Did not claim in time"),
        WinnerState::Declined => ("over", "Did not want it"),
        WinnerState::Disqualified => ("over", "Disqualified"),
    }
}
