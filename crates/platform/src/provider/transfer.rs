//! Transfers, and what one send of a transfer allows to conclude.

use jiff::Timestamp;

use super::ProviderAmount;

/// A transfer to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// Our reference for this attempt (`stl_{id}_{attempt}`); also the provider's idempotency key.
    pub provider_ref: String,
    /// How much.
    pub amount: ProviderAmount,
    /// To whom, in the provider's terms.
    pub destination: String,
}

/// A transfer as the provider sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The provider's id, unique over all transfers.
    pub id: String,
    /// The reference that it was sent with.
    pub provider_ref: String,
    /// How much.
    pub amount: ProviderAmount,
    /// To whom.
    pub destination: String,
    /// Where it stands.
    pub status: TransferStatus,
    /// Why it failed, as the provider's code; only with [`TransferStatus::Failed`].
    pub failure_code: Option<String>,
    /// When the provider accepted it.
    pub created_at: Timestamp,
}

impl Transfer {
    /// Whether this is the transfer that was asked for: equal in reference, amount, currency and
    /// destination. Only then may an attempt adopt it.
    pub fn matches(&self, asked: &NewTransfer) -> bool {
        self.provider_ref == asked.provider_ref
            && self.amount == asked.amount
            && self.destination == asked.destination
    }
}

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferStatus {
    /// Accepted; the provider will say later.
    Pending,
    /// The money moved.
    Paid,
    /// The provider's own object says that it did not and will not move.
    Failed,
    /// It moved and came back.
    Reversed,
}

/// What one send of a transfer allows to conclude.
///
/// | outcome | what the caller may conclude |
/// |---|---|
/// | `Paid` | conclusive success, on the first send and on every later one |
/// | `Pending` | the provider has it; look up or wait for the webhook, never send anew |
/// | `Failed`, `Reversed` | conclusive, because it is the provider's own object that says so |
/// | `Refused` | a definite failure **only if this is the only send** of the attempt so far |
/// | `NotSent` | nothing at all about earlier sends; this one did not happen, repeat it freely |
/// | `Unknown` | nothing; the attempt stays `sending` and is looked up by reference |
///
/// After one `Unknown`, a later `Refused` (expired key, insufficient funds, rate limit, revoked
/// credentials) says nothing about the first send, which may have moved the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The money moved, in the amount and to the destination that were asked for.
    Paid(Transfer),
    /// Accepted, not yet moved.
    Pending(Transfer),
    /// The provider's own object says failed.
    Failed(Transfer),
    /// The provider's own object says that the money moved and came back.
    Reversed(Transfer),
    /// The provider's typed answer to *this send*: it did not and will not happen.
    Refused {
        /// The provider's code, for example `insufficient_funds`.
        code: String,
        /// The provider's words, for the operator.
        message: String,
    },
    /// No connection was made, so not one byte of the request left.
    NotSent {
        /// What went wrong, for the log.
        reason: String,
    },
    /// Timeout, 5xx, malformed or contradicting answer, connection lost after the send.
    Unknown {
        /// What went wrong, for the log.
        reason: String,
    },
}

impl TransferOutcome {
    /// The outcome that a transfer object of the provider stands for, wherever it came from.
    pub fn of(transfer: Transfer) -> Self {
        match transfer.status {
            TransferStatus::Pending => Self::Pending(transfer),
            TransferStatus::Paid => Self::Paid(transfer),
            TransferStatus::Failed => Self::Failed(transfer),
            TransferStatus::Reversed => Self::Reversed(transfer),
        }
    }
}
