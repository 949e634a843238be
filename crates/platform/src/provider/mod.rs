//! The payment provider as a small port: checkout, payment, transfer, look up by reference, list,
//! refund, verify webhook.
//!
//! | module | what it gives |
//! |---|---|
//! | [`types`] | amounts, pages, checkouts, payments, refunds |
//! | [`transfer`] | transfers, and what one send of a transfer allows to conclude |
//! | [`protocol`] | transfer first: what to exchange, and what each answer proves |
//! | [`webhook`] | events that the provider pushes, and why one is rejected |
//! | [`error`] | why a call has no result |
//! | [`sandbox`] | the adapter for the sandbox bank |
//! | [`stripe`] | the adapter for Stripe |
//! | `settings` | which provider, and what it is reached with |
//! | `signature` | the check of a webhook's signature, for both adapters |
//!
//! The provider is the truth for *whether* money moved, our database for *why*. The port therefore
//! never rounds an unclear answer up or down: what is not proven is [`TransferOutcome::Unknown`].

pub mod error;
pub mod protocol;
pub mod sandbox;
mod settings;
mod signature;
pub mod stripe;
pub mod transfer;
pub mod types;
pub mod webhook;

use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;

pub use error::ProviderError;
pub use sandbox::SandboxProvider;
pub use settings::{ProviderKind, ProviderSettings};
pub use stripe::StripeProvider;
pub use transfer::{NewTransfer, Transfer, TransferOutcome, TransferStatus};
pub use types::{
    Checkout, CheckoutState, NewCheckout, NewRefund, Page, Payment, PaymentStatus, ProviderAmount,
    Refund,
};
pub use webhook::{WebhookError, WebhookEvent, WebhookEventKind};

/// A payment provider. Implementations hold no state of ours: every method is one exchange with
/// the provider, bounded in time, never retried inside.
#[async_trait]
pub trait Provider: Send + Sync + std::fmt::Debug {
    /// The name under which our rows remember the provider, for example `sandbox`.
    fn name(&self) -> &'static str;

    /// Whether no real money moves. `live` mode refuses such a provider, and pages carry a mark.
    fn is_test(&self) -> bool;

    /// Opens a hosted payment page. Idempotent by `reference`: the same checkout asked for again
    /// within the provider's key lifetime is the same checkout.
    async fn create_checkout(&self, checkout: NewCheckout) -> Result<Checkout, ProviderError>;

    /// Where a checkout stands now; `None` when the provider knows no such checkout.
    async fn checkout(&self, checkout_id: &str) -> Result<Option<CheckoutState>, ProviderError>;

    /// The payment as the provider sees it now; `None` when the provider knows no such payment.
    async fn payment(&self, payment_id: &str) -> Result<Option<Payment>, ProviderError>;

    /// Payments in the order of their last change, beginning after `after` (a cursor of an earlier
    /// page, `None` for the beginning). A payment whose status changes moves to the end, so a
    /// sweep that keeps its cursor sees every change at least once.
    async fn payments(&self, after: Option<&str>) -> Result<Page<Payment>, ProviderError>;

    /// Sends a transfer once. Idempotent by `provider_ref` within the provider's key lifetime, and
    /// only for the same amount and destination; past it, look up instead of sending.
    async fn transfer(&self, transfer: NewTransfer) -> TransferOutcome;

    /// The transfer with this reference. `Ok(None)` means that the provider knows none *now*: a
    /// send that is still under way may yet arrive. `Err` means unknown, never "none".
    async fn transfer_by_reference(
        &self,
        provider_ref: &str,
    ) -> Result<Option<Transfer>, ProviderError>;

    /// Transfers in the order of their last change, with the promise of [`Provider::payments`].
    async fn transfers(&self, after: Option<&str>) -> Result<Page<Transfer>, ProviderError>;

    /// Gives a payment back, in whole or in part. Idempotent by `reference`.
    async fn refund(&self, refund: NewRefund) -> Result<Refund, ProviderError>;

    /// Checks that `raw_body`, exactly as received, was signed by the provider at most five
    /// minutes from `now`. The event says only *what to fetch again*, it is not a proof of money.
    fn verify_webhook(
        &self,
        headers: &HeaderMap,
        raw_body: &[u8],
        now: Timestamp,
    ) -> Result<WebhookEvent, WebhookError>;
}
