//! The adapter for Stripe: Checkout takes payments, Connect transfers pay merchants.
//!
//! | module | what it gives |
//! |---|---|
//! | `exchange` | one HTTP request and what its ending proves |
//! | `wire` | Stripe's JSON, and what it means for money |
//! | `currency` | which amounts mean the same to Stripe and to us |
//! | `cursor`, `listing` | listings in the order of change, out of objects and events |
//! | `event` | which events concern us, pushed or listed |
//!
//! | of the port | at Stripe |
//! |---|---|
//! | checkout | a Checkout Session |
//! | payment | a PaymentIntent, its latest charge, that charge's balance transaction and disputes |
//! | transfer | a Transfer to a connected account, `transfer_group` = our reference |
//! | refund | a Refund |
//!
//! One Stripe account belongs to one installation: payments and transfers that others make in it
//! show up in the listings, and are money that nobody can explain.

mod currency;
mod cursor;
mod event;
mod exchange;
mod listing;
#[cfg(test)]
mod tests;
mod wire;

use std::{fmt, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;
use reqwest::Url;

use self::{
    exchange::{Exchange, SendFailure},
    listing::Listed,
};
use super::{
    Checkout, CheckoutState, NewCheckout, NewRefund, NewTransfer, Page, Payment, Provider,
    ProviderError, Refund, Transfer, TransferOutcome, WebhookError, WebhookEvent, signature,
};

/// Where Stripe is.
pub const BASE_URL: &str = "https://api.stripe.com";

/// The header that carries a webhook's signature.
const SIGNATURE_HEADER: &str = "stripe-signature";

/// What is expanded in a PaymentIntent: without it, there are ids instead of the cost.
const EXPAND_PAYMENT: &str = "latest_charge.balance_transaction";

/// The most objects that Stripe lists at once. Nothing of ours comes near it: two transfers with one
/// reference are already one too many, and a charge has a handful of disputes at most.
const LIMIT: (&str, &str) = ("limit", "100");

/// Whether a key moves real money: a secret or restricted key of live mode (page "API keys").
pub fn is_live_key(api_key: &str) -> bool {
    ["sk_live_", "rk_live_"].iter().any(|prefix| api_key.starts_with(prefix))
}

/// Whether a key is for tests.
pub fn is_test_key(api_key: &str) -> bool {
    ["sk_test_", "rk_test_"].iter().any(|prefix| api_key.starts_with(prefix))
}

/// The secrets in a configured text: Stripe gives each webhook endpoint one of its own, and our two
/// applications have an endpoint each, so several are separated by commas.
pub fn webhook_secrets(configured: &str) -> impl Iterator<Item = &str> {
    configured.split(',').map(str::trim).filter(|secret| !secret.is_empty())
}

/// Stripe behind the provider port.
pub struct StripeProvider {
    exchange: Exchange,
    webhook_secrets: Vec<String>,
    is_live: bool,
}

impl StripeProvider {
    /// An adapter for Stripe at `base_url` (normally [`BASE_URL`]). `webhook_secret` may hold
    /// several, see [`webhook_secrets`]. Nothing is sent yet.
    ///
    /// # Errors
    /// When `base_url` is no URL that can carry paths, `api_key` no secret or restricted key, or
    /// `webhook_secret` empty.
    pub fn new(base_url: &str, api_key: &str, webhook_secret: &str) -> anyhow::Result<Self> {
        let base_url = Url::parse(base_url)
            .with_context(|| format!("stripe's base url `{base_url}` is not a url"))?;
        anyhow::ensure!(
            is_live_key(api_key) || is_test_key(api_key),
            "stripe's api key begins with none of sk_live_, rk_live_, sk_test_ and rk_test_"
        );
        let webhook_secrets: Vec<_> =
            self::webhook_secrets(webhook_secret).map(str::to_owned).collect();
        anyhow::ensure!(!webhook_secrets.is_empty(), "stripe's webhook secret is empty");
        let exchange = Exchange::new(base_url, api_key)?;
        Ok(Self { exchange, webhook_secrets, is_live: is_live_key(api_key) })
    }

    /// Waits so long for an answer before the outcome counts as unknown. A look-up and a send must
    /// fit into the lease of an attempt.
    #[must_use]
    pub fn with_answer_timeout(mut self, timeout: Duration) -> Self {
        self.exchange = self.exchange.with_answer_timeout(timeout);
        self
    }

    /// With what is needed to tell how much of the payment was taken back.
    async fn complete(&self, intent: wire::PaymentIntent) -> Result<Payment, ProviderError> {
        let mut disputes = Vec::new();
        if intent.is_disputed() {
            let query = [LIMIT, ("payment_intent", intent.id.as_str())];
            let answer = self.exchange.get(&["v1", "disputes"], &query).await?.success()?;
            disputes = answer.json::<wire::List<wire::Dispute>>()?.data;
        }
        Ok(intent.payment(&disputes))
    }

    async fn transfer_by_id(&self, id: &str) -> Result<Option<Transfer>, ProviderError> {
        let answer = self.exchange.get(&["v1", "transfers", id], &[]).await?;
        if answer.is_missing() {
            return Ok(None);
        }
        let transfer = Transfer::from(answer.success()?.json::<wire::Transfer>()?);
        if transfer.id != id {
            return Err(contradiction("transfer"));
        }
        Ok(readable(transfer))
    }

    async fn send_transfer(&self, transfer: &NewTransfer) -> Result<Transfer, SendFailure> {
        currency::check(&transfer.amount)?;
        let form = [
            ("amount", &*transfer.amount.minor.to_string()),
            ("currency", &transfer.amount.currency.to_ascii_lowercase()),
            ("destination", &transfer.destination),
            ("transfer_group", &transfer.provider_ref),
            ("metadata[reference]", &transfer.provider_ref),
        ];
        let sent = self.exchange.post(&["v1", "transfers"], &transfer.provider_ref, &form).await;
        let object = Transfer::from(sent?.success()?.json::<wire::Transfer>()?);
        if object.matches(transfer) {
            Ok(object)
        } else {
            Err(SendFailure::Unknown("the answer speaks of another transfer".to_owned()))
        }
    }
}

#[async_trait]
impl Provider for StripeProvider {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn is_test(&self) -> bool {
        !self.is_live
    }

    async fn create_checkout(&self, checkout: NewCheckout) -> Result<Checkout, ProviderError> {
        currency::check(&checkout.amount)?;
        let Some(return_url) = checkout.return_url.as_deref() else {
            return Err(ProviderError::Refused {
                code: "return_url_missing".to_owned(),
                message: "stripe's page needs an address to lead back to".to_owned(),
            });
        };
        // Stripe wants a name for what is paid.
        let name = match checkout.description.as_str() {
            "" => &checkout.reference,
            description => description,
        };
        let form = [
            ("mode", "payment"),
            ("client_reference_id", &checkout.reference),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", &checkout.amount.currency.to_ascii_lowercase()),
            ("line_items[0][price_data][unit_amount]", &checkout.amount.minor.to_string()),
            ("line_items[0][price_data][product_data][name]", name),
            // The session's own reference is not copied to the payment, which is what we look at.
            ("payment_intent_data[metadata][reference]", &checkout.reference),
            // Captured at once, so that the cost is known as soon as the payment is.
            ("payment_intent_data[capture_method]", "automatic"),
            ("success_url", return_url),
            ("cancel_url", return_url),
        ];
        let answer = self
            .exchange
            .post(&["v1", "checkout", "sessions"], &checkout.reference, &form)
            .await?
            .success()?;
        let opened: wire::CheckoutSession = answer.json()?;
        let is_ours = opened.client_reference_id.as_ref() == Some(&checkout.reference)
            && opened.amount().as_ref() == Some(&checkout.amount);
        match opened.url {
            Some(url) if is_ours => Ok(Checkout { id: opened.id, url }),
            _ => Err(contradiction("checkout")),
        }
    }

    async fn checkout(&self, checkout_id: &str) -> Result<Option<CheckoutState>, ProviderError> {
        // An empty last segment would ask for the list.
        if checkout_id.is_empty() {
            return Ok(None);
        }
        let path = ["v1", "checkout", "sessions", checkout_id];
        let answer = self.exchange.get(&path, &[]).await?;
        if answer.is_missing() {
            return Ok(None);
        }
        let session: wire::CheckoutSession = answer.success()?.json()?;
        if session.id != checkout_id {
            return Err(contradiction("checkout"));
        }
        session.state().map(Some).ok_or_else(|| ProviderError::Unknown {
            reason: "the checkout is in a state that cannot be".to_owned(),
        })
    }

    async fn payment(&self, payment_id: &str) -> Result<Option<Payment>, ProviderError> {
        // An empty last segment would ask for the list.
        if payment_id.is_empty() {
            return Ok(None);
        }
        let path = ["v1", "payment_intents", payment_id];
        let answer = self.exchange.get(&path, &[("expand[]", EXPAND_PAYMENT)]).await?;
        if answer.is_missing() {
            return Ok(None);
        }
        let intent: wire::PaymentIntent = answer.success()?.json()?;
        if intent.id != payment_id {
            return Err(contradiction("payment"));
        }
        self.complete(intent).await.map(Some)
    }

    async fn payments(&self, after: Option<&str>) -> Result<Page<Payment>, ProviderError> {
        listing::page(self, after).await
    }

    async fn transfer(&self, transfer: NewTransfer) -> TransferOutcome {
        match self.send_transfer(&transfer).await {
            Ok(object) => TransferOutcome::of(object),
            Err(SendFailure::NotSent(reason)) => TransferOutcome::NotSent { reason },
            Err(SendFailure::Refused { code, message }) => {
                TransferOutcome::Refused { code, message }
            }
            Err(SendFailure::Unknown(reason)) => TransferOutcome::Unknown { reason },
        }
    }

    /// Asks the list, which shows what was created before, and never the search, which lags.
    async fn transfer_by_reference(
        &self,
        provider_ref: &str,
    ) -> Result<Option<Transfer>, ProviderError> {
        // An empty filter would show every transfer.
        if provider_ref.is_empty() {
            return Ok(None);
        }
        let query = [LIMIT, ("transfer_group", provider_ref)];
        let answer = self.exchange.get(&["v1", "transfers"], &query).await?.success()?;
        let found: Vec<Transfer> = answer
            .json::<wire::List<wire::Transfer>>()?
            .data
            .into_iter()
            .map(Transfer::from)
            .collect();
        if found.iter().any(|transfer| transfer.provider_ref != provider_ref) {
            return Err(contradiction("transfer"));
        }
        match found.len() {
            0 | 1 => Ok(found.into_iter().next()),
            count => Err(ProviderError::Ambiguous { reference: provider_ref.to_owned(), count }),
        }
    }

    async fn transfers(&self, after: Option<&str>) -> Result<Page<Transfer>, ProviderError> {
        listing::page(self, after).await
    }

    async fn refund(&self, refund: NewRefund) -> Result<Refund, ProviderError> {
        currency::check(&refund.amount)?;
        let form = [
            ("payment_intent", refund.payment_id.as_str()),
            ("amount", &refund.amount.minor.to_string()),
            ("metadata[reference]", &refund.reference),
        ];
        let answer =
            self.exchange.post(&["v1", "refunds"], &refund.reference, &form).await?.success()?;
        let made: wire::Refund = answer.json()?;
        let payment_id = made.payment_intent.as_ref().map(wire::Expandable::id);
        if payment_id != Some(&refund.payment_id) || made.amount() != refund.amount {
            return Err(contradiction("refund"));
        }
        // A refund can fail after it was made; then Stripe has put the money back to our balance.
        if matches!(made.status.as_deref(), Some("failed" | "canceled")) {
            return Err(ProviderError::Refused {
                code: made.failure_reason.unwrap_or_else(|| "refund_failed".to_owned()),
                message: format!("the refund {} did not reach the customer", made.id),
            });
        }
        Ok(Refund { id: made.id, payment_id: refund.payment_id, amount: refund.amount })
    }

    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        raw_body: &[u8],
        now: Timestamp,
    ) -> Result<WebhookEvent, WebhookError> {
        signature::verify(SIGNATURE_HEADER, headers, raw_body, &self.webhook_secrets, now)?;
        let event: event::Event = serde_json::from_slice(raw_body)
            .map_err(|error| WebhookError::BodyMalformed { reason: error.to_string() })?;
        Ok(event.into())
    }
}

