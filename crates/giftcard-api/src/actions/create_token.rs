//! A bearer token for a merchant, shown once.

use platform::token::new_bearer;

use crate::{
    domain::{
        ids::{MerchantId, TokenId},
        refusal::Refusal,
    },
    error::Result,
    service::Service,
    store::{
        merchant,
        token::{self, ApiToken, ROLE_MERCHANT},
    },
};

/// Makes a token. Only its hash is kept.
///
/// # Errors
/// When there is no such merchant.
pub(crate) async fn create_token(service: &Service, owner: MerchantId) -> Result<String> {
    if merchant::find(service.db.read(), owner).await?.is_none() {
        return Err(Refusal::NotFound { what: "merchant" }.into());
    }
    let (text, hash) = new_bearer(service.books.mode.as_str());
    let row = ApiToken {
        hash: hash.to_vec(),
        id: TokenId::new(),
        owner_id: owner,
        role: ROLE_MERCHANT.to_owned(),
        created_at: service.now_ms(),
        revoked_at: None,
    };
    token::insert(service.db.write(), row).await?;
    Ok(text)
}
