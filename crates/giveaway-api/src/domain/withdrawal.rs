//! The life of a withdrawal, and how a fact about its transfer moves it.

use platform::provider::TransferStatus;

use super::states::states;
use crate::ids::WithdrawalId;

states! {
    /// Where a withdrawal stands.
    WithdrawalState {
        /// The money is set aside, and nothing was sent.
        Intent = "intent" => [Sending],
        /// The transfer is possibly sent.
        Sending = "sending" => [PendingProvider, Paid, Failed],
        /// The provider has it and will say later.
        PendingProvider = "pending_provider" => [Paid, Failed],
        /// The money moved.
        Paid = "paid" => [Reversed],
        /// It definitely did not move; it is in the wallet again.
        Failed = "failed" => [],
        /// It moved and came back; it is in the wallet again.
        Reversed = "reversed" => [],
    }
}

impl WithdrawalState {
    /// States in which the scan has something to find out.
    pub const LIVE: [Self; 3] = [Self::Intent, Self::Sending, Self::PendingProvider];
}

/// The least and the most of one withdrawal, in minor units: below, a transfer costs more than it
/// brings; above, somebody should be talked to.
pub const AMOUNT_MINOR: std::ops::RangeInclusive<i64> = 100..=100_000_000;

/// What the reference of every withdrawal begins with: giftcard-api leaves these transfers to us.
pub const REFERENCE_PREFIX: &str = "wdr_";

/// Our reference for a withdrawal's transfer; also the provider's idempotency key.
pub fn provider_ref(id: WithdrawalId) -> String {
    id.to_string()
}

/// How a withdrawal goes on after a fact about its transfer; none when money moved that must not have.
pub fn steps(state: WithdrawalState, status: TransferStatus) -> Option<&'static [WithdrawalState]> {
    use TransferStatus as T;
    use WithdrawalState as W;
    Some(match (state, status) {
        (W::Sending, T::Pending) => &[W::PendingProvider],
        (W::Sending | W::PendingProvider, T::Paid) => &[W::Paid],
        (W::Sending | W::PendingProvider, T::Failed) => &[W::Failed],
        (W::Sending | W::PendingProvider, T::Reversed) => &[W::Paid, W::Reversed],
        (W::Paid, T::Reversed) => &[W::Reversed],
        (W::PendingProvider, T::Pending)
        // The provider reports changes late and out of order; what is settled stays.
        | (W::Paid, T::Paid | T::Pending)
        | (W::Failed, T::Failed)
        | (W::Reversed, T::Paid | T::Pending | T::Reversed) => &[],
        // One that was never sent, or definitely failed, has no money at the provider.
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_lead_along_the_table_only() {
        use TransferStatus::{Failed, Paid, Pending, Reversed};
        for state in WithdrawalState::ALL {
            for status in [Pending, Paid, Failed, Reversed] {
                let mut from = *state;
                for to in steps(*state, status).unwrap_or_default() {
                    assert!(from.may_become(*to), "{from} to {to}");
                    from = *to;
                }
            }
        }
        assert_eq!(steps(WithdrawalState::Failed, Paid), None, "money after a definite failure");
        assert_eq!(steps(WithdrawalState::Intent, Paid), None, "money that was never sent");
    }

    #[test]
    fn the_reference_says_whose_it_is() {
        assert!(provider_ref(WithdrawalId::new()).starts_with(REFERENCE_PREFIX));
    }
}
