//! Who calls.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use platform::{
    http::{Bearer, Problem},
    token::same_secret,
};

use crate::{domain::ids::MerchantId, service::Shared, store::token};

/// The operator of this installation.
pub(crate) struct Admin;

impl FromRequestParts<Shared> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Problem> {
        let bearer =
            <Bearer as FromRequestParts<Shared>>::from_request_parts(parts, service).await?;
        if same_secret(&bearer.hash(), &service.admin_token_hash) {
            Ok(Self)
        } else {
            Err(Problem::unauthorized())
        }
    }
}

/// A merchant, by its token.
pub(crate) struct MerchantAuth(pub(crate) MerchantId);

impl FromRequestParts<Shared> for MerchantAuth {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Problem> {
        let bearer =
            <Bearer as FromRequestParts<Shared>>::from_request_parts(parts, service).await?;
        token::merchant(service.db.read(), &bearer.hash())
            .await
            .map_err(Problem::unexpected)?
            .map(Self)
            .ok_or_else(Problem::unauthorized)
    }
}

impl OptionalFromRequestParts<Shared> for MerchantAuth {
    type Rejection = Problem;

    /// Nobody without a token; but a token that is given must be good.
    async fn from_request_parts(
        parts: &mut Parts,
        service: &Shared,
    ) -> Result<Option<Self>, Problem> {
        if !parts.headers.contains_key(http::header::AUTHORIZATION) {
            return Ok(None);
        }
        <Self as FromRequestParts<Shared>>::from_request_parts(parts, service).await.map(Some)
    }
}
