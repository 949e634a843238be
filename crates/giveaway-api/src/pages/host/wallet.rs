//! `/host/wallet`: what a host has, and how it came to that.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use ledger::Currency;
use serde::Deserialize;

use super::{
    super::{
        frame::{self, Frame},
        session::{HostSession, SignedIn, Turned},
        wording::{Time, sentence},
    },
    Top,
    amounts::shown,
    dashboard::BalanceRow,
    host_page,
};
use crate::{
    actions::{
        read_statement::{Movement, Period, read_statement},
        wallet::balances,
    },
    domain::statement::Cursor,
    error::Error,
    http::statement::sheet,
    service::Service,
};

/// Movements on a page.
const SHOWN: u32 = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::pages) struct Asked {
    currency: String,
    after: String,
}

#[derive(Template)]
#[template(path = "host/wallet.html")]
struct WalletPage {
    frame: Frame,
    top: Top,
    balances: Vec<BalanceRow>,
    statement: Option<Statement>,
}

struct Statement {
    currency: String,
    /// The other currencies.
    others: Vec<String>,
    movements: Vec<Row>,
    next: Option<String>,
}

struct Row {
    at: Time,
    what: String,
    giveaway: Option<(String, String)>,
    account: &'static str,
    amount: String,
    after: String,
}

/// `GET /host/wallet?currency=&after=`
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Turned> {
    let balances = balances(&service, host).await?;
    let codes: Vec<Currency> = balances.iter().map(|balance| balance.currency).collect();
    let wanted = codes.iter().find(|code| code.as_str() == asked.currency).or(codes.first());
    let statement = match wanted {
        None => None,
        Some(&currency) => {
            let cursor: Option<Cursor> = Some(asked.after.as_str())
                .filter(|after| !after.is_empty())
                .map(|after| after.parse().map_err(|_| Error::NotFound("page of the statement")))
                .transpose()?;
            let period = Period { currency, from: None, to: None };
            let found = read_statement(&service, host, period, cursor, SHOWN).await?;
            Some(Statement {
                currency: currency.to_string(),
                others: codes
                    .iter()
                    .filter(|code| **code != currency)
                    .map(|c| c.to_string())
                    .collect(),
                movements: found.items.into_iter().map(Row::from).collect(),
                next: found.next,
            })
        }
    };
    let page = WalletPage {
        frame: frame::of(&service),
        top: known.into(),
        balances: balances.iter().map(BalanceRow::from).collect(),
        statement,
    };
    Ok(host_page(&service, StatusCode::OK, &page))
}

/// `GET /host/wallet/statement.csv?currency=`
pub(in crate::pages) async fn download(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    Query(asked): Query<Asked>,
) -> Result<Response, Turned> {
    let currency = asked.currency.parse().map_err(|_| Error::NotFound("currency"))?;
    let period = Period { currency, from: None, to: None };
    Ok(sheet(&service, host, period).await?.into_response())
}

impl From<Movement> for Row {
    fn from(movement: Movement) -> Self {
        let giveaway = movement
            .giveaway_id
            .map(|id| (id.to_string(), movement.giveaway_title.unwrap_or_else(|| id.to_string())));
        Self {
            at: movement.at.into(),
            what: sentence(&movement.what).trim_end_matches('.').to_owned(),
            giveaway,
            account: match movement.account.as_str() {
                "available" => "Available",
                "held" => "Held",
                _ => "Owed",
            },
            amount: shown(movement.amount),
            after: shown(movement.balance_after),
        }
    }
}
