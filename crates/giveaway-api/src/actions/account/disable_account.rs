//! An administrator shuts an account: nobody signs in with it, and what it made does nothing.

use crate::{
    error::{Error, Result},
    ids::AccountId,
    service::Service,
    store::{account, api_key, audit_entry, session},
};

/// Disables an account, ends its sessions and revokes the keys that it made. Once is enough.
///
/// # Errors
/// When there is no such account, or it is the one that asks.
pub async fn disable_account(
    service: &Service,
    by: Option<AccountId>,
    id: AccountId,
) -> Result<()> {
    if by == Some(id) {
        return Err(Error::state("own_account", "somebody else has to disable your account"));
    }
    let now = service.clock.now();
    let tx = service.db.begin("disable_account").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    if row.disabled_at.is_none() {
        account::disable(&tx, id, now).await?;
        session::revoke_all(&tx, id, now).await?;
        api_key::revoke_of_account(&tx, id, now).await?;
        let actor = by.map_or_else(|| "operator".to_owned(), |by| by.to_string());
        audit_entry::record(&tx, Some(id), "account_disabled", &actor, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
