//! The invariants of money that this service can check alone, beside a running server, and what the
//! whole needs from it: the clearing legs of escrows, to be paired with giftcard-api's, and the
//! payments that were posted, to be matched with the provider's.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use ledger::Money;
use sea_orm::DatabaseConnection;
use serde::Serialize;

use crate::{domain::books, ids::EscrowId, store::audit as checks};

/// Clearing legs read at a time.
const PAGE: u32 = 1_000;

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
            due: SignedDuration::from_mins(10),
            listed: 100,
        }
    }
}

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The number of the invariant in the design's list.
    pub invariant: u8,
    /// What is wrong.
    pub what: String,
    /// The rows that say so.
    pub rows: Vec<String>,
}

/// What escrow clearing holds for one escrow: its value from the capture on, and nothing once it
/// came back. The other service's leg is the same with the other sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscrowLeg {
    /// The escrow.
    pub escrow_id: EscrowId,
    /// The sum of its entries.
    pub total: Money,
    /// When the last of them was posted: how long it has been as it is.
    pub last_posted_at: Timestamp,
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

/// What one run found.
#[derive(Clone, Debug, Default)]
pub struct AuditPart {
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// Ordered by escrow.
    pub escrow_legs: Vec<EscrowLeg>,
    /// Every payment that was posted, ordered by the provider's id.
    pub payments: Vec<PostedPayment>,
}

/// Checks invariants 1 to 3, 5, 6, 9 and 10 as far as they are ours, and 11. Reads only.
///
/// # Errors
/// When the database fails: then nothing is known.
pub async fn run(
    db: &DatabaseConnection,
    now: Timestamp,
    limits: &Limits,
) -> anyhow::Result<AuditPart> {
    let mut violations = ledger_violations(db).await?;
    violations.extend(checks::consistency(db, limits.listed).await.context("cannot check rows")?);
    violations.extend(overdue(db, now, limits).await.context("cannot check ages")?);
    Ok(AuditPart {
        violations,
        escrow_legs: escrow_legs(db).await.context("cannot read clearing legs")?,
        payments: checks::payments(db).await.context("cannot read payments")?,
    })
}

async fn ledger_violations(db: &DatabaseConnection) -> anyhow::Result<Vec<Violation>> {
    let found = ledger::audit::violations(db).await.context("cannot check the ledger")?;
    Ok(found
        .into_iter()
        .map(|found| Violation { invariant: found.invariant, what: found.what, rows: found.rows })
        .collect())
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
        due: before(limits.due),
    };
    checks::overdue(db, cutoffs, limits.listed).await
}

async fn escrow_legs(db: &DatabaseConnection) -> anyhow::Result<Vec<EscrowLeg>> {
    let mut legs: Vec<EscrowLeg> = Vec::new();
    loop {
        let after = legs.last().map(|leg| leg.escrow_id.0);
        let kind = &books::ESCROW_CLEARING;
        let page = ledger::audit::sums_by_reference(db, kind, after, PAGE).await?;
        if page.is_empty() {
            return Ok(legs);
        }
        legs.extend(page.into_iter().map(|sum| EscrowLeg {
            escrow_id: EscrowId(sum.reference),
            total: sum.total,
            last_posted_at: sum.last_posted_at,
        }));
    }
}
