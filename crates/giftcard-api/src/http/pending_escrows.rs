//! GET /admin/escrows/pending: escrows that wait for their saga, the oldest first.

use axum::{extract::State, response::IntoResponse};
use platform::{document::PageQuery, http::Json};

use super::{Handled, auth::Admin, list::List};
use crate::{
    error::Error,
    service::Shared,
    store::escrow,
    views::{Page, PendingEscrowView},
};

/// Lists prizes that wait for their giveaway, the oldest first.
///
/// Their funds were reserved, and nobody has said yet whether they are paid for.
#[utoipa::path(
    get, path = "/admin/escrows/pending", tag = "Operation", operation_id = "listPendingEscrows",
    security(("operator" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of escrows", body = Page<PendingEscrowView>),
    )
)]
pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    let rows = escrow::pending(service.db.read(), list.after()?, list.limit + 1)
        .await
        .map_err(Error::from)?;
    let cursor = |row: &escrow::Escrow| row.id.to_string();
    Ok(Json(Page::of(rows, list.limit, cursor, PendingEscrowView::new)?))
}
