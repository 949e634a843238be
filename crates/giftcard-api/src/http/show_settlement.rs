//! GET /settlements/{id}: a settlement with a page of its lines.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::http::{Json, Problem};
use serde::Serialize;
use uuid::Uuid;

use super::{Handled, auth::MerchantAuth, id, list::List, no_store};
use crate::{
    error::Error,
    service::Shared,
    store::{line, settlement},
    views::{LineView, Page, SettlementView},
};

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    settlement: SettlementView,
    lines: Page<LineView>,
}

pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(settlement): Path<String>,
    list: List,
) -> Handled<impl IntoResponse> {
    let conn = service.db.read();
    let found = settlement::find(conn, id(&settlement, "settlement")?)
        .await
        .map_err(Error::from)?
        .filter(|found| found.merchant_id == merchant)
        .ok_or_else(|| Problem::not_found("there is no such settlement"))?;
    let after: Option<Uuid> = list.after()?;
    let lines = line::page_of(conn, found.id, after, list.limit + 1).await.map_err(Error::from)?;
    let lines = Page::of(lines, list.limit, |row| row.id.to_string(), LineView::new)?;
    Ok(no_store(Json(Shown { settlement: SettlementView::new(found)?, lines })))
}