impl fmt::Debug for StripeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeProvider")
            .field("base_url", &self.exchange.base_url().as_str())
            .field("api_key", &"***")
            .field("webhook_secrets", &format_args!("{} × ***", self.webhook_secrets.len()))
            .field("is_live", &self.is_live)
            .finish()
    }
}

#[async_trait]
impl Listed for Payment {
    type Wire = wire::PaymentIntent;

    const PATH: &'static str = "payment_intents";
    const EXPAND: &'static [&'static str] = &["data.latest_charge.balance_transaction"];
    const EVENTS: &'static [&'static str] = &event::OF_PAYMENTS;

    fn id(wire: &wire::PaymentIntent) -> &str {
        &wire.id
    }

    async fn complete(
        provider: &StripeProvider,
        wire: wire::PaymentIntent,
    ) -> Result<Option<Self>, ProviderError> {
        provider.complete(wire).await.map(Some)
    }

    async fn fetch(provider: &StripeProvider, id: &str) -> Result<Option<Self>, ProviderError> {
        provider.payment(id).await
    }
}

#[async_trait]
impl Listed for Transfer {
    type Wire = wire::Transfer;

    const PATH: &'static str = "transfers";
    const EXPAND: &'static [&'static str] = &[];
    const EVENTS: &'static [&'static str] = &event::OF_TRANSFERS;

    fn id(wire: &wire::Transfer) -> &str {
        &wire.id
    }

    async fn complete(
        _provider: &StripeProvider,
        wire: wire::Transfer,
    ) -> Result<Option<Self>, ProviderError> {
        Ok(readable(wire.into()))
    }

    async fn fetch(provider: &StripeProvider, id: &str) -> Result<Option<Self>, ProviderError> {
        provider.transfer_by_id(id).await
    }
}

/// A transfer whose amount means the same to us. None of ours is otherwise; one that somebody else
/// made must not be booked with a hundred times its amount.
fn readable(transfer: Transfer) -> Option<Transfer> {
    let is_supported = currency::is_supported(&transfer.amount.currency);
    if !is_supported {
        tracing::error!(
            transfer = transfer.id,
            currency = transfer.amount.currency,
            "a transfer at stripe is in a currency whose unit there is not ours"
        );
    }
    is_supported.then_some(transfer)
}

/// An answer that speaks of something else than what was asked for proves nothing.
fn contradiction(what: &str) -> ProviderError {
    ProviderError::Unknown { reason: format!("the answer speaks of another {what}") }
}
