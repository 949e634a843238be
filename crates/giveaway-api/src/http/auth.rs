//! Who asks: bearer tokens, one role each.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use platform::{
    http::{Bearer, Problem},
    token::same_secret,
};

use crate::{ids::HostId, service::Service, store::host};

/// The administrator: whoever holds the installation's admin token.
#[derive(Clone, Copy, Debug)]
pub struct Admin;

/// A host, known by one of its tokens.
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
            Ok(Self)
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
        let host =
            host::by_token(service.db.read(), &bearer.hash()).await.map_err(Problem::unexpected)?;
        host.map(Self).ok_or_else(Problem::unauthorized)
    }
}
