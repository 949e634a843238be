//! `/hosts`: the administrator makes hosts and issues their tokens; a host looks at itself.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use platform::http::{Idempotent, Json, Problem};
use serde::Serialize;

use super::{
    answer::stored,
    auth::{Admin, HostAuth},
    page::Id,
};
use crate::{
    actions::create_host::{HostView, NewHost, create_host, issue_host_token},
    error::Error,
    ids::HostId,
    service::Service,
    store::host,
};

/// `POST /hosts`
pub(crate) async fn create(
    State(service): State<Arc<Service>>,
    _: Admin,
    request: Idempotent<NewHost>,
) -> Result<Response, Problem> {
    stored(create_host(&service, request.body, &request.key).await?)
}

/// A token, shown this once.
#[derive(Serialize)]
pub(crate) struct Token {
    token: String,
}

/// `POST /hosts/{id}/tokens`
pub(crate) async fn issue_token(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(host): Id<HostId>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    let token = issue_host_token(&service, host).await?;
    Ok((StatusCode::CREATED, Json(Token { token })))
}

/// `GET /hosts/me`
pub(crate) async fn me(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
) -> Result<Json<HostView>, Problem> {
    let row = host::find(service.db.read(), host).await.map_err(Problem::unexpected)?;
    let row = row.ok_or(Error::NotFound("host"))?;
    Ok(Json(row.into()))
}
