//! Ways to be wrong on purpose, so that the fault campaign can show that it would notice. They exist
//! only with the feature `known-bad`, which nothing that is delivered has, and only when chosen.

use ledger::Money;
use platform::Tx;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, DbErr};

use crate::store::card;

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
    /// A card is loaded, and saved with what is left of it, whatever has been saved meanwhile.
    NoCompareAndSet,
    /// What was never reserved leaves no trace when it is cancelled.
    NoTombstone,
    /// An escrow that is not funded yet counts as given back.
    ReturnOvertakesConfirm,
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

/// Takes an amount from a card as it was when it was read. Whoever takes another at the same time is
/// forgotten, where the database lets both read first: on PostgreSQL.
pub(crate) async fn load_decide_save(
    tx: &Tx,
    seen: &card::Card,
    amount: Money,
    now_ms: i64,
) -> Result<bool, DbErr> {
    if seen.available_minor < amount.minor {
        return Ok(false);
    }
    let saved = card::entity::ActiveModel {
        id: Set(seen.id),
        available_minor: Set(seen.available_minor - amount.minor),
        redeemed_minor: Set(seen.redeemed_minor + amount.minor),
        changed_at: Set(now_ms),
        ..Default::default()
    };
    saved.update(tx).await?;
    Ok(true)
}
