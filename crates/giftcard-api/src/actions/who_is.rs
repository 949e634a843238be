//! Who is signed in: accounts and their sessions are giveaway-api's, which is asked.

use contracts::giveaway::{WhoIsRequest, account_service_client::AccountServiceClient};

use crate::{
    domain::ids::MerchantId,
    error::{Error, Result},
    service::Service,
};

/// Somebody who is signed in, as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The merchant at whose till they stand.
    pub(crate) merchant: Option<MerchantId>,
    /// Whether they look after the installation.
    pub(crate) is_admin: bool,
}

/// Whose session has this hash, if it counts.
///
/// # Errors
/// When that cannot be found out for the moment.
pub(crate) async fn who_is(service: &Service, session_hash: &[u8]) -> Result<Option<Who>> {
    let Some(accounts) = service.accounts.get() else { return Ok(None) };
    let request = WhoIsRequest { session_hash: session_hash.to_vec().into() };
    let answer = AccountServiceClient::new(accounts.clone()).who_is(request).await;
    let answer = answer.map_err(|status| {
        tracing::warn!(code = ?status.code(), "giveaway-api does not say who is signed in");
        Error::Later("who is signed in cannot be found out right now")
    })?;
    let Some(who) = answer.into_inner().signed_in else { return Ok(None) };
    let merchant = match who.merchant_id.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|bad: platform::id::BadId| anyhow::Error::new(bad))?),
    };
    Ok(Some(Who { merchant, is_admin: who.is_admin }))
}
