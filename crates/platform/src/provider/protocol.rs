//! Transfer first, for whoever sends money: what to exchange with the provider about a transfer that
//! may have been sent before, and what each answer proves.
//!
//! The provider is called before balances or states change. Whatever is not proven leaves a transfer
//! possibly sent: a timeout, a 500, a malformed answer, and the refusal of a resend.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{NewTransfer, Provider, ProviderError, Transfer, TransferOutcome};

/// How long the provider remembers our reference as an idempotency key. Past it the same reference
/// could move money again, so a transfer is only looked up.
pub const PROVIDER_KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The first wait after an exchange with an unknown outcome; it doubles up to the sweep's period.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Doublings after which the sweep's period is reached in any sensible configuration.
const MAX_DOUBLINGS: u32 = 16;

/// What may be exchanged with the provider about a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// Nothing was ever sent: send.
    First,
    /// Something may have been sent: look it up, and send the same again if it is not there.
    Again,
    /// Only look it up: the provider has it, or has forgotten the key.
    LookUp,
}

impl Exchange {
    /// What is allowed at `now` for a transfer that the provider has not acknowledged, of which
    /// `possible_sends` sends may have reached it.
    pub fn of_unacknowledged(
        possible_sends: i32,
        first_sent_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        match possible_sends {
            0 => Self::First,
            _ if !may_send(first_sent_at, now) => Self::LookUp,
            _ => Self::Again,
        }
    }
}

/// What an exchange with the provider proves about a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// The provider's object for this transfer: whatever its status says is a fact.
    Fact(Transfer),
    /// The provider refused the only send there was: it did not and will not happen.
    Refused {
        /// The provider's code.
        code: String,
    },
    /// This send did not leave; earlier ones are as unknown as before.
    NotSent {
        /// What went wrong.
        reason: String,
    },
    /// Nothing is proven.
    Unknown {
        /// What went wrong.
        reason: String,
    },
    /// The provider has several transfers under one reference: for the operator.
    Ambiguous {
        /// What the provider says.
        reason: String,
    },
}

/// The exchange itself. Writes nothing. `possible_sends` counts the send that it may make.
pub async fn ask(
    provider: &dyn Provider,
    transfer: NewTransfer,
    possible_sends: i32,
    exchange: Exchange,
) -> Conclusion {
    if exchange != Exchange::First {
        match provider.transfer_by_reference(&transfer.provider_ref).await {
            Ok(Some(transfer)) => return Conclusion::Fact(transfer),
            Ok(None) if exchange == Exchange::LookUp => {
                return Conclusion::Unknown { reason: "the provider shows no transfer".to_owned() };
            }
            Ok(None) => {}
            Err(error @ ProviderError::Ambiguous { .. }) => {
                return Conclusion::Ambiguous { reason: error.to_string() };
            }
            Err(error) if exchange == Exchange::LookUp => {
                return Conclusion::Unknown { reason: error.to_string() };
            }
            // Nothing was sent in this exchange: the send that the claim counted did not happen.
            Err(error) => return Conclusion::NotSent { reason: error.to_string() },
        }
    }
    conclude(provider.transfer(transfer).await, possible_sends)
}

/// What the outcome of a send proves, when `possible_sends` sends of this transfer, this one
/// included, may have reached the provider.
pub fn conclude(outcome: TransferOutcome, possible_sends: i32) -> Conclusion {
    match outcome {
        TransferOutcome::Paid(transfer)
        | TransferOutcome::Pending(transfer)
        | TransferOutcome::Failed(transfer)
        | TransferOutcome::Reversed(transfer) => Conclusion::Fact(transfer),
        TransferOutcome::Refused { code, .. } if possible_sends == 1 => {
            Conclusion::Refused { code }
        }
        TransferOutcome::Refused { code, message } => Conclusion::Unknown {
            reason: format!(
                "a resend was refused with {code} ({message}), which says nothing about the first send"
            ),
        },
        TransferOutcome::NotSent { reason } => Conclusion::NotSent { reason },
        TransferOutcome::Unknown { reason } => Conclusion::Unknown { reason },
    }
}

/// Whether a transfer may be sent at `now`, or only looked up.
pub fn may_send(first_sent_at: Option<Timestamp>, now: Timestamp) -> bool {
    first_sent_at.is_none_or(|at| now.duration_since(at) < PROVIDER_KEY_LIFETIME)
}

/// How long to wait after the `tries`-th exchange without a result.
pub fn retry_in(tries: i32, sweep: Duration) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(0).min(MAX_DOUBLINGS);
    FIRST_RETRY.saturating_mul(1 << doublings).min(sweep)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{ProviderAmount, TransferStatus},
        *,
    };

    #[test]
    fn only_the_refusal_of_the_only_send_is_a_failure() {
        let refused =
            || TransferOutcome::Refused { code: "insufficient_funds".into(), message: "x".into() };
        assert!(matches!(conclude(refused(), 1), Conclusion::Refused { .. }));
        for sends in 2..5 {
            assert!(matches!(conclude(refused(), sends), Conclusion::Unknown { .. }));
        }
        let lost = TransferOutcome::Unknown { reason: "timeout".into() };
        assert!(matches!(conclude(lost, 1), Conclusion::Unknown { .. }));
        let paid = Transfer {
            id: "tr_1".to_owned(),
            provider_ref: "stl_1_1".to_owned(),
            amount: ProviderAmount::new(100, "EUR"),
            destination: "acct".to_owned(),
            status: TransferStatus::Paid,
            failure_code: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(conclude(TransferOutcome::Paid(paid.clone()), 3), Conclusion::Fact(paid));
    }

    #[test]
    fn past_the_keys_lifetime_a_transfer_is_only_looked_up() {
        let sent = Timestamp::UNIX_EPOCH;
        let of = |sends, first: Option<Timestamp>, hours| {
            let now = sent + SignedDuration::from_hours(hours);
            Exchange::of_unacknowledged(sends, first, now)
        };
        assert_eq!(of(0, None, 0), Exchange::First);
        assert_eq!(of(0, Some(sent), 48), Exchange::First, "the send was taken back");
        assert_eq!(of(1, Some(sent), 23), Exchange::Again);
        assert_eq!(of(1, Some(sent), 24), Exchange::LookUp);
    }

    #[test]
    fn waits_grow_up_to_the_sweep() {
        let sweep = Duration::from_secs(60);
        let waits = [1, 2, 3, 7, 100].map(|tries| retry_in(tries, sweep).as_secs());
        assert_eq!(waits, [1, 2, 4, 60, 60]);
    }
}
