//! Why a call to the provider has no result.

/// Why a call to the provider has no result. Only [`ProviderError::Refused`] is a statement of the
/// provider; everything else leaves open what happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No connection was made, so not one byte of the request left. Safe to repeat.
    #[error("provider not reached: {reason}")]
    NotSent {
        /// What went wrong.
        reason: String,
    },
    /// The provider's typed answer to this request: it did not and will not happen.
    #[error("provider refused with {code}: {message}")]
    Refused {
        /// The provider's code, for example `payment_not_refundable`.
        code: String,
        /// The provider's words.
        message: String,
    },
    /// Timeout, 5xx, malformed or contradicting answer, connection lost after the send.
    #[error("provider's answer unknown: {reason}")]
    Unknown {
        /// What went wrong.
        reason: String,
    },
    /// Several transfers carry one reference: money may have moved twice. For the operator.
    #[error("provider knows {count} transfers with reference {reference}")]
    Ambiguous {
        /// The reference that should be unique.
        reference: String,
        /// How many transfers carry it.
        count: usize,
    },
}
