//! The adapter for the sandbox bank.
//!
//! | module | what it gives |
//! |---|---|
//! | `exchange` | one HTTP request and what its ending proves |
//! | `wire` | the bank's JSON |

mod exchange;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;

use anyhow::Context;
use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;
use reqwest::Url;
use serde_json::json;

use self::exchange::{Answer, Exchange, SendFailure};
use super::{
    Checkout, CheckoutState, NewCheckout, NewRefund, NewTransfer, Page, Payment, Provider,
    ProviderError, Refund, Transfer, TransferOutcome, WebhookError, WebhookEvent, signature,
};

/// How many objects a listing asks for at once: a sweep of thousands stays a few requests, and a
/// page stays far below the limit on an answer's size.
const PAGE_LIMIT: u32 = 100;

/// The header that carries a webhook's signature.
const SIGNATURE_HEADER: &str = "bank-signature";

/// The sandbox bank behind the provider port. No real money moves.
pub struct SandboxProvider {
    exchange: Exchange,
    webhook_secret: String,
}

impl SandboxProvider {
    /// An adapter for the bank at `base_url` (`http://host:port`). Nothing is sent yet.
    ///
    /// # Errors
    /// When `base_url` is no URL that can carry paths, or `api_key` no header value.
    pub fn new(
        base_url: &str,
        api_key: impl Into<String>,
        webhook_secret: impl Into<String>,
    ) -> anyhow::Result<Self> {
        let base_url = Url::parse(base_url)
            .with_context(|| format!("sandbox bank's base url `{base_url}` is not a url"))?;
        let exchange = Exchange::new(base_url, &api_key.into())?;
        Ok(Self { exchange, webhook_secret: webhook_secret.into() })
    }

    #[cfg(test)]
    fn with_answer_timeout(mut self, timeout: std::time::Duration) -> Self {
        self.exchange = self.exchange.with_answer_timeout(timeout);
        self
    }

    async fn page(&self, path: &str, after: Option<&str>) -> Result<Answer, ProviderError> {
        let limit = PAGE_LIMIT.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(after.map(|cursor| ("after", cursor)));
        let answer = self.exchange.get(&["v1", path], &query).await?;
        answer.success().map_err(ProviderError::from)
    }
}

#[async_trait]
impl Provider for SandboxProvider {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn is_test(&self) -> bool {
        true
    }

    async fn create_checkout(&self, checkout: NewCheckout) -> Result<Checkout, ProviderError> {
        let body = json!({
            "reference": checkout.reference,
            "amount_minor": checkout.amount.minor,
            "currency": checkout.amount.currency,
            "description": checkout.description,
            "return_url": checkout.return_url,
        });
        let answer = self
            .exchange
            .post(&["v1", "checkouts"], &checkout.reference, &body)
            .await?
            .success()?;
        let opened: wire::Checkout = answer.json()?;
        if opened.reference != checkout.reference || opened.amount() != checkout.amount {
            return Err(contradiction("checkout"));
        }
        Ok(Checkout { id: opened.id, url: opened.url })
    }

    async fn checkout(&self, checkout_id: &str) -> Result<Option<CheckoutState>, ProviderError> {
        let answer = self.exchange.get(&["v1", "checkouts", checkout_id], &[]).await?;
        if answer.is_not_found() {
            return Ok(None);
        }
        let checkout: wire::Checkout = answer.success()?.json()?;
        if checkout.id != checkout_id {
            return Err(contradiction("checkout"));
        }
        checkout.state().map(Some).ok_or_else(|| ProviderError::Unknown {
            reason: "the checkout is in a state that cannot be".to_owned(),
        })
    }

    async fn payment(&self, payment_id: &str) -> Result<Option<Payment>, ProviderError> {
        let answer = self.exchange.get(&["v1", "payments", payment_id], &[]).await?;
        if answer.is_not_found() {
            return Ok(None);
        }
        let payment = Payment::from(answer.success()?.json::<wire::Payment>()?);
        if payment.id != payment_id {
            return Err(contradiction("payment"));
        }
        Ok(Some(payment))
    }

