//! The administrator makes a host, and issues its tokens.

use http::StatusCode;
use ledger::idempotency::{Scope, Stored};
use platform::http::{FieldError, IdempotencyKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::idempotent::{self, Begun};
use crate::{
    domain::{address::Address, role::Role},
    error::{Error, Result},
    ids::{HostId, KeyId},
    service::Service,
    store::{api_key, audit_entry, host},
};

/// The longest name, in characters.
const NAME_MAX_CHARS: usize = 120;

/// What a host is made of.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHost {
    /// As shown to entrants.
    #[schema(min_length = 1, max_length = 120, example = "Corner Café")]
    pub name: String,
    /// Where we write to.
    #[schema(format = "email", max_length = 2048, example = "ada@example.org")]
    pub email: String,
}

/// A host as it is shown to itself and to the administrator.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HostView {
    /// Its id.
    pub id: HostId,
    /// As shown to entrants.
    pub name: String,
    /// Where we write to.
    #[schema(format = "email")]
    pub email: String,
}

impl From<host::Model> for HostView {
    fn from(host: host::Model) -> Self {
        Self { id: HostId(host.id), name: host.name, email: host.email }
    }
}

/// Makes a host, once per idempotency key.
///
/// # Errors
/// A name or an address that cannot be.
pub async fn create_host(service: &Service, new: NewHost, key: &IdempotencyKey) -> Result<Stored> {
    let (name, email) = check(&new)?;
    // The administrator owns the key: there is one, with no account of its own.
    let scope = Scope::http(service.mode(), Uuid::nil(), "create_host");
    let attempt = match idempotent::begin(service, scope, key).await? {
        Begun::Replay(stored) => return Ok(stored),
        Begun::Fresh(attempt) => attempt,
    };
    let id = HostId::new();
    let now = service.clock.now();
    let inserted = host::insert(attempt.tx(), id, name.clone(), email.clone(), now).await;
    let outcome = inserted.map_err(Error::from).and_then(|()| {
        let view = HostView { id, name, email };
        Ok((StatusCode::CREATED, serde_json::to_value(view).map_err(anyhow::Error::from)?))
    });
    attempt.finish(outcome).await
}

/// Issues a token for a host. It is shown this once; only its hash is kept.
///
/// # Errors
/// An unknown host.
pub async fn issue_host_token(service: &Service, id: HostId) -> Result<String> {
    host::find(service.db.read(), id).await?.ok_or(Error::NotFound("host"))?;
    let (token, hash) = platform::token::new_bearer(service.mode().as_str());
    let now = service.clock.now();
    let key = KeyId::new();
    let row = api_key::Model {
        hash: hash.to_vec(),
        owner_id: id.0,
        role: Role::Host.as_str().to_owned(),
        created_at: now.as_millisecond(),
        revoked_at: None,
        id: key.0,
        name: String::new(),
        scopes: None,
        mode: Some(service.mode().as_str().to_owned()),
        expires_at: None,
        last_used_at: None,
        created_by: None,
    };
    let tx = service.db.begin("issue_host_token").await?;
    api_key::insert(&tx, row).await?;
    audit_entry::record(&tx, None, "token_issued", &key.to_string(), now).await?;
    tx.commit().await?;
    Ok(token)
}

fn check(new: &NewHost) -> Result<(String, String)> {
    let mut errors = Vec::new();
    let name = new.name.trim();
    if name.is_empty()
        || name.chars().count() > NAME_MAX_CHARS
        || name.chars().any(char::is_control)
    {
        let wrong = format!("must have 1 to {NAME_MAX_CHARS} characters and no control characters");
        errors.push(FieldError::new("/name", wrong));
    }
    if let Err(error) = Address::of(&new.email) {
        errors.push(FieldError::new("/email", error.to_string()));
    }
    if errors.is_empty() {
        Ok((name.to_owned(), new.email.trim().to_owned()))
    } else {
        Err(Error::Invalid(errors))
    }
}
