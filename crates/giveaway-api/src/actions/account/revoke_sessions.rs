//! Somebody signs another browser out, or all of them.

use crate::{
    error::{Error, Result},
    ids::{AccountId, SessionId},
    service::Service,
    store::{audit_entry, session},
};

/// Ends one of the account's sessions. Somebody else's looks like none.
///
/// # Errors
/// When the account has no such session.
pub async fn revoke_session(service: &Service, account: AccountId, id: SessionId) -> Result<()> {
    let now = service.clock.now();
    let tx = service.db.begin("revoke_session").await?;
    if !session::revoke(&tx, account, id, now).await? {
        return Err(Error::NotFound("session"));
    }
    audit_entry::record(&tx, Some(account), "session_revoked", &id.to_string(), now).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends all of the account's sessions, this one as well.
///
/// # Errors
/// When the database fails.
pub async fn revoke_all_sessions(service: &Service, account: AccountId) -> Result<()> {
    let now = service.clock.now();
    let tx = service.db.begin("revoke_all_sessions").await?;
    session::revoke_all(&tx, account, now).await?;
    audit_entry::record(&tx, Some(account), "all_sessions_revoked", "", now).await?;
    tx.commit().await?;
    Ok(())
}
