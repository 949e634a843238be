//! What somebody sees of their own account.

use jiff::Timestamp;
use platform::clock::from_millis;

use super::manage_keys::{KeyView, list_keys};
use crate::{
    error::{Error, Result},
    ids::{AccountId, SessionId},
    service::Service,
    store::{account, account_role::Roles, audit_entry, recovery_code, session},
};

/// Sessions that are shown. Nobody has so many browsers; the others end by themselves.
const SESSIONS: u64 = 50;

/// Entries of the audit log that are shown.
const ENTRIES: u64 = 50;

/// An account as its owner sees it.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// What the person or the business is called.
    pub name: String,
    /// Where mail goes.
    pub mailbox: String,
    /// Whether signing in needs a code.
    pub has_totp: bool,
    /// Recovery codes that are left.
    pub recovery_codes: u64,
    /// Browsers that are signed in, the latest first.
    pub sessions: Vec<SessionView>,
    /// Keys of the API.
    pub keys: Vec<KeyView>,
    /// What was done, the latest first.
    pub entries: Vec<EntryView>,
}

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last here, to the minute.
    pub last_seen_at: Timestamp,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub struct EntryView {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: String,
    /// To what: an id, or nothing.
    pub subject: String,
}

/// Shows an account to its owner.
///
/// # Errors
/// When the database fails.
pub async fn show_account(
    service: &Service,
    id: AccountId,
    roles: &Roles,
    this: SessionId,
) -> Result<AccountView> {
    let conn = service.db.read();
    let row = account::find(conn, id).await?.ok_or(Error::NotFound("account"))?;
    let now = service.clock.now();
    let sessions = session::of_account(conn, id, SESSIONS).await?;
    let sessions = sessions.into_iter().filter(|row| row.times().is_alive(now)).map(|row| {
        let times = row.times();
        SessionView {
            id: row.session_id(),
            created_at: from_millis(row.created_at),
            last_seen_at: times.last_seen_at,
            is_this: row.session_id() == this,
        }
    });
    let entries = audit_entry::of_account(conn, id, ENTRIES).await?.into_iter().map(|entry| {
        EntryView { at: from_millis(entry.at), action: entry.action, subject: entry.subject }
    });
    Ok(AccountView {
        has_totp: row.has_totp(),
        recovery_codes: recovery_code::left(conn, id).await?,
        sessions: sessions.collect(),
        keys: list_keys(service, id, roles).await?,
        entries: entries.collect(),
        name: row.name,
        mailbox: row.mailbox,
    })
}
