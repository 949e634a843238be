//! When a giveaway takes what: entries, a host's file, confirmations.

use jiff::Timestamp;

use super::giveaway::GiveawayState;

/// What of a giveaway decides that.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Where it stands.
    pub state: GiveawayState,
    /// When entries are taken until.
    pub closes_at: Timestamp,
    /// When entries are frozen.
    pub freeze_at: Timestamp,
}

/// Why a giveaway does not take something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    /// It has not been published, so it does not exist for the public.
    #[error("there is no such giveaway")]
    Unpublished,
    /// It opens later.
    #[error("the giveaway is not open yet")]
    NotOpen,
    /// It is over.
    #[error("the giveaway takes no more entries")]
    Closed,
    /// What was not confirmed by the freeze stays unconfirmed.
    #[error("the entries are frozen; this one was not confirmed in time")]
    Frozen,
    /// There will be no draw.
    #[error("the giveaway was cancelled")]
    Cancelled,
}

impl Window {
    /// Whether somebody may enter. The dates count even when the scan that acts on them is late:
    /// an entry after the closing time of the published rules would not be one.
    ///
    /// # Errors
    /// [`Shut`].
    pub fn entry(&self, now: Timestamp) -> Result<(), Shut> {
        match self.before_freeze()? {
            GiveawayState::Scheduled => Err(Shut::NotOpen),
            GiveawayState::Open if now < self.closes_at => Ok(()),
            _ => Err(Shut::Closed),
        }
    }

    /// Whether the host may bring entries that were collected elsewhere: also before the opening.
    ///
    /// # Errors
    /// [`Shut`].
    pub fn import(&self, now: Timestamp) -> Result<(), Shut> {
        match self.before_freeze()? {
            GiveawayState::Scheduled | GiveawayState::Open if now < self.closes_at => Ok(()),
            _ => Err(Shut::Closed),
        }
    }

    /// Whether an address may still be confirmed: until the entries are frozen.
    ///
    /// # Errors
    /// [`Shut`].
    pub fn confirmation(&self, now: Timestamp) -> Result<(), Shut> {
        match self.before_freeze() {
            Ok(_) if now < self.freeze_at => Ok(()),
            Ok(_) | Err(Shut::Closed) => Err(Shut::Frozen),
            Err(shut) => Err(shut),
        }
    }

    /// The state, if it is one in which entries can still change at all.
    fn before_freeze(&self) -> Result<GiveawayState, Shut> {
        use GiveawayState as S;
        match self.state {
            S::Draft | S::Funding => Err(Shut::Unpublished),
            S::Scheduled | S::Open | S::Closed => Ok(self.state),
            S::Committed | S::Drawn | S::Completed => Err(Shut::Closed),
            S::Cancelling | S::Cancelled => Err(Shut::Cancelled),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn each_thing_has_its_time() {
        use GiveawayState as S;
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |minutes| start + SignedDuration::from_mins(minutes);
        let check = |state, minute, entry, import, confirmation| {
            let window = Window { state, closes_at: at(10), freeze_at: at(20) };
            let now = at(minute);
            let told = (window.entry(now), window.import(now), window.confirmation(now));
            assert_eq!(told, (entry, import, confirmation), "{state} at {minute}");
        };
        let (closed, frozen) = (Err(Shut::Closed), Err(Shut::Frozen));
        let (unpublished, cancelled) = (Err(Shut::Unpublished), Err(Shut::Cancelled));
        check(S::Draft, 0, unpublished, unpublished, unpublished);
        check(S::Funding, 0, unpublished, unpublished, unpublished);
        check(S::Scheduled, 0, Err(Shut::NotOpen), Ok(()), Ok(()));
        check(S::Open, 0, Ok(()), Ok(()), Ok(()));
        // The scan is late, the dates are not.
        check(S::Open, 10, closed, closed, Ok(()));
        check(S::Open, 20, closed, closed, frozen);
        check(S::Closed, 11, closed, closed, Ok(()));
        check(S::Closed, 20, closed, closed, frozen);
        check(S::Committed, 21, closed, closed, frozen);
        check(S::Drawn, 30, closed, closed, frozen);
        check(S::Completed, 30, closed, closed, frozen);
        check(S::Cancelling, 0, cancelled, cancelled, cancelled);
        check(S::Cancelled, 0, cancelled, cancelled, cancelled);
    }
}
