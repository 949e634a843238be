//! GET /settlements and GET /admin/settlements: the newest first.

use axum::{extract::State, response::IntoResponse};
use platform::{document::PageQuery, http::Json};

use super::{
    Handled,
    auth::{Admin, MerchantAuth},
    list::List,
    no_store,
};
use crate::{
    domain::ids::MerchantId,
    error::Error,
    service::{Service, Shared},
    store::settlement,
    views::{Page, SettlementView},
};

/// Lists settlements, the newest first.
#[utoipa::path(
    get, path = "/settlements", tag = "Settlements", operation_id = "listSettlements",
    security(("merchant" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of settlements", body = Page<SettlementView>),
    )
)]
pub(crate) async fn own(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    page(&service, Some(merchant), &list).await
}

/// Lists the settlements of all merchants, the newest first.
#[utoipa::path(
    get, path = "/admin/settlements", tag = "Operation", operation_id = "listAllSettlements",
    security(("operator" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of settlements", body = Page<SettlementView>),
    )
)]
pub(crate) async fn all(
    _: Admin,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    page(&service, None, &list).await
}

async fn page(
    service: &Service,
    merchant: Option<MerchantId>,
    list: &List,
) -> Handled<impl IntoResponse + use<>> {
    let rows = settlement::page(service.db.read(), merchant, list.after()?, list.limit + 1)
        .await
        .map_err(Error::from)?;
    let cursor = |row: &settlement::Settlement| row.id.to_string();
    Ok(no_store(Json(Page::of(rows, list.limit, cursor, SettlementView::new)?)))
}
