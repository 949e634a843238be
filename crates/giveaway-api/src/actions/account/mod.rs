//! What people do with their accounts. All of it counts attempts, answers alike whether an address is
//! known or not, and is written into the audit log in the transaction that does it.

pub mod accept_invitation;
pub mod change_password;
pub mod confirm_identity;
pub mod disable_account;
pub mod first_admin;
pub mod invite;
pub(crate) mod limits;
pub mod links;
pub mod manage_keys;
pub mod register;
pub mod reset_password;
pub mod revoke_sessions;
pub mod show_account;
pub mod sign_in;
pub mod two_step;
pub mod verify_address;
pub mod who_is;
pub(crate) mod write_mails;

use jiff::Timestamp;
use platform::token::new_bearer;

use crate::{
    domain::session::ABSOLUTE,
    error::Result,
    ids::{AccountId, SessionId},
    store::session,
};

/// A session that was just opened. Its value goes into the cookie and nowhere else.
#[derive(Clone)]
pub struct Opened {
    /// The cookie's value.
    pub value: String,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Opens a session for somebody who showed who they are. The session that the browser had ends with it,
/// whosever it was: nobody goes on under an id that was known before.
async fn open_session(
    tx: &platform::Tx,
    account: AccountId,
    before: Option<&[u8; 32]>,
    now: Timestamp,
) -> Result<Opened> {
    if let Some(before) = before {
        session::revoke_hash(tx, before, now).await?;
    }
    let (value, hash) = new_bearer("session");
    let expires_at = now + ABSOLUTE;
    let row = session::Model {
        hash: hash.to_vec(),
        id: SessionId::new().0,
        account_id: account.0,
        created_at: now.as_millisecond(),
        authenticated_at: now.as_millisecond(),
        last_seen_at: now.as_millisecond(),
        expires_at: expires_at.as_millisecond(),
        revoked_at: None,
    };
    session::insert(tx, row).await?;
    Ok(Opened { value, expires_at })
}
