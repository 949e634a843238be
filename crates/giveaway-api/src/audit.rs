//! The invariants of money that this service can check alone, beside a running server, and what the
//! whole needs from it: the clearing legs of escrows, to be paired with giftcard-api's, and the
//! payments and withdrawals, to be matched with the provider's. Those are listed in pages, because
//! there are as many as there were prizes and payments; [`run`] puts them together for small books.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
pub use ledger::audit::Violation;
use ledger::{
    Money,
    audit::{PAGE, ReferenceSum, every_page, sums_by_reference},
};
use sea_orm::DatabaseConnection;
use uuid::Uuid;

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

/// Checks everything, and lists everything: memory for each escrow, payment and withdrawal. Reads only.
///
/// # Errors
/// When the database fails: then nothing is known.
pub async fn run(
    db: &DatabaseConnection,
    now: Timestamp,
    limits: &Limits,
) -> anyhow::Result<AuditPart> {
    Ok(AuditPart {
        violations: violations(db, now, limits).await?,
        escrow_legs: every_page(async |last: Option<&ReferenceSum>| {
            escrow_legs(db, last.map(|leg| leg.reference)).await
        })
        .await?,
        payments: every_page(async |last: Option<&PostedPayment>| {
            payments(db, last.map(|payment| payment.payment_id.as_str())).await
        })
        .await?,
        withdrawals: every_page(async |last: Option<&PaidWithdrawal>| {
            withdrawals(db, last.map(|withdrawal| withdrawal.provider_ref.as_str())).await
        })
        .await?,
    })
}

/// Checks invariants 1 to 3, 5 to 7, 9 and 10 as far as they are ours, and 11. Reads only.
///
/// # Errors
/// When the database fails: then nothing is known.
pub async fn violations(
    db: &DatabaseConnection,
    now: Timestamp,
    limits: &Limits,
) -> anyhow::Result<Vec<Violation>> {
    let mut found = ledger::audit::violations(db).await.context("cannot check the ledger")?;
    found.extend(checks::consistency(db, limits.listed).await.context("cannot check rows")?);
    found.extend(overdue(db, now, limits).await.context("cannot check ages")?);
    Ok(found)
}

/// A page of what clearing holds for each escrow, in their order, behind one of them. A page has all
/// that there is about its escrows; an empty one is the end.
///
/// # Errors
/// When the database fails.
pub async fn escrow_legs(
    db: &DatabaseConnection,
    after: Option<Uuid>,
) -> anyhow::Result<Vec<ReferenceSum>> {
    let page = sums_by_reference(db, &books::ESCROW_CLEARING, after, PAGE).await;
    page.context("cannot read clearing legs")
}

/// A page of the payments that were posted, ordered by the provider's id, behind one of them. An empty
/// one is the end.
///
/// # Errors
/// When the database fails or a row is corrupt.
pub async fn payments(
    db: &DatabaseConnection,
    after: Option<&str>,
) -> anyhow::Result<Vec<PostedPayment>> {
    checks::payments(db, after, PAGE).await.context("cannot read payments")
}

/// A page of the withdrawals whose money moved, ordered by our reference, behind one of them. An empty
/// one is the end.
///
/// # Errors
/// When the database fails or a row is corrupt.
pub async fn withdrawals(
    db: &DatabaseConnection,
    after: Option<&str>,
) -> anyhow::Result<Vec<PaidWithdrawal>> {
    checks::withdrawals(db, after, PAGE).await.context("cannot read withdrawals")
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
