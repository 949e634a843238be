//! The invariants of money that this service can check alone, beside a running server, and what the
//! whole needs from it: the clearing legs of escrows, to be paired with giveaway-api's, and the
//! transfers that we hold for moved, to be matched with the provider's. Those are listed in pages,
//! because there are as many as there were prizes and settlements; [`run`] puts them together for
//! small books.

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

pub use crate::domain::ids::{EscrowId, MerchantId, SettlementId};

/// After what time something that is not over needs an alert.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A reserved escrow.
    pub reserved: SignedDuration,
    /// An attempt of a settlement without a result.
    pub attempt: SignedDuration,
    /// A call in the outbox.
    pub outbox: SignedDuration,
    /// An event of the provider.
    pub event: SignedDuration,
    /// A card whose time is over.
    pub expiry: SignedDuration,
    /// Rows named per check: a broken book has more than anyone reads.
    pub listed: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reserved: SignedDuration::from_hours(1),
            attempt: SignedDuration::from_hours(1),
            outbox: SignedDuration::from_hours(1),
            event: SignedDuration::from_mins(10),
            expiry: SignedDuration::from_mins(10),
            listed: 100,
        }
    }
}

/// A transfer that we hold for moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledTransfer {
    /// The settlement that it paid.
    pub settlement_id: SettlementId,
    /// Our reference.
    pub provider_ref: String,
    /// The provider's id.
    pub provider_id: String,
    /// The payee.
    pub merchant_id: MerchantId,
    /// How much.
    pub amount: Money,
    /// To whom, in the provider's terms.
    pub destination: String,
    /// Whether it came back.
    pub is_reversed: bool,
}

/// What one run found.
#[derive(Clone, Debug, Default)]
pub struct AuditPart {
    /// What is wrong.
    pub violations: Vec<Violation>,
    /// What clearing holds for each escrow, in their order: minus its value while it is funded or
    /// issued, without what was voided of its card, and nothing once it was given back.
    pub escrow_legs: Vec<ReferenceSum>,
    /// Every transfer that we hold for moved, ordered by reference.
    pub transfers: Vec<SettledTransfer>,
}

/// Checks everything, and lists everything: memory for each escrow and transfer. Reads only.
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
        transfers: every_page(async |last: Option<&SettledTransfer>| {
            transfers(db, last.map(|transfer| transfer.provider_ref.as_str())).await
        })
        .await?,
    })
}

/// Checks invariants 1 to 5, 7 and 10 as far as they are ours, 8 and 11. Reads only.
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
    let page = sums_by_reference(db, &books::CLEARING, after, PAGE).await;
    page.context("cannot read clearing legs")
}

/// A page of the transfers that we hold for moved, ordered by reference, behind one of them. An empty
/// one is the end.
///
/// # Errors
/// When the database fails or a row is corrupt.
pub async fn transfers(
    db: &DatabaseConnection,
    after: Option<&str>,
) -> anyhow::Result<Vec<SettledTransfer>> {
    checks::transfers(db, after, PAGE).await.context("cannot read transfers")
}

async fn overdue(
    db: &DatabaseConnection,
    now: Timestamp,
    limits: &Limits,
) -> anyhow::Result<Vec<Violation>> {
    let before =
        |age: SignedDuration| now.checked_sub(age).map_or(i64::MIN, |then| then.as_millisecond());
    let cutoffs = checks::Cutoffs {
        reserved: before(limits.reserved),
        attempt: before(limits.attempt),
        outbox: before(limits.outbox),
        event: before(limits.event),
        expiry: before(limits.expiry),
    };
    checks::overdue(db, cutoffs, limits.listed).await
}
