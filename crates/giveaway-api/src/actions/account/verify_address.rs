//! Somebody follows the link in the mail and proves the address of a new account.
//!
//! The password is asked for once more. Whoever registers with somebody else's address could otherwise wait
//! for that person to press the button, and would have an account that is proven to be theirs.

use std::net::IpAddr;

use super::{
    Opened, limits,
    links::{self, Purpose},
    open_session,
};
use crate::{
    domain::{password::Password, role::Role},
    error::{Error, Result},
    ids::HostId,
    passwords::Verdict,
    service::Service,
    store::{account, account_role, audit_entry, host},
};

/// Says whether the link counts, before anything is asked.
///
/// # Errors
/// A link that does not count.
pub async fn look_at_verification(service: &Service, token: &str) -> Result<()> {
    links::open(service, Purpose::Verify, token).await.map(drop)
}

/// Proves the address, makes the account's host, and signs in.
///
/// # Errors
/// A link that does not count, another password, too many attempts.
pub async fn verify_address(
    service: &Service,
    from: IpAddr,
    token: &str,
    password: &str,
    before: Option<&[u8; 32]>,
) -> Result<Opened> {
    limits::network(service, from).await?;
    let seen = links::open(service, Purpose::Verify, token).await?;
    limits::password(service, &seen.person).await?;
    let password = Password::typed(password);
    if service.passwords.verify(&password, Some(&seen.password)).await? == Verdict::Wrong {
        let wrong = "this is not the password that was chosen with this address";
        return Err(Error::field("/password", wrong));
    }
    let (id, now) = (seen.account_id(), service.clock.now());
    let tx = service.db.begin("verify_address").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    links::check(service, Purpose::Verify, token, &row)?;
    account::verify(&tx, id, now).await?;
    let host = HostId::new();
    host::insert(&tx, host, row.name.clone(), row.mailbox.clone(), now).await?;
    account_role::give(&tx, id, Role::Host, host.0, now).await?;
    audit_entry::record(&tx, Some(id), "address_verified", &host.to_string(), now).await?;
    let opened = open_session(&tx, id, before, now).await?;
    tx.commit().await?;
    Ok(opened)
}
