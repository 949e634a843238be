//! `/wallet`: a host's balances and top-ups.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::{
    document::IdempotencyHeader,
    http::{Idempotent, Json, Problem},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{auth::HostAuth, page::Id};
use crate::{
    actions::{
        top_up_wallet::{NewTopUp, TopUpView, read_top_up, top_up_wallet},
        wallet::{Balance, balances},
    },
    ids::TopUpId,
    service::Service,
};

/// What a host has.
#[derive(Serialize, ToSchema)]
pub(crate) struct Wallet {
    balances: Vec<Balance>,
}

/// Shows what a host has.
///
/// Each currency has a balance of its own: what can be spent, what is set aside for giveaways and
/// withdrawals, and what is owed since a payment was taken back.
#[utoipa::path(
    get, path = "/wallet", tag = "Wallet", operation_id = "showWallet",
    security(("host" = [])),
    responses(
        (status = 200, description = "The balances", body = Wallet),
    )
)]
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
) -> Result<Json<Wallet>, Problem> {
    Ok(Json(Wallet { balances: balances(&service, host).await? }))
}

/// Begins a top-up.
///
/// The answer says where to pay. The money is in the wallet once the provider says that it came,
/// which a look at the top-up tells.
#[utoipa::path(
    post, path = "/wallet/top-ups", tag = "Wallet", operation_id = "topUp",
    security(("host" = [])),
    params(IdempotencyHeader),
    request_body = NewTopUp,
    responses(
        (status = 201, description = "The top-up, and where to pay", body = TopUpView),
        (status = 409, description = "`checkout_refused`: the provider does not take this payment"),
    )
)]
pub(crate) async fn top_up(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    request: Idempotent<NewTopUp>,
) -> Result<(StatusCode, Json<TopUpView>), Problem> {
    let view = top_up_wallet(&service, host, request.body, &request.key).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Shows a top-up.
///
/// `paid` once the money came; `failed` when it was refused, and once its page has expired.
#[utoipa::path(
    get, path = "/wallet/top-ups/{id}", tag = "Wallet", operation_id = "showTopUp",
    security(("host" = [])),
    params(("id" = TopUpId, Path, description = "The top-up")),
    responses(
        (status = 200, description = "The top-up", body = TopUpView),
        (status = 503, description = "`unavailable`: the provider does not answer"),
    )
)]
pub(crate) async fn show_top_up(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<TopUpId>,
) -> Result<Json<TopUpView>, Problem> {
    Ok(Json(read_top_up(&service, host, id).await?))
}
