//! GET /settlements/{id}: a settlement with a page of its lines.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::{
    document::PageQuery,
    http::{Json, Problem},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Handled, auth::MerchantAuth, id, list::List, no_store};
use crate::{
    domain::ids::SettlementId,
    error::Error,
    service::Shared,
    store::{line, settlement},
    views::{LineView, Page, SettlementView},
};

/// A settlement and what it consists of.
#[derive(Serialize, ToSchema)]
#[schema(as = SettlementWithLines)]
struct Shown {
    #[serde(flatten)]
    settlement: SettlementView,
    /// A page of its lines.
    lines: Page<LineView>,
}

/// Shows a settlement with a page of its lines.
#[utoipa::path(
    get, path = "/settlements/{id}", tag = "Settlements", operation_id = "showSettlement",
    security(("merchant" = [])),
    params(("id" = SettlementId, Path, description = "The settlement"), PageQuery),
    responses(
        (status = 200, description = "The settlement", body = Shown),
    )
)]
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
