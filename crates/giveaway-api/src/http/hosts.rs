//! `/hosts`: the administrator makes hosts and issues their tokens; a host looks at itself.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::StatusCode;
use platform::{
    document::IdempotencyHeader,
    http::{Idempotent, Json, Problem},
};
use serde::Serialize;
use utoipa::ToSchema;

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

/// Makes a host.
///
/// A host runs giveaways from a wallet of its own. It has no token yet: issue one.
#[utoipa::path(
    post, path = "/hosts", tag = "Hosts", operation_id = "createHost",
    security(("operator" = [])),
    params(IdempotencyHeader),
    request_body = NewHost,
    responses(
        (status = 201, description = "The host", body = HostView),
    )
)]
pub(crate) async fn create(
    State(service): State<Arc<Service>>,
    _: Admin,
    request: Idempotent<NewHost>,
) -> Result<Response, Problem> {
    stored(create_host(&service, request.body, &request.key).await?)
}

/// A token, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct Token {
    token: String,
}

/// Issues a token of a host.
///
/// It is shown this once, and only its hash is kept. Tokens that were issued before stay valid.
#[utoipa::path(
    post, path = "/hosts/{id}/tokens", tag = "Hosts", operation_id = "issueHostToken",
    security(("operator" = [])),
    params(("id" = HostId, Path, description = "The host")),
    responses(
        (status = 201, description = "The token", body = Token),
    )
)]
pub(crate) async fn issue_token(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(host): Id<HostId>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    let token = issue_host_token(&service, host).await?;
    Ok((StatusCode::CREATED, Json(Token { token })))
}

/// Tells a host who it is.
#[utoipa::path(
    get, path = "/hosts/me", tag = "Hosts", operation_id = "showMe",
    security(("host" = [])),
    responses(
        (status = 200, description = "The host", body = HostView),
    )
)]
pub(crate) async fn me(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
) -> Result<Json<HostView>, Problem> {
    let row = host::find(service.db.read(), host).await.map_err(Problem::unexpected)?;
    let row = row.ok_or(Error::NotFound("host"))?;
    Ok(Json(row.into()))
}
