//! Somebody has forgotten the password. Whoever asks learns nothing; whoever has the mail sets a new one,
//! once.

use std::net::IpAddr;

use contracts::mail;

use super::{
    limits,
    links::{self, Purpose},
};
use crate::{
    actions::mails,
    domain::{
        address::{Address, CanonicalAddress},
        password::Password,
    },
    error::{Error, Result},
    service::Service,
    store::{account, audit_entry, session},
};

/// Mails a link that sets a new password, if the address has an account.
///
/// # Errors
/// What is no address; too many attempts.
pub async fn forgot_password(service: &Service, from: IpAddr, email: &str) -> Result<()> {
    let person: CanonicalAddress = Address::of(email)
        .map(|address| address.canonical)
        .map_err(|error| Error::field("/email", error.to_string()))?;
    limits::network(service, from).await?;
    let may_mail = limits::may_mail(service, person.as_str()).await;
    let now = service.clock.now();
    let tx = service.db.begin("forgot_password").await?;
    let known = account::of_person(&tx, person.as_str()).await?;
    let known = known.filter(|known| known.disabled_at.is_none()).map(|known| known.account_id());
    audit_entry::record(&tx, known, "reset_asked", "", now).await?;
    if let Some(id) = known.filter(|_| may_mail) {
        mails::to_account(&tx, id, mail::RESET_PASSWORD, now).await?;
    }
    tx.commit().await?;
    service.wake_relay();
    Ok(())
}

/// Says whether the link counts, before anything is asked.
///
/// # Errors
/// A link that does not count.
pub async fn look_at_reset(service: &Service, token: &str) -> Result<()> {
    links::open(service, Purpose::Reset, token).await.map(drop)
}

/// Sets a new password and ends all sessions. An address that was not proven stays so: the account's host
/// is made by the link that proves it.
///
/// # Errors
/// A link that does not count, a password that is not taken, too many attempts.
pub async fn reset_password(
    service: &Service,
    from: IpAddr,
    token: &str,
    password: &str,
) -> Result<()> {
    limits::network(service, from).await?;
    let seen = links::open(service, Purpose::Reset, token).await?;
    let password = Password::chosen(password, &[&seen.mailbox, &seen.person, &seen.name])
        .map_err(|weak| Error::field("/password", weak.to_string()))?;
    let hash = service.passwords.hash(&password).await?;
    let (id, now) = (seen.account_id(), service.clock.now());
    let tx = service.db.begin("reset_password").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    links::check(service, Purpose::Reset, token, &row)?;
    account::set_password(&tx, id, hash).await?;
    session::revoke_all(&tx, id, now).await?;
    audit_entry::record(&tx, Some(id), "password_reset", "", now).await?;
    mails::to_account(&tx, id, mail::PASSWORD_CHANGED, now).await?;
    tx.commit().await?;
    service.wake_relay();
    Ok(())
}
