//! How time passes in the story: in a process of its own it is moved, in a fleet it is waited for.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Demo, client::time};

const DAY_SECONDS: i64 = 24 * 3600;

/// Times of the giveaway, in seconds, and who makes them pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How long entries are taken.
    pub(crate) open: i64,
    /// How long they are reviewed.
    pub(crate) review: i64,
    /// Between the commitment and the beacon round that decides.
    pub(crate) lead: i64,
    /// How long a winner may take to claim.
    pub(crate) claim: i64,
    is_clock_moved: bool,
}

impl Pace {
    /// As a host would choose them; weeks pass in moments.
    pub(crate) const MOVED: Self = Self {
        open: 7 * DAY_SECONDS,
        review: DAY_SECONDS,
        lead: 15 * 60,
        claim: 14 * DAY_SECONDS,
        is_clock_moved: true,
    };

    /// As short as everybody needs who takes part, because all of it is waited for.
    pub(crate) const WAITED: Self =
        Self { open: 30, review: 1, lead: 3, claim: 60, is_clock_moved: false };

    /// The same, but people may enter for as long as anybody wants to measure.
    pub(crate) const LASTING: Self = Self { open: Self::MOVED.open, ..Self::WAITED };

    /// Whether others may be there whose time it is as well.
    pub(crate) const fn is_shared(self) -> bool {
        !self.is_clock_moved
    }
}

impl Demo {
    /// The time of whoever is talked to.
    pub(crate) async fn now(&self) -> anyhow::Result<Timestamp> {
        if !self.pace.is_clock_moved {
            return Ok(Timestamp::now());
        }
        time(&self.client.get("/dev/clock").ok().await?, "now")
    }

    /// Lets time pass until a moment, unless it is over.
    pub(crate) async fn until(&self, moment: Timestamp) -> anyhow::Result<()> {
        let ahead = moment.duration_since(self.now().await?);
        if !ahead.is_positive() {
            return Ok(());
        }
        if !self.pace.is_clock_moved {
            tokio::time::sleep(Duration::try_from(ahead)?).await;
            return Ok(());
        }
        // The clock moves in whole seconds; one more is past the moment for certain.
        let seconds = ahead.as_secs() + 1;
        self.client.post("/dev/clock").json(json!({"advance_seconds": seconds})).ok().await?;
        Ok(())
    }

    /// A moment so many seconds from now.
    pub(crate) async fn in_seconds(&self, seconds: i64) -> anyhow::Result<Timestamp> {
        Ok(self.now().await? + SignedDuration::from_secs(seconds))
    }
}

/// A time as the story tells it.
pub(crate) fn for_people(seconds: i64) -> String {
    let (n, unit) = match seconds {
        n if n % DAY_SECONDS == 0 => (n / DAY_SECONDS, "day"),
        n if n % 60 == 0 => (n / 60, "minute"),
        n => (n, "second"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let check = |seconds, told| assert_eq!(for_people(seconds), told);
        check(14 * DAY_SECONDS, "14 days");
        check(DAY_SECONDS, "1 day");
        check(15 * 60, "15 minutes");
        check(40, "40 seconds");
    }
}
