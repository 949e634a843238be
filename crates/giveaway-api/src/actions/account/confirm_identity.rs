//! Somebody who is signed in shows once more who they are, before something that counts.

use super::{Opened, limits, open_session, sign_in};
use crate::{
    domain::password::Password,
    error::{Error, Result},
    ids::AccountId,
    passwords::Verdict,
    service::Service,
    store::{account, audit_entry},
};

/// Compares the password, and a code if the account asks for one, and goes on under a new session.
///
/// # Errors
/// Another password or code; too many attempts.
pub async fn confirm_identity(
    service: &Service,
    id: AccountId,
    session: &[u8; 32],
    password: &str,
    code: &str,
) -> Result<Opened> {
    let seen = account::find(service.db.read(), id).await?.ok_or(Error::NotFound("account"))?;
    limits::password(service, &seen.person).await?;
    let password = Password::typed(password);
    if service.passwords.verify(&password, Some(&seen.password)).await? == Verdict::Wrong {
        return Err(Error::field("/password", "this is not your password"));
    }
    if seen.has_totp() {
        limits::code(service, id).await?;
    }
    let now = service.clock.now();
    let tx = service.db.begin("confirm_identity").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    if row.credentials != seen.credentials || !row.is_usable() {
        return Err(Error::field("/password", "your password was changed a moment ago"));
    }
    if row.has_totp() && sign_in::take_code(service, &tx, &row, code, now).await?.is_none() {
        return Err(sign_in::wrong_code());
    }
    let opened = open_session(&tx, id, Some(session), now).await?;
    audit_entry::record(&tx, Some(id), "identity_confirmed", "", now).await?;
    tx.commit().await?;
    Ok(opened)
}
