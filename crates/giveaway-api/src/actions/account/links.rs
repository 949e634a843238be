//! Links that are mailed to people with accounts. None is stored: each is bound to the version of the
//! account's credentials, so that it ends with the first change and works once.

use jiff::SignedDuration;
use platform::token::{BadLink, claimed_subject, mint_link, open_link};

use crate::{
    error::{Error, Result},
    ids::{AccountId, InvitationId},
    service::Service,
    store::account,
};

/// What a link is for, in its MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Proves the address of a new account.
    Verify,
    /// Sets a new password.
    Reset,
    /// Goes on with a code after the right password. Never mailed: it is in a form's hidden field.
    Code,
}

/// Long enough to find the mail among others on the next day.
const VERIFY_LASTS: SignedDuration = SignedDuration::from_hours(24);

/// As short as slow mail allows: whoever reads it takes the account over.
const RESET_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// Long enough to find the telephone.
const CODE_LASTS: SignedDuration = SignedDuration::from_mins(5);

/// A week: people who are invited are not waiting for it.
pub(super) const INVITATION_LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Verify => "account-verify",
            Self::Reset => "account-reset",
            Self::Code => "account-code",
        }
    }

    /// How long its links work.
    pub(super) const fn lasts(self) -> SignedDuration {
        match self {
            Self::Verify => VERIFY_LASTS,
            Self::Reset => RESET_LASTS,
            Self::Code => CODE_LASTS,
        }
    }
}

/// Mints a link's token for an account as it is now.
pub fn mint(service: &Service, purpose: Purpose, account: &account::Model) -> String {
    let until = service.clock.now() + purpose.lasts();
    mint_link(&service.link_key, &bound(purpose, account), account.id, until)
}

/// The account that a link is for, if the link still counts.
///
/// # Errors
/// A link that is not ours, has expired, or was minted before something changed.
pub(super) async fn open(
    service: &Service,
    purpose: Purpose,
    token: &str,
) -> Result<account::Model> {
    let claimed = claimed_subject(token).ok_or_else(not_ours)?;
    let found = account::find(service.db.read(), AccountId(claimed)).await?;
    let found = found.filter(|account| account.disabled_at.is_none()).ok_or_else(not_ours)?;
    check(service, purpose, token, &found)?;
    Ok(found)
}

/// Whether a link still counts for this account, as it was just loaded.
pub(super) fn check(
    service: &Service,
    purpose: Purpose,
    token: &str,
    account: &account::Model,
) -> Result<()> {
    let now = service.clock.now();
    match open_link(&service.link_key, &bound(purpose, account), token, now) {
        Ok(link) if link.subject == account.id => Ok(()),
        Ok(_) | Err(BadLink::Invalid) => Err(not_ours()),
        Err(BadLink::Expired) => Err(expired()),
    }
}

/// What a person is told whose link does not count: it may have done its work.
fn not_ours() -> Error {
    Error::gone("link_used", "this link is not valid, or it has done its work")
}

fn expired() -> Error {
    Error::gone("link_expired", "this link has expired; ask for a new one")
}

fn bound(purpose: Purpose, account: &account::Model) -> String {
    format!("{}:{}", purpose.name(), account.credentials)
}

const INVITATION: &str = "account-invitation";

/// Mints the token of an invitation's link.
pub(super) fn mint_invitation(
    key: &platform::keys::Key,
    id: InvitationId,
    now: jiff::Timestamp,
) -> String {
    mint_link(key, INVITATION, id.0, now + INVITATION_LASTS)
}

/// The invitation that a link is for.
pub(super) fn open_invitation(service: &Service, token: &str) -> Result<InvitationId> {
    match open_link(&service.link_key, INVITATION, token, service.clock.now()) {
        Ok(link) => Ok(InvitationId(link.subject)),
        Err(BadLink::Invalid) => Err(not_ours()),
        Err(BadLink::Expired) => {
            Err(Error::gone("link_expired", "this invitation has expired; ask for a new one"))
        }
    }
}

/// What a link's address is.
pub(super) fn address(public_url: &str, path: &str, token: &str) -> String {
    format!("{public_url}/{path}?t={token}")
}
