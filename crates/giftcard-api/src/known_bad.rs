//! Ways to be wrong on purpose, so that the fault campaign can show that it would notice. They exist
//! only with the feature `known-bad`, which nothing that is delivered has, and only when chosen.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "known-bad"),
    expect(unreachable_pub, reason = "it is seen from outside with the feature alone")
)]
pub enum KnownBad {
    /// Each send of a transfer has a reference of its own.
    RandomProviderKey,
    /// The transfer is made before anything about it is committed.
    NoAttemptRow,
    /// A timeout counts as a failure.
    TimeoutTakenAsFailure,
    /// The refusal of a resend counts as a failure of the first send.
    ResendRefusalTaken,
    /// A failed settlement gives its lines to the next one, and keeps them.
    LinesReleasedOnFailure,
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
