//! Dates and rounds: when entries are frozen, when they are drawn, and which round of the beacon
//! decides. Everybody can recompute the round from the rules, so nobody can choose it.

use crate::beacon::Chain;
use crate::moment::Moment;
use crate::rules::Rules;

/// The least time between freeze and draw on a public beacon: enough for witnesses to see the
/// commitment before the round is known.
pub const LIVE_LEAD_SECONDS: u32 = 15 * 60;

/// A commitment later than this before its round may not use it: the round might become public
/// before the commitment does.
pub const PUBLICATION_MARGIN_SECONDS: u64 = 60;

/// On the sandbox beacon, where giveaways of a few seconds must be possible, the commitment only
/// has to be strictly earlier than its round.
pub const SANDBOX_MARGIN_SECONDS: u64 = 1;

/// How long a draw waits for its round. After that it is void and every prize is returned; another
/// round is never substituted, because whoever could choose one could choose the winners.
pub const BEACON_PATIENCE_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The round that decides, as known when the entries are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appointment {
    /// The round.
    pub round: u64,
    /// Whether it replaces the round of the rules because the commitment came too late for that.
    pub late: bool,
}

/// When entries are frozen: after closing and review.
#[must_use]
pub fn freeze_at(closes_at: Moment, review_seconds: u32) -> Option<Moment> {
    closes_at.checked_add(review_seconds.into())
}

/// When winners are drawn: after closing, review and lead.
#[must_use]
pub fn draw_at(closes_at: Moment, review_seconds: u32, lead_seconds: u32) -> Option<Moment> {
    freeze_at(closes_at, review_seconds)?.checked_add(lead_seconds.into())
}

/// The first round at or after a moment: `ceil((at − genesis) / period) + 1`, where round 1 is at
/// the genesis. Before the genesis it is round 1.
///
/// # Panics
/// If the period is 0, which no [`Chain`] allows.
#[must_use]
pub fn round_for(at: Moment, genesis: Moment, period_seconds: u32) -> u64 {
    let elapsed = at.unix_seconds().saturating_sub(genesis.unix_seconds());
    elapsed.div_ceil(period_seconds.into()) + 1
}

/// The round for entries sealed at `sealed_at`: that of the rules, or, if it comes less than the
/// margin later, the first one after a full lead, marked as late. `None` beyond the year 9999.
#[must_use]
pub fn appoint(rules: &Rules, chain: &Chain, sealed_at: Moment) -> Option<Appointment> {
    let margin =
        if chain.is_sandbox() { SANDBOX_MARGIN_SECONDS } else { PUBLICATION_MARGIN_SECONDS };
    if sealed_at.checked_add(margin)? <= chain.time_of(rules.round)? {
        return Some(Appointment { round: rules.round, late: false });
    }
    let drawn_at = sealed_at.checked_add(u64::from(rules.lead_seconds).max(margin))?;
    Some(Appointment { round: chain.round_at_or_after(drawn_at), late: true })
}

/// When a draw that still has no beacon becomes void.
#[must_use]
pub fn void_at(chain: &Chain, round: u64) -> Option<Moment> {
    chain.time_of(round)?.checked_add(BEACON_PATIENCE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: u64) -> Moment {
        Moment::from_unix_seconds(seconds).unwrap()
    }

    #[test]
    fn the_round_is_the_first_at_or_after() {
        fn check(at: u64, expected: u64) {
            assert_eq!(round_for(moment(at), moment(1000), 3), expected, "at {at}");
        }
        check(0, 1);
        check(999, 1);
        check(1000, 1);
        check(1001, 2);
        check(1003, 2);
        check(1004, 3);
    }

    #[test]
    fn dates_add_up_or_end() {
        assert_eq!(freeze_at(moment(100), 20), Some(moment(120)));
        assert_eq!(draw_at(moment(100), 20, 3), Some(moment(123)));
        assert_eq!(draw_at(moment(253_402_300_799), 0, 1), None);
    }
}
