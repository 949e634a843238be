//! Events that the provider pushes, and why one is rejected.

use jiff::Timestamp;

/// An event whose signature was verified. It carries no amounts on purpose: the receiver fetches
/// the object again and believes only that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The provider's event id: the key of the inbox row, for ever.
    pub id: String,
    /// What happened.
    pub kind: WebhookEventKind,
    /// The payment or transfer that it happened to.
    pub object_id: String,
    /// Our reference of that object, when the event carries it.
    pub reference: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookEventKind {
    /// A payment became paid.
    PaymentPaid,
    /// A payment was charged back.
    PaymentChargedBack,
    /// A transfer became paid.
    TransferPaid,
    /// A transfer failed for good.
    TransferFailed,
    /// A paid transfer came back.
    TransferReversed,
    /// An event that we do not act on. It is still answered with success, or it would be resent.
    Other(String),
}

/// Why a webhook is rejected. The sender learns none of this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// No signature header.
    #[error("signature header is missing")]
    SignatureMissing,
    /// A signature header that cannot be read.
    #[error("signature header is malformed")]
    SignatureMalformed,
    /// Signed too long ago, or in the future: a replay, or a clock that is wrong.
    #[error("signature is outside the tolerance of {tolerance_s} s")]
    OutsideTolerance {
        /// The tolerance in seconds.
        tolerance_s: i64,
    },
    /// The signature is not of this body and our secret.
    #[error("signature does not match")]
    SignatureMismatch,
    /// Signed, but not an event.
    #[error("event is malformed: {reason}")]
    BodyMalformed {
        /// What could not be read.
        reason: String,
    },
}
