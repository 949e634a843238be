//! The life of a publish saga: every prize is reserved, then the money is taken; or everything that
//! may have been reserved is cancelled, and the money is let go.

use std::time::Duration;

use super::states::states;

states! {
    /// Where a publish saga stands.
    SagaState {
        /// Prizes are being reserved; nothing is decided.
        Reserving = "reserving" => [Committed, Compensating],
        /// The money was taken. From here on only forward: escrows are being confirmed.
        Committed = "committed" => [Confirmed],
        /// Every escrow is funded.
        Confirmed = "confirmed" => [],
        /// The money was let go; every escrow, also those that may never have been reserved, is
        /// being cancelled.
        Compensating = "compensating" => [Compensated],
        /// Every cancellation was confirmed.
        Compensated = "compensated" => [],
    }
}

states! {
    /// Where the escrows of one batch stand, as far as we know.
    BatchState {
        /// Maybe reserved: the call may be under way, or answered without our knowing.
        Planned = "planned" => [Reserved, Cancelled],
        /// Reserved, and worth nothing yet.
        Reserved = "reserved" => [Confirmed, Cancelled],
        /// Funded.
        Confirmed = "confirmed" => [],
        /// Cancelled, or marked so that a late reservation is refused.
        Cancelled = "cancelled" => [],
    }
}

/// A saga that has not ended after this long is shown to the operator. It goes on all the same.
pub const OPERATOR_AFTER: Duration = Duration::from_secs(60 * 60);

/// The longest pause between two turns of a saga: an outage of hours is noticed to be over within
/// a minute.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The first pause, doubled with every turn that got no further.
const PAUSE_MIN: Duration = Duration::from_millis(500);

/// How long a saga rests after so many turns that got no further.
pub fn pause(turns: u32) -> Duration {
    PAUSE_MIN.saturating_mul(2_u32.saturating_pow(turns.min(16))).min(PAUSE_MAX)
}

/// What to do next about a saga that is reserving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Every batch is reserved: take the money.
    Commit,
    /// The time to reserve is over: let go.
    Abort,
    /// Send the batches that are still planned.
    Reserve,
}

/// What to do next about a saga that is reserving. A saga with everything reserved commits even when
/// its time is over: the prizes are there.
pub fn next(batches: impl IntoIterator<Item = BatchState>, is_overdue: bool) -> Next {
    if batches.into_iter().all(|state| state == BatchState::Reserved) {
        Next::Commit
    } else if is_overdue {
        Next::Abort
    } else {
        Next::Reserve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_money_is_taken_only_when_everything_is_reserved() {
        use BatchState::{Planned, Reserved};
        let check = |batches: &[BatchState], overdue, expected| {
            assert_eq!(next(batches.iter().copied(), overdue), expected, "{batches:?} {overdue}");
        };
        check(&[Reserved, Reserved], false, Next::Commit);
        check(&[Reserved, Reserved], true, Next::Commit);
        check(&[Reserved, Planned], false, Next::Reserve);
        check(&[Reserved, Planned], true, Next::Abort);
    }

    #[test]
    fn a_committed_saga_never_turns_back() {
        assert_eq!(SagaState::Committed.successors(), [SagaState::Confirmed]);
        assert!(!SagaState::Compensating.may_become(SagaState::Committed));
    }

    #[test]
    fn pauses_grow_to_a_minute() {
        assert_eq!(pause(0), PAUSE_MIN);
        assert!(pause(3) > pause(2));
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}
