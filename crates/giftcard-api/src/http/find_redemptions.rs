//! GET /redemptions: the merchant's redemptions, the newest first, or the one with an external id:
//! that is how a till that crashed learns what became of its request.

use axum::{
    extract::{Query, State},
    response::IntoResponse,
};
use platform::{
    document::PageQuery,
    http::{Json, Problem},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Handled, auth::MerchantAuth, list::List, no_store};
use crate::{
    error::Error,
    service::Shared,
    store::redemption,
    views::{Page, RedemptionView},
};

/// Which of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only the one that the till gave this name.
    pub(crate) external_id: Option<String>,
}

/// Lists redemptions, the newest first.
///
/// Or the one with an external id: that is how a till that crashed learns what became of its request.
#[utoipa::path(
    get, path = "/redemptions", tag = "Tills", operation_id = "listRedemptions",
    security(("merchant" = [])),
    params(PageQuery, Which),
    responses(
        (status = 200, description = "A page of redemptions", body = Page<RedemptionView>),
    )
)]
pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    list: List,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Handled<impl IntoResponse> {
    let Query(which) =
        which.map_err(|_| Problem::invalid_field("/external_id", "cannot be read"))?;
    let conn = service.db.read();
    let rows = match which.external_id {
        Some(external_id) => redemption::by_external_id(conn, merchant, &external_id)
            .await
            .map(|found| found.into_iter().collect()),
        None => redemption::page(conn, merchant, list.after()?, list.limit + 1).await,
    }
    .map_err(Error::from)?;
    let cursor = |row: &redemption::Redemption| row.id.to_string();
    let page = Page::of(rows, list.limit, cursor, |row| RedemptionView::new(row, None))?;
    Ok(no_store(Json(page)))
}
