//! What the other application asks about whoever is at its pages.

use contracts::giveaway::{
    SignOutRequest, SignOutResponse, SignedIn, WhoIsRequest, WhoIsResponse,
    account_service_server::AccountService,
};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{
    actions::account::{sign_in::sign_out, who_is::who_is},
    error::Error,
};

#[tonic::async_trait]
impl AccountService for Rpc {
    async fn who_is(
        &self,
        request: Request<WhoIsRequest>,
    ) -> Result<Response<WhoIsResponse>, Status> {
        let hash = hash(&request.into_inner().session_hash)?;
        let found = who_is(&self.0, &hash).await?;
        let signed_in = found.map(|who| SignedIn {
            account_id: who.account.to_string(),
            merchant_id: who.roles.merchant.map(|id| id.to_string()).unwrap_or_default(),
            is_admin: who.roles.is_admin,
            form_token: self.0.accounts.form_token(&hash),
            authenticated_at_ms: who.authenticated_at.as_millisecond(),
            is_recent: who.is_recent,
        });
        Ok(Response::new(WhoIsResponse { signed_in }))
    }

    async fn sign_out(
        &self,
        request: Request<SignOutRequest>,
    ) -> Result<Response<SignOutResponse>, Status> {
        sign_out(&self.0, &hash(&request.into_inner().session_hash)?).await?;
        Ok(Response::new(SignOutResponse {}))
    }
}

fn hash(given: &[u8]) -> Result<[u8; 32], Error> {
    given.try_into().map_err(|_| Error::field("/session_hash", "must be of 32 bytes"))
}
