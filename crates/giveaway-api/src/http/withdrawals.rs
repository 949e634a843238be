//! `/wallet/withdrawals`, and where they go.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::{
    document::{IdempotencyHeader, PageQuery},
    http::{Idempotent, Json, Problem},
};

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

/// Shows where withdrawals go.
#[utoipa::path(
    get, path = "/wallet/payout-destination", tag = "Withdrawals", operation_id = "showPayoutDestination",
    security(("host" = [])),
    responses(
        (status = 200, description = "The destination", body = DestinationView),
    )
)]
pub(crate) async fn destination(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
) -> Result<Json<DestinationView>, Problem> {
    Ok(Json(show_destination(&service, host).await?))
}

/// Names where withdrawals go.
///
/// A new one counts after a cooling-off time, so that whoever stole a token cannot empty the wallet
/// unseen; until then the old one stays in force.
#[utoipa::path(
    put, path = "/wallet/payout-destination", tag = "Withdrawals", operation_id = "namePayoutDestination",
    security(("host" = [])),
    request_body = NewDestination,
    responses(
        (status = 200, description = "The destination", body = DestinationView),
    )
)]
pub(crate) async fn name(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Json(new): Json<NewDestination>,
) -> Result<Json<DestinationView>, Problem> {
    Ok(Json(name_destination(&service, host, new).await?))
}

/// Withdraws money.
///
/// The amount is set aside, and on its way to the payout destination.
#[utoipa::path(
    post, path = "/wallet/withdrawals", tag = "Withdrawals", operation_id = "withdraw",
    security(("host" = [])),
    params(IdempotencyHeader),
    request_body = NewWithdrawal,
    responses(
        (status = 202, description = "The withdrawal", body = WithdrawalView),
        (status = 409, description = "`insufficient_funds`: the wallet has less; `needed` and `available` say how much. `no_payout_destination`: there is nowhere to send it. `payouts_blocked`: money left the wallet without an explanation, and an operator has to look into it"),
    )
)]
pub(crate) async fn create(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    request: Idempotent<NewWithdrawal>,
) -> Result<(StatusCode, Json<WithdrawalView>), Problem> {
    let view = withdraw(&service, host, request.body, &request.key).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Lists withdrawals, the latest first.
#[utoipa::path(
    get, path = "/wallet/withdrawals", tag = "Withdrawals", operation_id = "listWithdrawals",
    security(("host" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of withdrawals", body = Page<WithdrawalView>),
    )
)]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    paging: Paging<WithdrawalId>,
) -> Result<Json<Page<WithdrawalView>>, Problem> {
    let items = list_withdrawals(&service, host, paging.after, paging.limit).await?;
    Ok(Json(Page::new(items, paging.limit, |item| item.id)))
}

/// Shows a withdrawal.
#[utoipa::path(
    get, path = "/wallet/withdrawals/{id}", tag = "Withdrawals", operation_id = "showWithdrawal",
    security(("host" = [])),
    params(("id" = WithdrawalId, Path, description = "The withdrawal")),
    responses(
        (status = 200, description = "The withdrawal", body = WithdrawalView),
    )
)]
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<WithdrawalId>,
) -> Result<Json<WithdrawalView>, Problem> {
    Ok(Json(read_withdrawal(&service, host, id).await?))
}

/// Lists withdrawals that are not over, the oldest first.
///
/// The oldest hundred.
#[utoipa::path(
    get, path = "/admin/withdrawals", tag = "Operation", operation_id = "listWithdrawalsUnderWay",
    security(("operator" = [])),
    responses(
        (status = 200, description = "The withdrawals", body = Page<WithdrawalView>),
    )
)]
pub(crate) async fn under_way(
    State(service): State<Arc<Service>>,
    _: Admin,
) -> Result<Json<Page<WithdrawalView>>, Problem> {
    Ok(Json(Page::with_next(list_under_way(&service, SHOWN).await?, None)))
}

/// Ends a withdrawal that nothing else can end.
///
/// One that the provider does not show, and that may not be sent any more: it has failed then, and
/// the money is back in the wallet.
#[utoipa::path(
    post, path = "/admin/withdrawals/{id}/resolve", tag = "Operation", operation_id = "resolveWithdrawal",
    security(("operator" = [])),
    params(("id" = WithdrawalId, Path, description = "The withdrawal"), IdempotencyHeader),
    request_body = Resolution,
    responses(
        (status = 200, description = "The withdrawal", body = WithdrawalView),
        (status = 409, description = "`withdrawal_live`: it may still come to an end by itself"),
    )
)]
pub(crate) async fn resolve(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(id): Id<WithdrawalId>,
    request: Idempotent<Resolution>,
) -> Result<Json<WithdrawalView>, Problem> {
    Ok(Json(resolve_withdrawal(&service, id, request.body, &request.key).await?))
}

/// Lets money leave a wallet again.
///
/// After money that left without an explanation was looked into.
#[utoipa::path(
    post, path = "/admin/hosts/{id}/unblock-payouts", tag = "Operation", operation_id = "unblockPayouts",
    security(("operator" = [])),
    params(("id" = HostId, Path, description = "The host")),
    responses(
        (status = 204, description = "It may leave"),
        (status = 409, description = "`not_blocked`: nothing held it back"),
    )
)]
pub(crate) async fn unblock(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(host): Id<HostId>,
) -> Result<StatusCode, Problem> {
    unblock_payouts(&service, host).await?;
    Ok(StatusCode::NO_CONTENT)
}
