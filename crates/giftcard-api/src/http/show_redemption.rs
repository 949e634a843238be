//! GET /redemptions/{id}: a redemption with its reversals.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use platform::http::{Json, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Handled, auth::MerchantAuth, id, no_store};
use crate::{
    domain::ids::RedemptionId,
    error::{Error, Result},
    service::Shared,
    store::{redemption, reversal},
    views::{RedemptionView, ReversalView},
};

/// Reversals shown: more than one or two are rare.
const REVERSALS: u64 = 100;

/// A redemption and what was taken back of it.
#[derive(Serialize, ToSchema)]
#[schema(as = RedemptionWithReversals)]
struct Shown {
    #[serde(flatten)]
    redemption: RedemptionView,
    /// What was taken back: the first hundred.
    reversals: Vec<ReversalView>,
}

/// Shows a redemption with its reversals.
#[utoipa::path(
    get, path = "/redemptions/{id}", tag = "Tills", operation_id = "showRedemption",
    security(("merchant" = [])),
    params(("id" = RedemptionId, Path, description = "The redemption")),
    responses(
        (status = 200, description = "The redemption", body = Shown),
    )
)]
pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(redemption): Path<String>,
) -> Handled<impl IntoResponse> {
    let conn = service.db.read();
    let found = redemption::find(conn, merchant, id(&redemption, "redemption")?)
        .await
        .map_err(Error::from)?
        .ok_or_else(|| Problem::not_found("there is no such redemption"))?;
    let reversals = reversal::of(conn, found.id, REVERSALS).await.map_err(Error::from)?;
    let reversals = reversals.iter().map(ReversalView::new).collect::<Result<_>>()?;
    let shown = Shown { redemption: RedemptionView::new(found, None)?, reversals };
    Ok(no_store(Json(shown)))
}
