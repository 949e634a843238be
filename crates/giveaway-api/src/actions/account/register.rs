//! Somebody makes an account. Whoever asks learns nothing: for an address that has an account the answer
//! is the same, and its owner gets another mail.

use std::net::IpAddr;

use contracts::mail;
use platform::http::FieldError;

use super::limits;
use crate::{
    actions::mails,
    domain::{address::Address, password::Password},
    error::{Error, Result},
    ids::AccountId,
    service::Service,
    store::{account, audit_entry},
};

/// The longest name, in characters: that of a host as it is shown to entrants.
const NAME_MAX_CHARS: usize = 120;

/// What somebody wrote into the form.
pub struct Registration<'a> {
    /// What entrants will see.
    pub name: &'a str,
    /// Where we write to.
    pub email: &'a str,
    /// The password that they want.
    pub password: &'a str,
}

/// Makes an account whose address is not proven yet, and mails the link that proves it.
///
/// # Errors
/// Fields that cannot be; too many attempts.
pub async fn register(service: &Service, from: IpAddr, given: &Registration<'_>) -> Result<()> {
    let (name, address, password) = check(given)?;
    limits::network(service, from).await?;
    // For known addresses as well: the answer takes the same time.
    let hash = service.passwords.hash(&password).await?;
    let person = address.canonical.as_str();
    let may_mail = limits::may_mail(service, person).await;
    let now = service.clock.now();
    let tx = service.db.begin("register").await?;
    let known = account::lock_person(&tx, person).await?;
    let (id, template) = match known {
        // Nobody has proven the address, so nobody's password has to be kept.
        Some(known) if known.verified_at.is_none() && known.disabled_at.is_none() => {
            let id = known.account_id();
            account::begin_again(&tx, id, &address, name).await?;
            account::set_password(&tx, id, hash).await?;
            audit_entry::record(&tx, Some(id), "registered", "", now).await?;
            (id, mail::VERIFY_ADDRESS)
        }
        Some(known) => {
            let id = known.account_id();
            audit_entry::record(&tx, Some(id), "registration_asked_again", "", now).await?;
            (id, mail::ALREADY_REGISTERED)
        }
        None => {
            let id = AccountId::new();
            let new =
                account::New { id, address: &address, name, password: hash, verified_at: None };
            if !account::insert(&tx, new, now).await? {
                // Somebody else with this address was a moment faster, and was written to.
                return Ok(());
            }
            audit_entry::record(&tx, Some(id), "registered", "", now).await?;
            (id, mail::VERIFY_ADDRESS)
        }
    };
    if may_mail {
        mails::to_account(&tx, id, template, now).await?;
    }
    tx.commit().await?;
    service.wake_relay();
    Ok(())
}

fn check(given: &Registration<'_>) -> Result<(String, Address, Password)> {
    let mut errors = Vec::new();
    let name = checked_name(given.name).map_err(|error| errors.push(error)).ok();
    let address = Address::of(given.email)
        .map_err(|error| errors.push(FieldError::new("/email", error.to_string())))
        .ok();
    let password = Password::chosen(given.password, &[given.email.trim(), given.name.trim()])
        .map_err(|error| errors.push(FieldError::new("/password", error.to_string())))
        .ok();
    match (name, address, password) {
        (Some(name), Some(address), Some(password)) => Ok((name, address, password)),
        _ => Err(Error::Invalid(errors)),
    }
}

/// A name that can be shown.
pub(super) fn checked_name(given: &str) -> Result<String, FieldError> {
    let name = given.trim();
    let is_good =
        (1..=NAME_MAX_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if is_good {
        return Ok(name.to_owned());
    }
    let wrong = format!("must have 1 to {NAME_MAX_CHARS} characters and no control characters");
    Err(FieldError::new("/name", wrong))
}
