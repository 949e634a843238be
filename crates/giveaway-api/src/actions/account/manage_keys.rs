//! Keys of the API: somebody makes, lists and revokes their own.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use platform::{clock::from_millis, http::FieldError};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    domain::{
        role::Role,
        scope::{Scope, Scopes, to_column},
    },
    error::{Error, Result},
    ids::{AccountId, KeyId},
    service::Service,
    store::{account_role::Roles, api_key, audit_entry},
};

/// The longest name, in characters.
const NAME_MAX_CHARS: usize = 60;

/// Keys of one owner that are not revoked: more than anybody has programs, few enough for a page.
pub const KEYS_MAX: u64 = 50;

/// Days until a key ends that somebody may choose; none: never.
pub const DAYS: [i64; 4] = [7, 30, 90, 365];

/// What a key is made of.
#[derive(Clone, Debug)]
pub struct NewKey<'a> {
    /// What its owner calls it.
    pub name: &'a str,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Days until it ends; none: never.
    pub days: Option<i64>,
}

/// A key that was just made. The token is shown this once; debug output does not tell it.
pub struct MadeKey {
    /// The token.
    pub token: String,
    /// The key.
    pub view: KeyView,
}

impl std::fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeKey").field("view", &self.view).finish_non_exhaustive()
    }
}

/// A key as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// What its owner calls it; empty for tokens that the administrator issued.
    pub name: String,
    /// What it may do; null: all that its owner may.
    pub scopes: Option<Vec<Scope>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; null: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl From<api_key::Model> for KeyView {
    fn from(key: api_key::Model) -> Self {
        let scopes = match key.allowed() {
            Scopes::All => None,
            Scopes::Listed(listed) => Some(listed.into_iter().collect()),
        };
        Self {
            id: key.key_id(),
            scopes,
            created_at: from_millis(key.created_at),
            expires_at: key.expires_at.map(from_millis),
            last_used_at: key.last_used_at.map(from_millis),
            name: key.name,
        }
    }
}

/// The scopes that somebody may give to a key: what they are, and no more.
pub fn possible_scopes(roles: &Roles) -> Vec<Scope> {
    let of_host = if roles.host.is_some() { Scope::OF_HOST.as_slice() } else { &[] };
    of_host.iter().copied().chain(roles.is_admin.then_some(Scope::Admin)).collect()
}

/// Makes a key. One with the scope `admin` has no other: it belongs to the account, not to its host.
///
/// # Errors
/// Fields that cannot be, scopes that the account does not have, too many keys.
pub async fn make_key(
    service: &Service,
    account: AccountId,
    roles: &Roles,
    new: &NewKey<'_>,
) -> Result<MadeKey> {
    let (name, (role, owner)) = check(account, roles, new)?;
    let now = service.clock.now();
    let expires_at = new.days.map(|days| now + SignedDuration::from_hours(days * 24));
    let mode = service.mode().as_str();
    let (token, hash) = platform::token::new_bearer(mode);
    let id = KeyId::new();
    let row = api_key::Model {
        hash: hash.to_vec(),
        owner_id: owner,
        role: role.as_str().to_owned(),
        created_at: now.as_millisecond(),
        revoked_at: None,
        id: id.0,
        name,
        scopes: Some(to_column(&new.scopes)),
        mode: Some(mode.to_owned()),
        expires_at: expires_at.map(Timestamp::as_millisecond),
        last_used_at: None,
        created_by: Some(account.0),
    };
    let tx = service.db.begin("make_key").await?;
    let held = api_key::of_owner(&tx, &[(role, owner)], KEYS_MAX).await?;
    if held.len() as u64 >= KEYS_MAX {
        return Err(Error::state(
            "too_many_keys",
            format!("revoke one of the {KEYS_MAX} keys first"),
        ));
    }
    api_key::insert(&tx, row.clone()).await?;
    audit_entry::record(&tx, Some(account), "key_made", &id.to_string(), now).await?;
    tx.commit().await?;
    Ok(MadeKey { token, view: row.into() })
}

/// The keys of all that an account is, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn list_keys(
    service: &Service,
    account: AccountId,
    roles: &Roles,
) -> Result<Vec<KeyView>> {
    list_keys_of(service, &owners(account, roles)).await
}

/// The keys of these owners, the latest first.
///
/// # Errors
/// When the database fails.
pub async fn list_keys_of(service: &Service, owners: &[(Role, Uuid)]) -> Result<Vec<KeyView>> {
    let keys = api_key::of_owner(service.db.read(), owners, 2 * KEYS_MAX).await?;
    Ok(keys.into_iter().map(KeyView::from).collect())
}

/// Revokes a key of one of these owners. Somebody else's looks like none.
///
/// # Errors
/// When they have no such key.
pub async fn revoke_key(
    service: &Service,
    by: Option<AccountId>,
    owners: &[(Role, Uuid)],
    id: KeyId,
) -> Result<()> {
    let now = service.clock.now();
    let tx = service.db.begin("revoke_key").await?;
    let mut is_revoked = false;
    for owner in owners {
        is_revoked = is_revoked || api_key::revoke(&tx, *owner, id, now).await?;
    }
    if !is_revoked {
        return Err(Error::NotFound("key"));
    }
    audit_entry::record(&tx, by, "key_revoked", &id.to_string(), now).await?;
    tx.commit().await?;
    Ok(())
}

/// Whose keys an account looks after.
pub fn owners(account: AccountId, roles: &Roles) -> Vec<(Role, Uuid)> {
    let host = roles.host.map(|host| (Role::Host, host.0));
    host.into_iter().chain(roles.is_admin.then_some((Role::Admin, account.0))).collect()
}

fn check(account: AccountId, roles: &Roles, new: &NewKey<'_>) -> Result<(String, (Role, Uuid))> {
    let mut errors = Vec::new();
    let name = new.name.trim();
    if !(1..=NAME_MAX_CHARS).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        let wrong = format!("must have 1 to {NAME_MAX_CHARS} characters and no control characters");
        errors.push(FieldError::new("/name", wrong));
    }
    if new.days.is_some_and(|days| !DAYS.contains(&days)) {
        errors.push(FieldError::new("/days", "must be one of those offered"));
    }
    let possible = possible_scopes(roles);
    if new.scopes.is_empty() {
        errors.push(FieldError::new("/scopes", "must name at least one thing that the key may do"));
    } else if !new.scopes.iter().all(|scope| possible.contains(scope)) {
        errors.push(FieldError::new("/scopes", "must be some of those offered"));
    } else if new.scopes.contains(&Scope::Admin) && new.scopes.len() > 1 {
        let wrong = "must be `admin` alone or without it: such a key does not belong to a host";
        errors.push(FieldError::new("/scopes", wrong));
    }
    let owner = if new.scopes.contains(&Scope::Admin) {
        Some((Role::Admin, account.0))
    } else {
        roles.host.map(|host| (Role::Host, host.0))
    };
    match owner {
        Some(owner) if errors.is_empty() => Ok((name.to_owned(), owner)),
        _ => Err(Error::Invalid(errors)),
    }
}
