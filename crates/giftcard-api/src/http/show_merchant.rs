//! GET /merchants/me: the merchant itself, with what its next settlements come to.

use axum::{extract::State, response::IntoResponse};
use platform::http::{Json, Problem};

use super::{Handled, auth::MerchantAuth, no_store};
use crate::{
    actions::payout_destination::NextDestination,
    error::Error,
    service::Shared,
    store::{line, merchant, money, payout},
    views::MerchantView,
};

/// Tells a merchant who it is.
///
/// With what its next settlements come to, and where they go.
#[utoipa::path(
    get, path = "/merchants/me", tag = "Merchants", operation_id = "showMe",
    security(("merchant" = [])),
    responses(
        (status = 200, description = "The merchant", body = MerchantView),
    )
)]
pub(crate) async fn handle(
    MerchantAuth(id): MerchantAuth,
    State(service): State<Shared>,
) -> Handled<impl IntoResponse> {
    let found = merchant::find(service.db.read(), id).await.map_err(Error::from)?;
    let mut merchant = found.ok_or_else(Problem::unauthorized)?;
    let (conn, now_ms) = (service.db.read(), service.now_ms());
    merchant.payout_destination =
        payout::in_force(conn, &merchant, now_ms).await.map_err(Error::from)?;
    let next = payout::cooling(conn, id, now_ms).await.map_err(Error::from)?;
    let waiting = line::waiting_sums(service.db.read(), Some(id)).await.map_err(Error::from)?;
    let due = waiting
        .iter()
        .map(|waiting| money(waiting.minor, &waiting.currency))
        .collect::<anyhow::Result<_>>()
        .map_err(Problem::unexpected)?;
    Ok(no_store(Json(MerchantView::new(merchant, next.map(NextDestination::new), due))))
}
