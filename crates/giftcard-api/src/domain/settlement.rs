//! The states of a settlement and of its attempts, and what an answer of the provider proves.
//!
//! The provider is called before balances or settlement state change. Whatever is not proven leaves
//! an attempt `sending`: a timeout, a 500, a malformed answer, and the refusal of a resend.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use platform::provider::{Transfer, TransferOutcome, TransferStatus};

use super::ids::SettlementId;

/// How long the provider remembers our reference as an idempotency key. Past it the same reference
/// could move money again, so an attempt is only looked up.
pub(crate) const PROVIDER_KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The first wait after an attempt with an unknown outcome; it doubles up to the sweep's period.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Doublings after which the sweep's period is reached in any sensible configuration.
const MAX_DOUBLINGS: u32 = 16;

machine! {
    /// Where a settlement stands.
    SettlementState {
        /// Its lines and its first attempt are written.
        Intent = "intent",
        /// The transfer is possibly sent.
        Sending = "sending",
        /// The provider has it and will say later.
        PendingProvider = "pending_provider",
        /// The money moved.
        Paid = "paid",
        /// It definitely did not move. The lines stay; the next attempt keeps them.
        Failed = "failed",
        /// It moved and came back: an adjustment joins the next settlement.
        Reversed = "reversed",
        /// Given up without a live attempt: the lines are free again.
        Cancelled = "cancelled",
    }
    begins { Intent }
    goes {
        Intent => Sending,
        Sending => PendingProvider,
        Sending => Paid,
        Sending => Failed,
        PendingProvider => Paid,
        PendingProvider => Failed,
        Failed => Intent,
        Failed => Cancelled,
        Paid => Reversed,
    }
}

machine! {
    /// Where one attempt of a settlement stands.
    AttemptState {
        /// Written, not sent.
        Intent = "intent",
        /// Possibly sent.
        Sending = "sending",
        /// The provider has it and will say later.
        PendingProvider = "pending_provider",
        /// The money moved.
        Paid = "paid",
        /// It definitely did not move.
        Failed = "failed",
        /// It moved and came back.
        Reversed = "reversed",
    }
    begins { Intent }
    goes {
        Intent => Sending,
        Sending => PendingProvider,
        Sending => Paid,
        Sending => Failed,
        PendingProvider => Paid,
        PendingProvider => Failed,
        Paid => Reversed,
    }
}

impl AttemptState {
    /// States in which the sweep has something to find out.
    pub(crate) const LIVE: [Self; 3] = [Self::Intent, Self::Sending, Self::PendingProvider];

    /// The settlement's state while this is the state of its current attempt.
    pub(crate) const fn of_settlement(self) -> SettlementState {
        match self {
            Self::Intent => SettlementState::Intent,
            Self::Sending => SettlementState::Sending,
            Self::PendingProvider => SettlementState::PendingProvider,
            Self::Paid => SettlementState::Paid,
            Self::Failed => SettlementState::Failed,
            Self::Reversed => SettlementState::Reversed,
        }
    }
}

/// What a merchant's line in a settlement stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineKind {
    /// A redemption: the merchant is paid for it.
    Redemption,
    /// A reversal: the merchant gives it back.
    Reversal,
    /// A transfer that came back: the merchant is paid again.
    Adjustment,
}

impl LineKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 3] = [Self::Redemption, Self::Reversal, Self::Adjustment];

    /// The kind's name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Redemption => "redemption",
            Self::Reversal => "reversal",
            Self::Adjustment => "adjustment",
        }
    }

    /// The kind of that name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Our reference for an attempt; also the provider's idempotency key.
pub(crate) fn provider_ref(settlement: SettlementId, attempt: i32) -> String {
    format!("{settlement}_{attempt}")
}

/// What an exchange with the provider proves about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// The provider's object for this attempt: whatever its status says is a fact.
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

