//! Signing in with a second step: a code of an authenticator application.

use zeroize::Zeroizing;

use super::{limits, sign_in::wrong_code};
use crate::{
    account_secrets::{new_recovery_codes, new_totp, recovery_hash},
    domain::totp::Secret,
    error::{Error, Result},
    ids::AccountId,
    service::Service,
    store::{account, audit_entry, recovery_code},
};

/// Codes for whoever has lost the application. Shown once; debug output tells none.
pub struct RecoveryCodes(pub Vec<Zeroizing<String>>);

impl std::fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCodes(…)")
    }
}

/// Makes a secret for the account to scan. Nothing asks for a code before one was seen.
///
/// # Errors
/// When the account has a second step already.
pub async fn enrol_totp(service: &Service, id: AccountId) -> Result<Secret> {
    let now = service.clock.now();
    let tx = service.db.begin("enrol_totp").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    if row.has_totp() {
        return Err(is_on());
    }
    let secret = new_totp();
    let sealed = service.accounts.seal(id, &secret)?;
    account::offer_totp(&tx, id, sealed.sealed, sealed.key_id).await?;
    audit_entry::record(&tx, Some(id), "two_step_begun", "", now).await?;
    tx.commit().await?;
    Ok(secret)
}

/// Whether signing in needs a code.
///
/// # Errors
/// When the database fails.
pub async fn has_two_step(service: &Service, id: AccountId) -> Result<bool> {
    let row = account::find(service.db.read(), id).await?;
    Ok(row.is_some_and(|row| row.has_totp()))
}

/// The secret that waits for its first code, to be shown again.
///
/// # Errors
/// When there is none, or the account has a second step already.
pub async fn pending_totp(service: &Service, id: AccountId) -> Result<Secret> {
    let row = account::find(service.db.read(), id).await?.ok_or(Error::NotFound("account"))?;
    if row.has_totp() {
        return Err(is_on());
    }
    pending(service, &row)
}

/// Takes the first code: from now on signing in needs one. Answers the recovery codes.
///
/// # Errors
/// A code that is not right; too many attempts.
pub async fn confirm_totp(service: &Service, id: AccountId, code: &str) -> Result<RecoveryCodes> {
    limits::code(service, id).await?;
    let now = service.clock.now();
    let tx = service.db.begin("confirm_totp").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    if row.has_totp() {
        return Err(is_on());
    }
    let step = pending(service, &row)?.step_of(code, now, row.totp_last_step);
    let step = step.ok_or_else(wrong_code)?;
    account::begin_totp(&tx, id, step, now).await?;
    let codes = new_recovery_codes();
    let hashes = codes.iter().filter_map(|code| recovery_hash(code)).collect();
    recovery_code::replace(&tx, id, hashes).await?;
    audit_entry::record(&tx, Some(id), "two_step_on", "", now).await?;
    tx.commit().await?;
    Ok(RecoveryCodes(codes))
}

/// Makes new recovery codes; the old ones count no more.
///
/// # Errors
/// When the account has no second step.
pub async fn renew_recovery_codes(service: &Service, id: AccountId) -> Result<RecoveryCodes> {
    let now = service.clock.now();
    let tx = service.db.begin("renew_recovery_codes").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    if !row.has_totp() {
        return Err(Error::state("two_step_off", "two-step sign-in is off"));
    }
    let codes = new_recovery_codes();
    let hashes = codes.iter().filter_map(|code| recovery_hash(code)).collect();
    recovery_code::replace(&tx, id, hashes).await?;
    audit_entry::record(&tx, Some(id), "recovery_codes_renewed", "", now).await?;
    tx.commit().await?;
    Ok(RecoveryCodes(codes))
}

/// Signing in needs a password alone again.
///
/// # Errors
/// When the database fails.
pub async fn disable_totp(service: &Service, id: AccountId) -> Result<()> {
    let now = service.clock.now();
    let tx = service.db.begin("disable_totp").await?;
    account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    account::end_totp(&tx, id).await?;
    recovery_code::replace(&tx, id, Vec::new()).await?;
    audit_entry::record(&tx, Some(id), "two_step_off", "", now).await?;
    tx.commit().await?;
    Ok(())
}

fn pending(service: &Service, row: &account::Model) -> Result<Secret> {
    match (&row.totp_sealed, &row.totp_key_id) {
        (Some(sealed), Some(key_id)) => {
            Ok(service.accounts.open(row.account_id(), key_id, sealed)?)
        }
        _ => Err(Error::state("two_step_not_begun", "begin with two-step sign-in first")),
    }
}

fn is_on() -> Error {
    Error::state("two_step_on", "two-step sign-in is on already")
}
