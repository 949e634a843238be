//! `/host`: what a host has, what is under way, and what to do first.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    super::{
        frame::{self, Frame},
        giveaway::count,
        session::{HostSession, SignedIn, Turned},
    },
    Top,
    amounts::shown,
    host_page,
    standing::{Standing, standing},
};
use crate::{
    actions::{
        show_giveaway::{count_entries, list_giveaways},
        wallet::{Balance, balances},
    },
    http::page::Paging,
    ids::{GiveawayId, HostId},
    service::Service,
};

/// Giveaways on a page.
const SHOWN: u64 = 20;

#[derive(Template)]
#[template(path = "host/dashboard.html")]
struct Dashboard {
    frame: Frame,
    top: Top,
    balances: Vec<BalanceRow>,
    giveaways: Vec<Row>,
    next: Option<String>,
    is_first_page: bool,
    /// Money has come in at some time.
    has_money: bool,
}

/// What a wallet holds, in words.
pub(super) struct BalanceRow {
    pub(super) currency: String,
    pub(super) available: String,
    pub(super) held: String,
    pub(super) debt: Option<String>,
}

struct Row {
    id: GiveawayId,
    title: String,
    standing: Standing,
    is_draft: bool,
    entries: String,
    eligible: String,
}

impl From<&Balance> for BalanceRow {
    fn from(balance: &Balance) -> Self {
        Self {
            currency: balance.currency.to_string(),
            available: shown(balance.available),
            held: shown(balance.held),
            debt: Some(balance.debt).filter(|debt| debt.is_positive()).map(shown),
        }
    }
}

/// `GET /host?after=`
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    paging: Paging<GiveawayId>,
) -> Result<Response, Turned> {
    let balances = balances(&service, host).await?;
    let giveaways = rows(&service, host, paging.after).await?;
    let is_full = giveaways.len() as u64 >= SHOWN;
    let page = Dashboard {
        frame: frame::of(&service),
        top: known.into(),
        has_money: !balances.is_empty(),
        balances: balances.iter().map(BalanceRow::from).collect(),
        next: giveaways.last().filter(|_| is_full).map(|last| last.id.to_string()),
        giveaways,
        is_first_page: paging.after.is_none(),
    };
    Ok(host_page(&service, StatusCode::OK, &page))
}

async fn rows(
    service: &Service,
    host: HostId,
    after: Option<GiveawayId>,
) -> Result<Vec<Row>, Turned> {
    let giveaways = list_giveaways(service, host, after, SHOWN).await?;
    let ids: Vec<GiveawayId> = giveaways.iter().map(|giveaway| giveaway.id).collect();
    let counts = count_entries(service, &ids).await?;
    let row = |giveaway: crate::actions::show_giveaway::GiveawaySummary| {
        let counted = counts.get(&giveaway.id).copied().unwrap_or_default();
        Row {
            id: giveaway.id,
            standing: standing(giveaway.state, (&giveaway).into()),
            is_draft: giveaway.state == crate::domain::giveaway::GiveawayState::Draft,
            title: giveaway.title,
            entries: count(counted.entries),
            eligible: count(counted.eligible),
        }
    };
    Ok(giveaways.into_iter().map(row).collect())
}
