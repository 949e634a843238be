//! Somebody who is signed in chooses another password. Every other browser is signed out.

use contracts::mail;

use super::{Opened, limits, open_session};
use crate::{
    actions::mails,
    domain::password::Password,
    error::{Error, Result},
    ids::AccountId,
    passwords::Verdict,
    service::Service,
    store::{account, audit_entry, session},
};

/// Changes the password, ends all sessions and opens a new one for this browser.
///
/// # Errors
/// Another present password, a new one that is not taken, too many attempts.
pub async fn change_password(
    service: &Service,
    id: AccountId,
    present: &str,
    new: &str,
) -> Result<Opened> {
    let seen = account::find(service.db.read(), id).await?.ok_or(Error::NotFound("account"))?;
    limits::password(service, &seen.person).await?;
    let chosen = Password::chosen(new, &[&seen.mailbox, &seen.person, &seen.name])
        .map_err(|weak| Error::field("/new_password", weak.to_string()))?;
    let present = Password::typed(present);
    if service.passwords.verify(&present, Some(&seen.password)).await? == Verdict::Wrong {
        return Err(Error::field("/password", "this is not your password"));
    }
    let hash = service.passwords.hash(&chosen).await?;
    let now = service.clock.now();
    let tx = service.db.begin("change_password").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    if row.credentials != seen.credentials {
        return Err(Error::field("/password", "your password was changed a moment ago"));
    }
    account::set_password(&tx, id, hash).await?;
    session::revoke_all(&tx, id, now).await?;
    let opened = open_session(&tx, id, None, now).await?;
    audit_entry::record(&tx, Some(id), "password_changed", "", now).await?;
    mails::to_account(&tx, id, mail::PASSWORD_CHANGED, now).await?;
    tx.commit().await?;
    service.wake_relay();
    Ok(opened)
}
