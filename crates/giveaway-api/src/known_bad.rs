//! Ways to be wrong on purpose, so that the fault campaign can show that it would notice. They exist
//! only with the feature `known-bad`, which nothing that is delivered has, and only when chosen.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "known-bad"),
    expect(unreachable_pub, reason = "it is seen from outside with the feature alone")
)]
pub enum KnownBad {
    /// Cards are issued to winners who have not claimed.
    CardBeforeClaim,
    /// A giveaway is scheduled, and may be cancelled, as soon as its money is taken.
    ScheduledBeforeConfirmed,
}

/// What this process does wrong: nothing.
#[derive(Debug, Default)]
pub(crate) struct Misbehaviour(#[cfg(feature = "known-bad")] std::sync::OnceLock<KnownBad>);

impl Misbehaviour {
    /// Whether this is what it does wrong.
    pub(crate) fn is(&self, bad: KnownBad) -> bool {
        #[cfg(feature = "known-bad")]
        return self.0.get() == Some(&bad);
        #[cfg(not(feature = "known-bad"))]
        {
            let _ = bad;
            false
        }
    }

    /// From now on it does this wrong.
    #[cfg(feature = "known-bad")]
    pub(crate) fn choose(&self, bad: KnownBad) {
        // The first choice stands: a process misbehaves in one way.
        let _ = self.0.set(bad);
    }
}
