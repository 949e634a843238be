//! `/api-keys`: a host lists and revokes its keys. They are made on the account's page, by a person.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::http::{Json, Problem};

use super::{
    auth::HostAuth,
    page::{Id, Page},
};
use crate::{
    actions::account::manage_keys::{KeyView, list_keys_of, revoke_key},
    domain::role::Role,
    ids::KeyId,
    service::Service,
};

/// Lists the host's keys.
///
/// The latest first, with the tokens that the operator issued; those that were revoked are left out. None of them is
/// shown again.
#[utoipa::path(
    get, path = "/api-keys", tag = "Accounts", operation_id = "listApiKeys",
    security(("host" = [])),
    responses(
        (status = 200, description = "All of them", body = Page<KeyView>),
    )
)]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
) -> Result<Json<Page<KeyView>>, Problem> {
    let keys = list_keys_of(&service, &[(Role::Host, host.0)]).await?;
    Ok(Json(Page::with_next(keys, None)))
}

/// Revokes a key.
///
/// At once, and also the one that asks. A key that was revoked is not there any more.
#[utoipa::path(
    delete, path = "/api-keys/{id}", tag = "Accounts", operation_id = "revokeApiKey",
    security(("host" = [])),
    params(("id" = KeyId, Path, description = "The key")),
    responses(
        (status = 204, description = "It is revoked"),
    )
)]
pub(crate) async fn revoke(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, Problem> {
    revoke_key(&service, None, &[(Role::Host, host.0)], id).await?;
    Ok(StatusCode::NO_CONTENT)
}
