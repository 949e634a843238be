//! An administrator invites somebody to a merchant's till, or to look after the installation.

use contracts::mail;
use platform::clock::from_millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::limits;
use crate::{
    actions::mails,
    domain::{address::Address, role::Role},
    error::{Error, Result},
    ids::{AccountId, InvitationId, MerchantId},
    service::Service,
    store::{audit_entry, invitation},
};

/// Whom to invite, and to what.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Where the invitation is mailed to.
    #[schema(format = "email", max_length = 2048, example = "bo@example.org")]
    pub email: String,
    /// The merchant at whose till they will stand; without one they look after the installation.
    #[serde(default)]
    pub merchant_id: Option<MerchantId>,
}

/// An address has no place in a log.
impl std::fmt::Debug for NewInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewInvitation")
            .field("merchant_id", &self.merchant_id)
            .finish_non_exhaustive()
    }
}

/// An invitation that is on its way.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InvitationView {
    /// Its id.
    pub id: InvitationId,
    /// The role that is offered.
    pub role: Role,
    /// When it was made.
    pub created_at: jiff::Timestamp,
}

/// Invites somebody. The link that they get lets them choose a password, or use the one that they have.
///
/// # Errors
/// What is no address; too many mails to it.
pub async fn invite(
    service: &Service,
    by: Option<AccountId>,
    new: &NewInvitation,
) -> Result<InvitationView> {
    let address =
        Address::of(&new.email).map_err(|error| Error::field("/email", error.to_string()))?;
    if !limits::may_mail(service, address.canonical.as_str()).await {
        return Err(Error::state(
            "too_many_mails",
            "this address got too many mails within the hour",
        ));
    }
    let (role, owner) = match new.merchant_id {
        Some(merchant) => (Role::Merchant, merchant.0),
        None => (Role::Admin, Uuid::nil()),
    };
    let (id, now) = (InvitationId::new(), service.clock.now());
    let row = invitation::Model {
        id: id.0,
        person: Some(address.canonical.as_str().to_owned()),
        mailbox: Some(address.mailbox),
        role: role.as_str().to_owned(),
        owner_id: owner,
        invited_by: by.map_or_else(|| "operator".to_owned(), |by| by.to_string()),
        created_at: now.as_millisecond(),
        accepted_at: None,
    };
    let tx = service.db.begin("invite").await?;
    invitation::insert(&tx, row).await?;
    audit_entry::record(&tx, by, "invited", &id.to_string(), now).await?;
    mails::to_invited(&tx, id, mail::INVITATION, now).await?;
    tx.commit().await?;
    service.wake_relay();
    Ok(InvitationView { id, role, created_at: from_millis(now.as_millisecond()) })
}
