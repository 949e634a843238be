//! `/admin/invitations` and `/admin/accounts`: who may sign in.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::http::{Json, Problem};

use super::{auth::Admin, page::Id};
use crate::{
    actions::account::{
        disable_account::disable_account,
        invite::{InvitationView, NewInvitation, invite},
    },
    ids::AccountId,
    service::Service,
};

/// `POST /admin/invitations`
pub(crate) async fn create_invitation(
    State(service): State<Arc<Service>>,
    admin: Admin,
    Json(new): Json<NewInvitation>,
) -> Result<(StatusCode, Json<InvitationView>), Problem> {
    let invitation = invite(&service, admin.account, &new).await?;
    Ok((StatusCode::CREATED, Json(invitation)))
}

/// `POST /admin/accounts/{id}/disable`
pub(crate) async fn disable(
    State(service): State<Arc<Service>>,
    admin: Admin,
    Id(id): Id<AccountId>,
) -> Result<StatusCode, Problem> {
    disable_account(&service, admin.account, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
