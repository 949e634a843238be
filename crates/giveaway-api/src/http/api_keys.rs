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

/// `GET /api-keys`: the latest first.
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
) -> Result<Json<Page<KeyView>>, Problem> {
    let keys = list_keys_of(&service, &[(Role::Host, host.0)]).await?;
    Ok(Json(Page::with_next(keys, None)))
}

/// `DELETE /api-keys/{id}`
pub(crate) async fn revoke(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, Problem> {
    revoke_key(&service, None, &[(Role::Host, host.0)], id).await?;
    Ok(StatusCode::NO_CONTENT)
}
