//! GET /merchant: where a merchant begins.

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    Frame,
    chart::{Chart, charts, first_day},
    fault::Fault,
    frame, page,
    redemptions::{DAY_MS, Row, rows},
    session::AtTill,
};
use crate::{
    domain::product::ProductState,
    service::Shared,
    store::{line, merchant, money, product, redemption},
};

/// Redemptions shown.
const RECENT: u64 = 5;

/// Products that are counted: a merchant has a handful.
const PRODUCTS: u64 = 100;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    name: String,
    is_closed: bool,
    is_blocked: bool,
    due: Vec<String>,
    products: Vec<String>,
    rows: Vec<Row>,
    charts: Vec<Chart>,
}

pub(crate) async fn show(
    AtTill(id): AtTill,
    State(service): State<Shared>,
) -> Result<Response, Fault> {
    let (conn, now_ms) = (service.db.read(), service.now_ms());
    let merchant = merchant::find(conn, id).await?.ok_or(Fault::SignedOut)?;
    let waiting = line::waiting_sums(conn, Some(id)).await?;
    let due = waiting.iter().map(|sum| Ok(money(sum.minor, &sum.currency)?.to_string()));
    let due = due.collect::<anyhow::Result<_>>().map_err(Fault::unexpected)?;
    let products = product::page(conn, Some(id), None, PRODUCTS).await?;
    let products = products.into_iter().filter(|product| product.state == ProductState::Active);
    let recent = redemption::page(conn, id, None, RECENT).await?;
    let daily = redemption::by_day(conn, id, first_day(now_ms) * DAY_MS).await?;
    page(&HomePage {
        frame: frame(&service),
        name: merchant.name,
        is_closed: merchant.closed_at.is_some(),
        is_blocked: merchant.blocked_at.is_some(),
        due,
        products: products.map(|product| product.name).collect(),
        rows: rows(recent)?,
        charts: charts(&daily, now_ms).map_err(Fault::unexpected)?,
    })
}
