//! Amounts, pages, checkouts, payments and refunds as the port speaks of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An amount as providers speak of it. The ledger's own money type is built from it at the edge of
/// an application, because this crate knows no ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderAmount {
    /// Minor units of the currency (cents for `USD`).
    pub minor: i64,
    /// The ISO 4217 code in capitals.
    pub currency: String,
}

impl ProviderAmount {
    /// An amount of `minor` units of `currency`.
    pub fn new(minor: i64, currency: impl Into<String>) -> Self {
        Self { minor, currency: currency.into() }
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The objects, in the order of their last change.
    pub items: Vec<T>,
    /// Where the next page begins; unchanged when the page is empty, so it can always be kept.
    pub cursor: Option<String>,
    /// Whether a further page is there already.
    pub has_more: bool,
}

/// A checkout to open. Serializable, so that its owner can keep it and send the same again: the
/// provider takes another body under the same reference for a misuse of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCheckout {
    /// Our reference, unique per checkout; also the provider's idempotency key.
    pub reference: String,
    /// What is to be paid.
    pub amount: ProviderAmount,
    /// What the customer reads on the page; empty for nothing.
    pub description: String,
    /// Where the page links back to after paying.
    pub return_url: Option<String>,
}

/// An opened checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The provider's id.
    pub id: String,
    /// The hosted page where the customer pays.
    pub url: String,
}

/// Where an opened checkout stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutState {
    /// It waits for the customer.
    Open,
    /// The customer has paid or tried to: the payment tells.
    Complete {
        /// The provider's id of the payment.
        payment_id: String,
    },
    /// Nobody paid, and nobody can any more.
    Expired,
}

/// A payment as the provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id: a payment is credited once per id.
    pub id: String,
    /// Our reference, from the checkout.
    pub reference: String,
    /// What the customer paid.
    pub amount: ProviderAmount,
    /// What the provider kept of it, in minor units of the same currency.
    pub cost_minor: i64,
    /// How much was given back by refunds, in minor units.
    pub refunded_minor: i64,
    /// How much was taken back by a chargeback, in minor units.
    pub charged_back_minor: i64,
    /// Where the payment stands.
    pub status: PaymentStatus,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Made, not yet sure.
    Pending,
    /// The money is ours.
    Paid,
    /// It will never be paid.
    Failed,
    /// It was paid, and the customer's bank took it back.
    ChargedBack,
}

/// A refund to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// Our reference, unique per refund; also the provider's idempotency key.
    pub reference: String,
    /// The payment to give back.
    pub payment_id: String,
    /// How much of it.
    pub amount: ProviderAmount,
}

/// A refund that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The provider's id.
    pub id: String,
    /// The refunded payment.
    pub payment_id: String,
    /// How much was given back.
    pub amount: ProviderAmount,
}
