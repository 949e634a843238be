//! GET /settlements and GET /admin/settlements: the newest first.

use axum::{extract::State, response::IntoResponse};
use platform::http::Json;

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

/// The merchant's own.
pub(crate) async fn own(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    page(&service, Some(merchant), &list).await
}

/// Those of all merchants.
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
