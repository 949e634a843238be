//! Who asks: bearer tokens and keys, one role each.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::{StatusCode, request::Parts};
use platform::{
    clock::from_millis,
    http::{Bearer, Problem},
    token::same_secret,
};

use super::scopes;
use crate::{
    domain::{role::Role, scope::Scope, session::SEEN_EVERY},
    ids::{AccountId, HostId},
    service::Service,
    store::{account, account_role, api_key},
};

/// An administrator: whoever holds the installation's admin token, or a key of an administrator's account.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    /// The account; none for the installation's token.
    pub account: Option<AccountId>,
}

/// A host, known by one of its tokens or keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostAuth(pub HostId);

impl<S> FromRequestParts<S> for Admin
where
    S: Send + Sync,
    Arc<Service>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let service = Arc::<Service>::from_ref(state);
        let bearer = <Bearer as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        if same_secret(&bearer.hash(), &service.admin_token_hash) {
            return Ok(Self { account: None });
        }
        let key = good_key(&service, parts, &bearer, Role::Admin).await?;
        let id = AccountId(key.owner_id);
        if is_admin(&service, id).await.map_err(Problem::from)? {
            Ok(Self { account: Some(id) })
        } else {
            Err(Problem::unauthorized())
        }
    }
}

impl<S> FromRequestParts<S> for HostAuth
where
    S: Send + Sync,
    Arc<Service>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let service = Arc::<Service>::from_ref(state);
        let bearer = <Bearer as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let key = good_key(&service, parts, &bearer, Role::Host).await?;
        Ok(Self(HostId(key.owner_id)))
    }
}

/// The key that a request carries, if it counts and may do what the route needs.
async fn good_key(
    service: &Service,
    parts: &Parts,
    bearer: &Bearer,
    role: Role,
) -> Result<api_key::Model, Problem> {
    let (mode, now) = (service.mode().as_str(), service.clock.now());
    // Told apart from a key that nobody knows: somebody has mixed two installations up.
    if let Some(of) = mode_of(bearer.reveal()).filter(|of| *of != mode) {
        return Err(Problem::unauthorized().detail(format!(
            "this is a key of {of} mode, and this installation is in {mode} mode"
        )));
    }
    let hash = bearer.hash();
    let key = api_key::find(service.db.read(), &hash, role).await.map_err(Problem::unexpected)?;
    let key = key.filter(|key| key.is_good(mode, now)).ok_or_else(Problem::unauthorized)?;
    let needed = scopes::needed(parts);
    if !key.allowed().allow(needed) {
        return Err(missing(needed));
    }
    let is_news = key.last_used_at.is_none_or(|at| now >= from_millis(at) + SEEN_EVERY);
    if is_news {
        api_key::used(service.db.write(), &hash, now).await.map_err(Problem::unexpected)?;
    }
    Ok(key)
}

async fn is_admin(service: &Service, id: AccountId) -> crate::error::Result<bool> {
    let conn = service.db.read();
    let found = account::find(conn, id).await?.filter(account::Model::is_usable);
    Ok(found.is_some() && account_role::of(conn, id).await?.is_admin)
}

fn mode_of(token: &str) -> Option<&'static str> {
    ["test", "live"].into_iter().find(|mode| token.starts_with(&format!("hs_{mode}_")))
}

fn missing(needed: Option<Scope>) -> Problem {
    let problem = Problem::new(StatusCode::FORBIDDEN, "missing_scope");
    match needed {
        Some(scope) => {
            problem.detail(format!("this key lacks the scope {scope}")).with("scope", scope)
        }
        None => problem.detail("this needs a key that may do everything"),
    }
}
