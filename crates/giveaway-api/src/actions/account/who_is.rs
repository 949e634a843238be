//! Whose a session is: asked with every request of a page.

use jiff::Timestamp;

use crate::{
    error::Result,
    ids::{AccountId, SessionId},
    service::Service,
    store::{
        account,
        account_role::{self, Roles},
        session,
    },
};

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Who {
    /// The account.
    pub account: AccountId,
    /// What it is called.
    pub name: String,
    /// What it may be.
    pub roles: Roles,
    /// This browser.
    pub session: SessionId,
    /// When the person last showed who they are.
    pub authenticated_at: Timestamp,
    /// Whether that was a moment ago.
    pub is_recent: bool,
}

/// Whose session this is, if it counts. That it was used is written down once a minute.
///
/// # Errors
/// When the database fails.
pub async fn who_is(service: &Service, hash: &[u8; 32]) -> Result<Option<Who>> {
    let (conn, now) = (service.db.read(), service.clock.now());
    let Some(row) = session::find(conn, hash).await? else { return Ok(None) };
    let times = row.times();
    if !times.is_alive(now) {
        return Ok(None);
    }
    let id = AccountId(row.account_id);
    let Some(account) = account::find(conn, id).await?.filter(account::Model::is_usable) else {
        return Ok(None);
    };
    let roles = account_role::of(conn, id).await?;
    if times.is_news(now) {
        session::seen(service.db.write(), hash, now).await?;
    }
    Ok(Some(Who {
        account: id,
        name: account.name,
        roles,
        session: row.session_id(),
        authenticated_at: times.authenticated_at,
        is_recent: times.is_recent(now),
    }))
}
