//! Somebody accepts an invitation: with the password that they have, or with one that they choose.

use std::net::IpAddr;

use super::{
    Opened, limits, links, open_session,
    register::checked_name,
    sign_in::{take_code, wrong_code},
};
use crate::{
    domain::{
        address::{Address, CanonicalAddress},
        password::Password,
        role::Role,
    },
    error::{Error, Result},
    ids::{AccountId, InvitationId},
    passwords::Verdict,
    service::Service,
    store::{account, account_role, audit_entry, invitation},
};

/// What an invitation offers, before it is accepted.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The role.
    pub role: Role,
    /// Whether the person has to say the address: the first administrator does.
    pub asks_address: bool,
    /// Whether they have an account, and use its password.
    pub has_account: bool,
    /// Whether the account asks for a code.
    pub asks_code: bool,
}

/// What somebody wrote into the form.
pub struct Acceptance<'a> {
    /// The link's token.
    pub token: &'a str,
    /// Their address, where the invitation does not say it.
    pub email: &'a str,
    /// What they are called, if they have no account.
    pub name: &'a str,
    /// The password that they have, or want.
    pub password: &'a str,
    /// A code, if their account asks for one.
    pub code: &'a str,
}

/// What an invitation offers.
///
/// # Errors
/// A link that does not count.
pub async fn look_at_invitation(service: &Service, token: &str) -> Result<Offer> {
    let row = open(service, token).await?;
    let known = match &row.person {
        Some(person) => account::of_person(service.db.read(), person).await?,
        None => None,
    };
    Ok(Offer {
        role: row.role.parse()?,
        asks_address: row.person.is_none(),
        asks_code: known.as_ref().is_some_and(account::Model::has_totp),
        has_account: known.is_some_and(|known| known.is_usable()),
    })
}

/// Gives the role, and signs in. A new account's address counts as proven: the link went there, or came from
/// whoever runs the installation.
///
/// # Errors
/// A link that does not count, fields that cannot be, another password, too many attempts.
pub async fn accept_invitation(
    service: &Service,
    from: IpAddr,
    given: &Acceptance<'_>,
    before: Option<&[u8; 32]>,
) -> Result<Opened> {
    limits::network(service, from).await?;
    let seen = open(service, given.token).await?;
    let address = match &seen.mailbox {
        Some(mailbox) => Address::of(mailbox),
        None => Address::of(given.email),
    };
    let address = address.map_err(|error| Error::field("/email", error.to_string()))?;
    let person = address.canonical.as_str();
    let known = account::of_person(service.db.read(), person).await?;
    match known {
        Some(known) if known.verified_at.is_some() => {
            take_with_account(service, &seen, &known, given, before).await
        }
        known => take_anew(service, &seen, known.as_ref(), &address, given, before).await,
    }
}

async fn take_with_account(
    service: &Service,
    invitation: &invitation::Model,
    known: &account::Model,
    given: &Acceptance<'_>,
    before: Option<&[u8; 32]>,
) -> Result<Opened> {
    limits::password(service, &known.person).await?;
    let password = Password::typed(given.password);
    let verdict = service.passwords.verify(&password, Some(&known.password)).await?;
    if verdict == Verdict::Wrong || known.disabled_at.is_some() {
        return Err(Error::field("/password", "this is not the password of your account"));
    }
    if known.has_totp() {
        limits::code(service, known.account_id()).await?;
    }
    let (id, now) = (known.account_id(), service.clock.now());
    let tx = service.db.begin("accept_invitation").await?;
    let row = account::lock(&tx, id).await?.ok_or(Error::NotFound("account"))?;
    if row.credentials != known.credentials || !row.is_usable() {
        return Err(Error::field("/password", "your password was changed a moment ago"));
    }
    if row.has_totp() && take_code(service, &tx, &row, given.code, now).await?.is_none() {
        return Err(wrong_code());
    }
    finish(tx, invitation, id, before, now).await
}

async fn take_anew(
    service: &Service,
    invitation: &invitation::Model,
    known: Option<&account::Model>,
    address: &Address,
    given: &Acceptance<'_>,
    before: Option<&[u8; 32]>,
) -> Result<Opened> {
    let person: &CanonicalAddress = &address.canonical;
    let mut errors = Vec::new();
    let name = checked_name(given.name).map_err(|error| errors.push(error)).ok();
    let own = [address.mailbox.as_str(), given.name.trim()];
    let password = Password::chosen(given.password, &own)
        .map_err(|weak| errors.push(platform::http::FieldError::new("/password", weak.to_string())))
        .ok();
    let (Some(name), Some(password)) = (name, password) else {
        return Err(Error::Invalid(errors));
    };
    if known.is_some_and(|known| known.disabled_at.is_some()) {
        return Err(Error::field("/email", "this address cannot be used"));
    }
    let hash = service.passwords.hash(&password).await?;
    let now = service.clock.now();
    let tx = service.db.begin("accept_invitation").await?;
    let id = match account::lock_person(&tx, person.as_str()).await? {
        Some(row) if row.verified_at.is_some() => {
            return Err(Error::field("/password", "this address has an account; use its password"));
        }
        // Somebody registered with this address and never proved it: what they chose counts no more.
        Some(row) => {
            let id = row.account_id();
            account::begin_again(&tx, id, address, name).await?;
            account::set_password(&tx, id, hash).await?;
            account::verify(&tx, id, now).await?;
            id
        }
        None => {
            let id = AccountId::new();
            let verified_at = Some(now);
            let new = account::New { id, address, name, password: hash, verified_at };
            if !account::insert(&tx, new, now).await? {
                return Err(Error::field(
                    "/email",
                    "somebody has just registered with this address",
                ));
            }
            id
        }
    };
    finish(tx, invitation, id, before, now).await
}

async fn finish(
    tx: platform::Tx,
    row: &invitation::Model,
    id: AccountId,
    before: Option<&[u8; 32]>,
    now: jiff::Timestamp,
) -> Result<Opened> {
    let invited = InvitationId(row.id);
    if !invitation::accept(&tx, invited, now).await? {
        return Err(used());
    }
    let role: Role = row.role.parse()?;
    if row.person.is_none() {
        // Who has become the first administrator is the last one by this way.
        if account_role::has_admin(&tx).await? {
            return Err(used());
        }
        invitation::close_open(&tx, now).await?;
    }
    account_role::give(&tx, id, role, row.owner_id, now).await?;
    audit_entry::record(&tx, Some(id), "invitation_accepted", &invited.to_string(), now).await?;
    let opened = open_session(&tx, id, before, now).await?;
    tx.commit().await?;
    Ok(opened)
}

async fn open(service: &Service, token: &str) -> Result<invitation::Model> {
    let id = links::open_invitation(service, token)?;
    let row = invitation::find(service.db.read(), id).await?.ok_or_else(used)?;
    if row.accepted_at.is_some() { Err(used()) } else { Ok(row) }
}

fn used() -> Error {
    Error::gone("link_used", "this invitation was accepted, or does not count any more")
}
