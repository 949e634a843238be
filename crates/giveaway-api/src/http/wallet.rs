//! `/wallet`: a host's balances and top-ups.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::http::{Idempotent, Json, Problem};
use serde::Serialize;

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
#[derive(Serialize)]
pub(crate) struct Wallet {
    balances: Vec<Balance>,
}

/// `GET /wallet`
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
) -> Result<Json<Wallet>, Problem> {
    Ok(Json(Wallet { balances: balances(&service, host).await? }))
}

/// `POST /wallet/top-ups`
pub(crate) async fn top_up(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    request: Idempotent<NewTopUp>,
) -> Result<(StatusCode, Json<TopUpView>), Problem> {
    let view = top_up_wallet(&service, host, request.body, &request.key).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// `GET /wallet/top-ups/{id}`
pub(crate) async fn show_top_up(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<TopUpId>,
) -> Result<Json<TopUpView>, Problem> {
    Ok(Json(read_top_up(&service, host, id).await?))
}
