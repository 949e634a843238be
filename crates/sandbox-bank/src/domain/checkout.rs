//! A checkout: a page where one amount can be paid once.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::payment::PaymentStatus;

/// How long a checkout can be paid, as large providers have it.
pub(crate) const CHECKOUT_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// A checkout as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Checkout {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) status: CheckoutStatus,
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) description: Option<String>,
    pub(crate) return_url: Option<String>,
    pub(crate) payment_id: Option<String>,
    pub(crate) created_at: Timestamp,
}

/// Where a checkout stands; it follows from its payment and its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckoutStatus {
    Open,
    Processing,
    Paid,
    Failed,
    /// Nobody paid in time, and nobody can any more.
    Expired,
}

impl CheckoutStatus {
    /// A charged-back payment was paid, so its checkout stays paid.
    pub(crate) fn of(payment: Option<PaymentStatus>, age: SignedDuration) -> Self {
        match payment {
            None if age >= CHECKOUT_LIFETIME => Self::Expired,
            None => Self::Open,
            Some(PaymentStatus::Pending) => Self::Processing,
            Some(PaymentStatus::Paid | PaymentStatus::ChargedBack) => Self::Paid,
            Some(PaymentStatus::Failed) => Self::Failed,
        }
    }
}
