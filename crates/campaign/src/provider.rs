//! The payment provider behind fail points: before a request leaves, and after its answer has come.

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;
use platform::{
    boundary::Broken,
    provider::{
        Checkout, CheckoutState, NewCheckout, NewRefund, NewTransfer, Page, Payment, Provider,
        ProviderError, Refund, Transfer, TransferOutcome, WebhookError, WebhookEvent,
    },
};

use crate::points::Watcher;

/// A provider whose network fails where it is planned.
#[derive(Debug)]
pub(crate) struct Bounded {
    pub(crate) inner: Arc<dyn Provider>,
    pub(crate) watcher: Watcher,
}

impl Bounded {
    /// Before a request: broken, not one byte of it left.
    async fn ask(&self, what: &str) -> Result<(), ProviderError> {
        let broken = |Broken| ProviderError::NotSent { reason: "no connection".to_owned() };
        self.watcher.reach(&format!("provider.{what}.ask")).await.map_err(broken)
    }

    /// After the answer: broken, nobody has seen it.
    async fn answered(&self, what: &str) -> Result<(), ProviderError> {
        let broken = |Broken| ProviderError::Unknown { reason: "no answer came".to_owned() };
        self.watcher.reach(&format!("provider.{what}.answered")).await.map_err(broken)
    }
}

/// One exchange between its two points.
macro_rules! exchange {
    ($self:ident, $what:literal, $call:expr) => {{
        $self.ask($what).await?;
        let answer = $call.await;
        $self.answered($what).await?;
        answer
    }};
}

#[async_trait]
impl Provider for Bounded {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn is_test(&self) -> bool {
        self.inner.is_test()
    }

    async fn create_checkout(&self, checkout: NewCheckout) -> Result<Checkout, ProviderError> {
        exchange!(self, "checkout", self.inner.create_checkout(checkout))
    }

    async fn checkout(&self, id: &str) -> Result<Option<CheckoutState>, ProviderError> {
        exchange!(self, "checkout_state", self.inner.checkout(id))
    }

    async fn payment(&self, payment_id: &str) -> Result<Option<Payment>, ProviderError> {
        exchange!(self, "payment", self.inner.payment(payment_id))
    }

    async fn payments(&self, after: Option<&str>) -> Result<Page<Payment>, ProviderError> {
        exchange!(self, "payments", self.inner.payments(after))
    }

    async fn transfer(&self, transfer: NewTransfer) -> TransferOutcome {
        if let Err(error) = self.ask("transfer").await {
            return TransferOutcome::NotSent { reason: error.to_string() };
        }
        let outcome = self.inner.transfer(transfer).await;
        match self.answered("transfer").await {
            Ok(()) => outcome,
            Err(error) => TransferOutcome::Unknown { reason: error.to_string() },
        }
    }

    async fn transfer_by_reference(
        &self,
        provider_ref: &str,
    ) -> Result<Option<Transfer>, ProviderError> {
        exchange!(self, "look_up", self.inner.transfer_by_reference(provider_ref))
    }

    async fn transfers(&self, after: Option<&str>) -> Result<Page<Transfer>, ProviderError> {
        exchange!(self, "transfers", self.inner.transfers(after))
    }

    async fn refund(&self, refund: NewRefund) -> Result<Refund, ProviderError> {
        exchange!(self, "refund", self.inner.refund(refund))
    }

    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        raw_body: &[u8],
        now: Timestamp,
    ) -> Result<WebhookEvent, WebhookError> {
        self.inner.verify_webhook(headers, raw_body, now)
    }
}
