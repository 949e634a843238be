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

/// Invites somebody.
///
/// To a merchant's till, or without `merchant_id` to look after the installation. The link in the mail works once, for
/// a week.
#[utoipa::path(
    post, path = "/admin/invitations", tag = "Accounts", operation_id = "inviteSomebody",
    security(("operator" = [])),
    request_body = NewInvitation,
    responses(
        (status = 201, description = "It is on its way", body = InvitationView),
    )
)]
pub(crate) async fn create_invitation(
    State(service): State<Arc<Service>>,
    admin: Admin,
    Json(new): Json<NewInvitation>,
) -> Result<(StatusCode, Json<InvitationView>), Problem> {
    let invitation = invite(&service, admin.account, &new).await?;
    Ok((StatusCode::CREATED, Json(invitation)))
}

/// Shuts an account.
///
/// Its sessions end, and the keys that it made are revoked. Shutting it again changes nothing.
#[utoipa::path(
    post, path = "/admin/accounts/{id}/disable", tag = "Accounts", operation_id = "disableAccount",
    security(("operator" = [])),
    params(("id" = inline(AccountId), Path, description = "The account")),
    responses(
        (status = 204, description = "It is shut"),
        (status = 409, description = "`own_account`: it is the one that asks"),
    )
)]
pub(crate) async fn disable(
    State(service): State<Arc<Service>>,
    admin: Admin,
    Id(id): Id<AccountId>,
) -> Result<StatusCode, Problem> {
    disable_account(&service, admin.account, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
