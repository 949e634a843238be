//! The life of a giveaway and of its prize units.

use super::states::states;

states! {
    /// Where a giveaway stands.
    GiveawayState {
        /// Being written; nothing is reserved.
        Draft = "draft" => [Funding],
        /// Its publish saga is at work.
        Funding = "funding" => [Scheduled, Draft],
        /// Every prize is funded; it opens at its time.
        Scheduled = "scheduled" => [Open, Cancelling],
        /// Takes entries.
        Open = "open" => [Closed, Cancelling],
        /// Takes no more entries; they are reviewed until the freeze.
        Closed = "closed" => [Committed, Cancelling],
        /// Entries are frozen and committed to; the beacon decides. From here on it can only be
        /// voided, when the beacon stays away for too long.
        Committed = "committed" => [Drawn, Cancelling],
        /// Winners are selected; prizes are claimed or pass on.
        Drawn = "drawn" => [Completed],
        /// Every prize is delivered or returned.
        Completed = "completed" => [],
        /// Every prize is on its way back to the host's wallet.
        Cancelling = "cancelling" => [Cancelled],
        /// Every prize came back.
        Cancelled = "cancelled" => [],
    }
}

impl GiveawayState {
    /// Whether its public page can be seen: from the moment its prizes are funded.
    pub const fn is_public(self) -> bool {
        !matches!(self, Self::Draft | Self::Funding)
    }
}

states! {
    /// Where a prize unit stands.
    UnitState {
        /// Waiting for a winner to claim it.
        Open = "open" => [Filled, Returned],
        /// Its card was issued to a winner.
        Filled = "filled" => [],
        /// Its value went back to the host's wallet.
        Returned = "returned" => [],
    }
}

states! {
    /// Where a return stands.
    ReturnState {
        /// Asked of giftcard-api.
        Requested = "requested" => [Returned, Issued],
        /// The value is back in the host's wallet.
        Returned = "returned" => [],
        /// A card had been issued from the escrow, so there was nothing to return.
        Issued = "issued" => [],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_of_a_giveaway_is_the_designs() {
        use GiveawayState as S;
        let check = |from: S, to: &[S]| assert_eq!(from.successors(), to, "{from}");
        check(S::Draft, &[S::Funding]);
        check(S::Funding, &[S::Scheduled, S::Draft]);
        check(S::Scheduled, &[S::Open, S::Cancelling]);
        check(S::Open, &[S::Closed, S::Cancelling]);
        check(S::Closed, &[S::Committed, S::Cancelling]);
        check(S::Committed, &[S::Drawn, S::Cancelling]);
        check(S::Drawn, &[S::Completed]);
        check(S::Cancelling, &[S::Cancelled]);
        for end in [S::Completed, S::Cancelled] {
            assert!(end.is_terminal());
        }
    }

    #[test]
    fn states_are_read_back_by_their_names() {
        for state in GiveawayState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        assert!("opened".parse::<GiveawayState>().is_err());
    }
}
