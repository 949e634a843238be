//! A host asks to top up its wallet: a checkout is opened at the provider. The money counts once the
//! provider says that it was paid.

use http::StatusCode;
use ledger::{Money, idempotency::Scope};
use platform::{
    http::IdempotencyKey,
    provider::{NewCheckout, ProviderAmount, ProviderError},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::idempotent::{self, Begun};
use crate::{
    domain::top_up::{AMOUNT_MINOR, TopUpState},
    error::{Error, Result},
    ids::{HostId, TopUpId},
    service::Service,
    store::top_up,
};

/// What a host asks for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTopUp {
    /// How much.
    #[schema(schema_with = platform::document::amount::<100, 100_000_000>)]
    pub amount: Money,
}

/// A top-up as its host sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TopUpView {
    /// Its id.
    pub id: TopUpId,
    /// How much was asked for.
    pub amount: Money,
    /// `pending`, `paid` or `failed`.
    pub state: TopUpState,
    /// Where to pay.
    #[schema(format = "uri")]
    pub checkout_url: Option<String>,
}

/// Asks for a top-up, once per idempotency key. A repeat returns the top-up as it stands, and opens
/// the checkout if the first try did not get so far.
///
/// # Errors
/// An amount that cannot be topped up; a provider that refuses or does not answer.
pub async fn top_up_wallet(
    service: &Service,
    host: HostId,
    new: NewTopUp,
    key: &IdempotencyKey,
) -> Result<TopUpView> {
    if !AMOUNT_MINOR.contains(&new.amount.minor) {
        let (least, most) = (AMOUNT_MINOR.start(), AMOUNT_MINOR.end());
        return Err(Error::field("/amount/minor", format!("must be from {least} to {most}")));
    }
    let scope = Scope::http(service.mode(), host.0, "top_up");
    let stored = match idempotent::begin(service, scope, key).await? {
        Begun::Replay(stored) => stored,
        Begun::Fresh(attempt) => {
            let id = TopUpId::new();
            let now = service.clock.now();
            let checkout = checkout_for(service, id, new.amount);
            let inserted = top_up::insert(attempt.tx(), id, host, new.amount, &checkout, now).await;
            attempt.finish(inserted.map(|()| (StatusCode::CREATED, json!({ "id": id })))).await?
        }
    };
    let id: TopUpId =
        serde_json::from_value(stored.body["id"].clone()).map_err(anyhow::Error::from)?;
    let row = find(service, host, id).await?;
    let url = match row.checkout_url.clone() {
        Some(url) => url,
        None if row.state()? != TopUpState::Pending => return view(id, &row),
        None => open_checkout(service, id, row.checkout_request()?).await?,
    };
    Ok(TopUpView { checkout_url: Some(url), ..view(id, &row)? })
}

/// A host's top-up.
///
/// # Errors
/// An unknown top-up, or one of another host.
pub async fn read_top_up(service: &Service, host: HostId, id: TopUpId) -> Result<TopUpView> {
    view(id, &find(service, host, id).await?)
}

async fn find(service: &Service, host: HostId, id: TopUpId) -> Result<top_up::Model> {
    top_up::find(service.db.read(), id)
        .await?
        .filter(|row| row.host_id == host.0)
        .ok_or(Error::NotFound("top-up"))
}

fn view(id: TopUpId, row: &top_up::Model) -> Result<TopUpView> {
    Ok(TopUpView {
        id,
        amount: row.amount()?,
        state: row.state()?,
        checkout_url: row.checkout_url.clone(),
    })
}

/// The provider knows the checkout by our reference, so that opening it twice opens one.
fn checkout_for(service: &Service, id: TopUpId, amount: Money) -> NewCheckout {
    NewCheckout {
        reference: id.to_string(),
        amount: ProviderAmount::new(amount.minor, amount.currency.as_str()),
        description: format!("Top-up of {amount}"),
        // There a host sees the money come in.
        return_url: Some(format!("{}/host/wallet/top-ups/{id}", service.config.public_url)),
    }
}

/// Asks the provider in the words that were stored with the top-up: the public address, for one,
/// may have changed since an earlier try that the provider remembers.
async fn open_checkout(service: &Service, id: TopUpId, checkout: NewCheckout) -> Result<String> {
    let opened = service.provider.create_checkout(checkout).await.map_err(|error| match error {
        // Both adapters' code for too many requests at once, which says nothing about this one.
        ProviderError::Refused { code, .. } if code.starts_with("rate_limit") => {
            tracing::warn!(top_up = %id, code, "no checkout was opened");
            Error::Unavailable("the payment provider is busy; repeat the request".into())
        }
        ProviderError::Refused { code, message } => {
            tracing::warn!(top_up = %id, code, message, "the provider refused a checkout");
            Error::state("checkout_refused", "the payment provider refused to open a checkout")
        }
        error => {
            tracing::warn!(top_up = %id, %error, "no checkout was opened");
            Error::Unavailable("the payment provider does not answer; repeat the request".into())
        }
    })?;
    top_up::set_checkout(service.db.write(), id, opened.id, opened.url.clone()).await?;
    Ok(opened.url)
}
