//! Who may see and do what only an operator may.

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;

use super::{Bearer, Problem};
use crate::token::same_secret;

/// The hash of the administrator's token, as the state of a router.
#[derive(Clone, Copy, Debug)]
pub struct AdminTokenHash(pub [u8; 32]);

/// Whoever holds the administrator's token; everyone else is refused.
pub struct Admin;

impl<S> FromRequestParts<S> for Admin
where
    AdminTokenHash: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bearer = <Bearer as FromRequestParts<_>>::from_request_parts(parts, state).await?;
        let AdminTokenHash(expected) = AdminTokenHash::from_ref(state);
        if same_secret(&bearer.hash(), &expected) { Ok(Self) } else { Err(Problem::unauthorized()) }
    }
}
