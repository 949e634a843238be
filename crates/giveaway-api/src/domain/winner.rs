//! The life of a winner: selected for a unit, then claimed, or gone and succeeded by an alternate.

use draw::succession::Departure;

use super::states::states;

states! {
    /// Where a winner stands. Claiming and lapsing compare-and-set the same row, so only one of
    /// them happens; a card is issued only after `claimed`, so a successor always finds the prize.
    WinnerState {
        /// Drawn or succeeded, and written to; may claim until the deadline.
        Selected = "selected" => [Claimed, Lapsed, Declined, Disqualified],
        /// Took the prize; the card is issued or on its way.
        Claimed = "claimed" => [],
        /// Let the deadline pass.
        Lapsed = "lapsed" => [],
        /// Did not want the prize.
        Declined = "declined" => [],
        /// Broke a rule that is a ground for disqualification.
        Disqualified = "disqualified" => [],
    }
}

impl WinnerState {
    /// The state that a departure leads to.
    pub const fn after(departure: Departure) -> Self {
        match departure {
            Departure::Lapsed => Self::Lapsed,
            Departure::Declined => Self::Declined,
            Departure::Disqualified => Self::Disqualified,
        }
    }
}
