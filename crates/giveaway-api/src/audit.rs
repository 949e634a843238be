//! The invariants of money that this service can check alone, beside a running server, and what the
//! whole needs from it: the clearing legs of escrows, to be paired with giftcard-api's, and the
//! payments that were posted, to be matched with the provider's.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
pub use ledger::audit::Violation;
use ledger::{
    Money,
    audit::{ReferenceSum, all_sums_by_reference},
};
use sea_orm::DatabaseConnection;

use crate::{domain::books, store::audit as checks};

/// After what time something that is not over needs an alert.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A publish saga.
    pub saga: SignedDuration,
    /// A returned escrow without an answer.
    pub escrow_return: SignedDuration,
    /// A call in the outbox.
    pub outbox: SignedDuration,
    /// An event of the provider.
    pub event: SignedDuration,
    /// A withdrawal that was not sent, or of which nothing is known.
    pub withdrawal: SignedDuration,
    /// A due time that nothing acted on.
    pub due: SignedDuration,
    /// Rows named per check: a broken book has more than anyone reads.
    pub listed: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            saga: SignedDuration::from_hours(1),
            escrow_return: SignedDuration::from_hours(1),
            outbox: SignedDuration::from_hours(1),
            event: SignedDuration::from_mins(10),
            withdrawal: SignedDuration::from_hours(2),
            due: SignedDuration::from_mins(10),
            listed: 100,
        }
    }
}

/// A payment that was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedPayment {
    /// The provider's id.
    pub payment_id: String,
    /// What was paid.
    pub gross: Money,
    /// What the provider kept of it.
    pub cost_minor: i64,
}

/// A withdrawal whose transfer moved money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidWithdrawal {
    /// Our reference, which is the withdrawal's id.
    pub provider_ref: String,
    /// The provider's id.
    pub provider_id: String,
    /// How much.
    pub amount: Money,
    /// Where to.
    pub destination: String,
    /// Whether it came back.
    pub is_reversed: bool,
}

/// What one run found.
#[derive(Clone, Debug, Default)]
pub struct AuditPart {
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// What clearing holds for each escrow, in their order: its value from the capture on, and
    /// nothing once it came back.
    pub escrow_legs: Vec<ReferenceSum>,
    /// Every payment that was posted, ordered by the provider's id.
    pub payments: Vec<PostedPayment>,
    /// Every withdrawal whose money moved, ordered by our reference.
    pub withdrawals: Vec<PaidWithdrawal>,
}

/// Checks invariants 1 to 3, 5 to 7, 9 and 10 as far as they are ours, and 11. Reads only.
///
/// # Errors
/// When the database fails: then nothing is known.
pub async fn run(
    db: &DatabaseConnection,
    now: Timestamp,
    limits: &Limits,
) -> anyhow::Result<AuditPart> {
    let mut violations = ledger::audit::violations(db).await.context("cannot check the ledger")?;
    violations.extend(checks::consistency(db, limits.listed).await.context("cannot check rows")?);
    violations.extend(overdue(db, now, limits).await.context("cannot check ages")?);
    Ok(AuditPart {
        violations,
        escrow_legs: all_sums_by_reference(db, &books::ESCROW_CLEARING)
            .await
            .context("cannot read clearing legs")?,
        payments: checks::payments(db).await.context("cannot read payments")?,
        withdrawals: checks::withdrawals(db).await.context("cannot read withdrawals")?,
    })
}

async fn overdue(
    db: &DatabaseConnection,
    now: Timestamp,
    limits: &Limits,
) -> anyhow::Result<Vec<Violation>> {
    let before =
        |age: SignedDuration| now.checked_sub(age).map_or(i64::MIN, |then| then.as_millisecond());
    let cutoffs = checks::Cutoffs {
        saga: before(limits.saga),
        escrow_return: before(limits.escrow_return),
        outbox: before(limits.outbox),
        event: before(limits.event),
        withdrawal: before(limits.withdrawal),
        due: before(limits.due),
    };
    checks::overdue(db, cutoffs, limits.listed).await
}