/// What the outcome of a send proves, when `possible_sends` sends of this attempt, this one
/// included, may have reached the provider.
pub(crate) fn conclude(outcome: TransferOutcome, possible_sends: i32) -> Conclusion {
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

/// How an attempt goes on after a fact about its transfer.
pub(crate) fn steps(
    state: AttemptState,
    status: TransferStatus,
) -> Option<&'static [AttemptState]> {
    use AttemptState as A;
    use TransferStatus as T;
    Some(match (state, status) {
        (A::Sending, T::Pending) => &[A::PendingProvider],
        (A::Sending | A::PendingProvider, T::Paid) => &[A::Paid],
        (A::Sending | A::PendingProvider, T::Failed) => &[A::Failed],
        (A::Sending | A::PendingProvider, T::Reversed) => &[A::Paid, A::Reversed],
        (A::Paid, T::Reversed) => &[A::Reversed],
        (A::PendingProvider, T::Pending)
        // The provider reports changes late and out of order; what is settled stays.
        | (A::Paid, T::Paid | T::Pending)
        | (A::Failed, T::Failed)
        | (A::Reversed, T::Paid | T::Pending | T::Reversed) => &[],
        // An attempt that was never sent, or definitely failed, has no money at the provider.
        _ => return None,
    })
}

/// Whether an attempt may be sent at `now`, or only looked up.
pub(crate) fn may_send(first_sent_at: Option<Timestamp>, now: Timestamp) -> bool {
    first_sent_at.is_none_or(|at| now.duration_since(at) < PROVIDER_KEY_LIFETIME)
}

/// How long to wait after the `tries`-th exchange without a result.
pub(crate) fn retry_in(tries: i32, sweep: Duration) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(0).min(MAX_DOUBLINGS);
    FIRST_RETRY.saturating_mul(1 << doublings).min(sweep)
}

#[cfg(test)]
mod tests {
    use platform::provider::ProviderAmount;

    use super::{super::state::Machine as _, *};

    fn transfer(status: TransferStatus) -> Transfer {
        Transfer {
            id: "tr_1".to_owned(),
            provider_ref: "stl_1_1".to_owned(),
            amount: ProviderAmount::new(100, "EUR"),
            destination: "acct".to_owned(),
            status,
            failure_code: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

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
        let paid = transfer(TransferStatus::Paid);
        assert_eq!(conclude(TransferOutcome::Paid(paid.clone()), 3), Conclusion::Fact(paid));
    }

    #[test]
    fn facts_lead_along_the_table_only() {
        use TransferStatus::{Failed, Paid, Pending, Reversed};
        for state in AttemptState::ALL {
            for status in [Pending, Paid, Failed, Reversed] {
                let mut from = *state;
                for to in steps(*state, status).unwrap_or_default() {
                    assert!(AttemptState::allows(Some(from), *to), "{from} to {to}");
                    assert!(SettlementState::allows(
                        Some(from.of_settlement()),
                        to.of_settlement()
                    ));
                    from = *to;
                }
            }
        }
        assert_eq!(steps(AttemptState::Failed, Paid), None, "money after a definite failure");
        assert_eq!(steps(AttemptState::Intent, Paid), None, "money that was never sent");
        assert_eq!(steps(AttemptState::Paid, Failed), None, "a failure after the money moved");
    }

    #[test]
    fn past_the_keys_lifetime_an_attempt_is_only_looked_up() {
        let sent = Timestamp::UNIX_EPOCH;
        assert!(may_send(None, sent));
        assert!(may_send(Some(sent), sent + SignedDuration::from_hours(23)));
        assert!(!may_send(Some(sent), sent + SignedDuration::from_hours(24)));
    }

    #[test]
    fn waits_grow_up_to_the_sweep() {
        let sweep = Duration::from_secs(60);
        let waits = [1, 2, 3, 7, 100].map(|tries| retry_in(tries, sweep).as_secs());
        assert_eq!(waits, [1, 2, 4, 60, 60]);
    }
}