    async fn payments(&self, after: Option<&str>) -> Result<Page<Payment>, ProviderError> {
        Ok(self.page("payments", after).await?.json::<wire::Page<wire::Payment>>()?.map(after))
    }

    async fn transfer(&self, transfer: NewTransfer) -> TransferOutcome {
        let body = json!({
            "reference": transfer.provider_ref,
            "amount_minor": transfer.amount.minor,
            "currency": transfer.amount.currency,
            "destination": transfer.destination,
        });
        let sent = self.exchange.post(&["v1", "transfers"], &transfer.provider_ref, &body).await;
        match sent.and_then(Answer::success).and_then(|answer| answer.json::<wire::Transfer>()) {
            Ok(object) => {
                let object = Transfer::from(object);
                if object.matches(&transfer) {
                    TransferOutcome::of(object)
                } else {
                    TransferOutcome::Unknown {
                        reason: "the answer speaks of another transfer".to_owned(),
                    }
                }
            }
            Err(SendFailure::NotSent(reason)) => TransferOutcome::NotSent { reason },
            Err(SendFailure::Refused { code, message }) => {
                TransferOutcome::Refused { code, message }
            }
            Err(SendFailure::Unknown(reason)) => TransferOutcome::Unknown { reason },
        }
    }

    async fn transfer_by_reference(
        &self,
        provider_ref: &str,
    ) -> Result<Option<Transfer>, ProviderError> {
        let answer =
            self.exchange.get(&["v1", "transfers"], &[("reference", provider_ref)]).await?;
        let found = answer.success()?.json::<wire::Page<wire::Transfer>>()?.items;
        let count = found.len();
        match found.into_iter().next() {
            Some(_) if count > 1 => {
                Err(ProviderError::Ambiguous { reference: provider_ref.to_owned(), count })
            }
            Some(transfer) if transfer.reference != provider_ref => Err(contradiction("transfer")),
            found => Ok(found.map(Transfer::from)),
        }
    }

    async fn transfers(&self, after: Option<&str>) -> Result<Page<Transfer>, ProviderError> {
        Ok(self.page("transfers", after).await?.json::<wire::Page<wire::Transfer>>()?.map(after))
    }

    async fn refund(&self, refund: NewRefund) -> Result<Refund, ProviderError> {
        let body = json!({
            "reference": refund.reference,
            "payment_id": refund.payment_id,
            "amount_minor": refund.amount.minor,
            "currency": refund.amount.currency,
        });
        let answer =
            self.exchange.post(&["v1", "refunds"], &refund.reference, &body).await?.success()?;
        let made: wire::Refund = answer.json()?;
        let made = Refund { amount: made.amount(), id: made.id, payment_id: made.payment_id };
        if made.payment_id != refund.payment_id || made.amount != refund.amount {
            return Err(contradiction("refund"));
        }
        Ok(made)
    }

    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        raw_body: &[u8],
        now: Timestamp,
    ) -> Result<WebhookEvent, WebhookError> {
        signature::verify(SIGNATURE_HEADER, headers, raw_body, &[&self.webhook_secret], now)?;
        let event: wire::Event = serde_json::from_slice(raw_body)
            .map_err(|error| WebhookError::BodyMalformed { reason: error.to_string() })?;
        Ok(event.into())
    }
}

impl fmt::Debug for SandboxProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxProvider")
            .field("base_url", &self.exchange.base_url().as_str())
            .field("api_key", &"***")
            .field("webhook_secret", &"***")
            .finish()
    }
}

/// An answer that speaks of something else than what was asked for proves nothing.
fn contradiction(what: &str) -> ProviderError {
    ProviderError::Unknown { reason: format!("the answer speaks of another {what}") }
}
