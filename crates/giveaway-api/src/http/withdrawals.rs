//! `/wallet/withdrawals`, and where they go.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::http::{Idempotent, Json, Problem};

use super::{
    auth::{Admin, HostAuth},
    page::{Id, Page, Paging},
};
use crate::{
    actions::{
        payout_destination::{DestinationView, NewDestination, name_destination, show_destination},
        resolve_withdrawal::{Resolution, resolve_withdrawal, unblock_payouts},
        withdraw::{
            NewWithdrawal, WithdrawalView, list_under_way, list_withdrawals, read_withdrawal,
            withdraw,
        },
    },
    ids::{HostId, WithdrawalId},
    service::Service,
};

/// What is shown to the operator of a list without pages.
const SHOWN: u64 = 100;

/// `GET /wallet/payout-destination`
pub(crate) async fn destination(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
) -> Result<Json<DestinationView>, Problem> {
    Ok(Json(show_destination(&service, host).await?))
}

/// `PUT /wallet/payout-destination`
pub(crate) async fn name(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Json(new): Json<NewDestination>,
) -> Result<Json<DestinationView>, Problem> {
    Ok(Json(name_destination(&service, host, new).await?))
}

/// `POST /wallet/withdrawals`
pub(crate) async fn create(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    request: Idempotent<NewWithdrawal>,
) -> Result<(StatusCode, Json<WithdrawalView>), Problem> {
    let view = withdraw(&service, host, request.body, &request.key).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// `GET /wallet/withdrawals`
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    paging: Paging<WithdrawalId>,
) -> Result<Json<Page<WithdrawalView>>, Problem> {
    let items = list_withdrawals(&service, host, paging.after, paging.limit).await?;
    Ok(Json(Page::new(items, paging.limit, |item| item.id)))
}

/// `GET /wallet/withdrawals/{id}`
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<WithdrawalId>,
) -> Result<Json<WithdrawalView>, Problem> {
    Ok(Json(read_withdrawal(&service, host, id).await?))
}

/// `GET /admin/withdrawals`: those that are not over, the oldest first.
pub(crate) async fn under_way(
    State(service): State<Arc<Service>>,
    _: Admin,
) -> Result<Json<Page<WithdrawalView>>, Problem> {
    Ok(Json(Page::with_next(list_under_way(&service, SHOWN).await?, None)))
}

/// `POST /admin/withdrawals/{id}/resolve`
pub(crate) async fn resolve(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(id): Id<WithdrawalId>,
    request: Idempotent<Resolution>,
) -> Result<Json<WithdrawalView>, Problem> {
    Ok(Json(resolve_withdrawal(&service, id, request.body, &request.key).await?))
}

/// `POST /admin/hosts/{id}/unblock-payouts`
pub(crate) async fn unblock(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(host): Id<HostId>,
) -> Result<StatusCode, Problem> {
    unblock_payouts(&service, host).await?;
    Ok(StatusCode::NO_CONTENT)
}
