//! The states of a settlement and of its attempts, and how a fact about a transfer moves them.

use platform::provider::TransferStatus;
use utoipa::ToSchema;

use super::ids::SettlementId;

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
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, ToSchema)]
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

#[cfg(test)]
mod tests {
    use super::{super::state::Machine as _, *};

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
}
