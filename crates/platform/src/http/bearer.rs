//! `Authorization: Bearer …`.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{header::AUTHORIZATION, request::Parts};

use super::Problem;

/// A bearer token as given. What it stands for is for the service to look up, by its hash.
pub struct Bearer(String);

impl Bearer {
    /// The token itself, to be hashed and not kept.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The hash under which it is looked up.
    pub fn hash(&self) -> [u8; 32] {
        crate::token::hash_bearer(&self.0)
    }

    /// The token of a request, if there is one.
    pub fn of(parts: &Parts) -> Option<Self> {
        let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Self(token.trim().to_owned()))
    }
}

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(********)")
    }
}

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(parts).ok_or_else(Problem::unauthorized)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Ok(Self::of(parts))
    }
}
