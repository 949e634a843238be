//! Somebody signs in: the password, then a code if the account asks for one. Somebody signs out.

use std::net::IpAddr;

use contracts::mail;
use jiff::Timestamp;

use super::{
    Opened, limits,
    links::{self, Purpose},
    open_session,
};
use crate::{
    account_secrets::recovery_hash,
    actions::mails,
    domain::{address::CanonicalAddress, password::Password},
    error::{Error, Result},
    passwords::Verdict,
    service::Service,
    store::{account, audit_entry, recovery_code, session},
};

/// How signing in goes on after the right password.
#[derive(Clone, Debug)]
pub enum Step {
    /// Signed in.
    Done(Opened),
    /// A code is needed; this is to be sent along with it.
    Code(CodeToken),
    /// The address has to be proven first; the link was mailed again.
    Unverified,
}

/// Shows that the password was right. Not shown in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeToken(pub String);

impl std::fmt::Debug for CodeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeToken(…)")
    }
}

/// Signs in with address and password. An address without an account costs the same and is refused in the
/// same words.
///
/// # Errors
/// Refused without saying what was wrong; too many attempts.
pub async fn sign_in(
    service: &Service,
    from: IpAddr,
    email: &str,
    password: &str,
    before: Option<&[u8; 32]>,
) -> Result<Step> {
    limits::network(service, from).await?;
    let person = CanonicalAddress::of(email).ok();
    // What is no address has no account, and is counted as one of them.
    let counted = person.as_ref().map_or("", CanonicalAddress::as_str);
    limits::password(service, counted).await?;
    let found = match &person {
        Some(person) => account::of_person(service.db.read(), person.as_str()).await?,
        None => None,
    };
    let password = Password::typed(password);
    let stored = found.as_ref().map(|account| account.password.as_str());
    let verdict = service.passwords.verify(&password, stored).await?;
    let known = match found {
        Some(known) if verdict != Verdict::Wrong && known.disabled_at.is_none() => known,
        found => return refuse(service, found.as_ref()).await,
    };
    if known.verified_at.is_none() {
        return ask_to_verify(service, &known).await;
    }
    if verdict == Verdict::Outdated {
        let hash = service.passwords.hash(&password).await?;
        let id = known.account_id();
        account::rehash(service.db.write(), id, &known.password, hash).await?;
    }
    if known.has_totp() {
        let token = links::mint(service, Purpose::Code, &known);
        return Ok(Step::Code(CodeToken(token)));
    }
    let now = service.clock.now();
    let tx = service.db.begin("sign_in").await?;
    let row = still(&tx, &known).await?;
    audit_entry::record(&tx, Some(row.account_id()), "signed_in", "", now).await?;
    let opened = open_session(&tx, row.account_id(), before, now).await?;
    tx.commit().await?;
    Ok(Step::Done(opened))
}

/// Goes on with a code of the authenticator application, or a recovery code.
///
/// # Errors
/// A code that does not count or was used; too long after the password; too many attempts.
pub async fn sign_in_with_code(
    service: &Service,
    from: IpAddr,
    token: &CodeToken,
    code: &str,
    before: Option<&[u8; 32]>,
) -> Result<Opened> {
    limits::network(service, from).await?;
    let seen = links::open(service, Purpose::Code, &token.0).await.map_err(|_| too_late())?;
    limits::code(service, seen.account_id()).await?;
    let now = service.clock.now();
    let tx = service.db.begin("sign_in_with_code").await?;
    let row = account::lock(&tx, seen.account_id()).await?.ok_or_else(too_late)?;
    links::check(service, Purpose::Code, &token.0, &row).map_err(|_| too_late())?;
    let id = row.account_id();
    let Some(how) = take_code(service, &tx, &row, code, now).await? else {
        audit_entry::record(&tx, Some(id), "code_refused", "", now).await?;
        tx.commit().await?;
        return Err(wrong_code());
    };
    audit_entry::record(&tx, Some(id), how, "", now).await?;
    let opened = open_session(&tx, id, before, now).await?;
    tx.commit().await?;
    Ok(opened)
}

/// Ends the session of a cookie.
///
/// # Errors
/// When the database fails.
pub async fn sign_out(service: &Service, hash: &[u8; 32]) -> Result<()> {
    let Some(row) = session::find(service.db.read(), hash).await? else { return Ok(()) };
    let now = service.clock.now();
    let tx = service.db.begin("sign_out").await?;
    if session::revoke_hash(&tx, hash, now).await? {
        let (account, id) = (crate::ids::AccountId(row.account_id), row.session_id());
        audit_entry::record(&tx, Some(account), "signed_out", &id.to_string(), now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Takes a code, if it counts: each counts once. Says how the audit log calls it.
pub(super) async fn take_code(
    service: &Service,
    tx: &platform::Tx,
    row: &account::Model,
    code: &str,
    now: Timestamp,
) -> Result<Option<&'static str>> {
    let id = row.account_id();
    if let (Some(sealed), Some(key_id)) = (&row.totp_sealed, &row.totp_key_id) {
        let secret = service.accounts.open(id, key_id, sealed)?;
        if let Some(step) = secret.step_of(code, now, row.totp_last_step) {
            let is_first = account::take_step(tx, id, step).await?;
            return Ok(is_first.then_some("signed_in_with_code"));
        }
    }
    match recovery_hash(code) {
        Some(hash) if recovery_code::take(tx, id, &hash, now).await? => {
            Ok(Some("signed_in_with_recovery_code"))
        }
        _ => Ok(None),
    }
}

/// What somebody is told whose code does not count.
pub(super) fn wrong_code() -> Error {
    Error::field("/code", "this code is not right, or it was used; wait for the next one")
}

/// The account, if it is still the one whose password was compared: a change in between counts.
async fn still(tx: &platform::Tx, seen: &account::Model) -> Result<account::Model> {
    let row = account::lock(tx, seen.account_id()).await?;
    let same = row.filter(|row| row.credentials == seen.credentials && row.is_usable());
    same.ok_or_else(wrong)
}

/// Written down for addresses without an account as well: the answer takes the same time.
async fn refuse(service: &Service, found: Option<&account::Model>) -> Result<Step> {
    let now = service.clock.now();
    let tx = service.db.begin("refuse_sign_in").await?;
    let id = found.map(account::Model::account_id);
    audit_entry::record(&tx, id, "sign_in_refused", "", now).await?;
    tx.commit().await?;
    Err(wrong())
}

async fn ask_to_verify(service: &Service, known: &account::Model) -> Result<Step> {
    if limits::may_mail(service, &known.person).await {
        let (id, now) = (known.account_id(), service.clock.now());
        let tx = service.db.begin("ask_to_verify").await?;
        mails::to_account(&tx, id, mail::VERIFY_ADDRESS, now).await?;
        audit_entry::record(&tx, Some(id), "verification_asked", "", now).await?;
        tx.commit().await?;
        service.wake_relay();
    }
    Ok(Step::Unverified)
}

fn wrong() -> Error {
    Error::field("/password", "the address or the password is not right")
}

fn too_late() -> Error {
    Error::gone("sign_in_over", "too much time has passed; sign in again")
}
