//! GET /admin/escrows/pending: escrows that wait for their saga, the oldest first.

use axum::{extract::State, response::IntoResponse};
use platform::http::Json;

use super::{Handled, auth::Admin, list::List};
use crate::{
    error::Error,
    service::Shared,
    store::escrow,
    views::{Page, PendingEscrowView},
};

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
