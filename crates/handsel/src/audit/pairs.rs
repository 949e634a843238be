//! Invariant 10: the two legs of every escrow, one in each service's ledger, cancel each other.
//!
//! Both ledgers list their legs in the order of the escrows, so they are merged as two sorted lists
//! are, a page of each in memory. One side is always read a little later than the other; what was
//! posted in between looks unpaired and young, never old.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use ledger::{Currency, audit::ReferenceSum};
use uuid::Uuid;

use super::{Age, LISTED, Violation};

/// What is left of an escrow when both sides are added.
#[derive(Debug, Clone, Copy)]
struct Rest {
    minor: i128,
    since: Timestamp,
}

/// The legs of one ledger in the order of their escrows, asked for a page at a time.
pub(super) struct Legs<F> {
    page: F,
    ahead: VecDeque<ReferenceSum>,
    last: Option<Uuid>,
    is_over: bool,
}

impl<F: AsyncFnMut(Option<Uuid>) -> anyhow::Result<Vec<ReferenceSum>>> Legs<F> {
    /// From the beginning. A page has all legs of its escrows, and an empty one is the end.
    pub(super) fn new(page: F) -> Self {
        Self { page, ahead: VecDeque::new(), last: None, is_over: false }
    }

    /// The escrow that comes next.
    async fn next(&mut self) -> anyhow::Result<Option<Uuid>> {
        if self.ahead.is_empty() && !self.is_over {
            self.ahead = (self.page)(self.last).await?.into();
            self.is_over = self.ahead.is_empty();
            self.last = self.ahead.back().map(|leg| leg.reference);
        }
        Ok(self.ahead.front().map(|leg| leg.reference))
    }

    /// The next leg, if it is of this escrow.
    fn take(&mut self, escrow: Uuid) -> Option<ReferenceSum> {
        self.ahead.pop_front_if(|leg| leg.reference == escrow)
    }
}

/// Escrows of which one leg is missing, or another sum, for too long; at most [`LISTED`].
///
/// # Errors
/// When a page cannot be read.
pub(super) async fn unpaired<F, G>(
    mut ours: Legs<F>,
    mut theirs: Legs<G>,
    age: Age,
) -> anyhow::Result<Vec<Violation>>
where
    F: AsyncFnMut(Option<Uuid>) -> anyhow::Result<Vec<ReferenceSum>>,
    G: AsyncFnMut(Option<Uuid>) -> anyhow::Result<Vec<ReferenceSum>>,
{
    let mut found = Vec::new();
    while found.len() < LISTED {
        let Some(escrow) = ours.next().await?.into_iter().chain(theirs.next().await?).min() else {
            break;
        };
        let mut rests: BTreeMap<Currency, Rest> = BTreeMap::new();
        while let Some(leg) = ours.take(escrow).or_else(|| theirs.take(escrow)) {
            let rest = rests
                .entry(leg.total.currency)
                .or_insert(Rest { minor: 0, since: leg.last_posted_at });
            rest.minor += i128::from(leg.total.minor);
            rest.since = rest.since.max(leg.last_posted_at);
        }
        let wrong = rests.into_iter().filter(|(_, rest)| rest.minor != 0 && age.is_old(rest.since));
        found.extend(wrong.map(|(currency, rest)| Violation {
            invariant: 10,
            books: "together",
            what: format!(
                "the two legs of an escrow differ by {} minor units of {currency} since {}",
                rest.minor, rest.since
            ),
            rows: vec![format!("escrow {escrow}")],
        }));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use ledger::{Mode, Money};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn sum(escrow: u128, minor: i64, last_posted_at: Timestamp) -> ReferenceSum {
        let total = Money::new(minor, "EUR".parse().unwrap());
        ReferenceSum {
            reference: Uuid::from_u128(escrow),
            mode: Mode::Test,
            total,
            entries: 1,
            last_posted_at,
        }
    }

    /// The escrows that are named, when both sides come in pages of this many escrows.
    async fn named(
        ours: &[ReferenceSum],
        theirs: &[ReferenceSum],
        age: Age,
        size: usize,
    ) -> Vec<String> {
        let page = |legs: &[ReferenceSum], after: Option<Uuid>| {
            let rest = legs.iter().filter(|leg| Some(leg.reference) > after);
            anyhow::Ok(rest.take(size).cloned().collect::<Vec<_>>())
        };
        let ours = Legs::new(async |after| page(ours, after));
        let theirs = Legs::new(async |after| page(theirs, after));
        let found = unpaired(ours, theirs, age).await.unwrap();
        found.into_iter().flat_map(|violation| violation.rows).collect()
    }

    #[tokio::test]
    async fn legs_cancel_or_are_young() {
        let old = now() - SignedDuration::from_hours(2);
        let running = Age::Running { now: now() };
        let count = async |ours: &[ReferenceSum], theirs: &[ReferenceSum], age| {
            named(ours, theirs, age, 3).await.len()
        };
        assert_eq!(count(&[sum(1, 500, old)], &[sum(1, -500, old)], running).await, 0);
        assert_eq!(count(&[sum(1, 500, now())], &[], running).await, 0, "on its way");
        assert_eq!(count(&[sum(1, 500, old)], &[], running).await, 1);
        assert_eq!(count(&[], &[sum(1, -500, old)], running).await, 1);
        assert_eq!(count(&[sum(1, 500, old)], &[sum(1, -499, old)], running).await, 1);
        assert_eq!(count(&[sum(1, 500, old)], &[sum(2, -500, old)], running).await, 2);
        assert_eq!(count(&[sum(1, 500, now())], &[], Age::Quiet).await, 1);
    }

    #[tokio::test]
    async fn pages_may_end_anywhere() {
        let ours: Vec<_> = (1..=20).map(|escrow| sum(escrow, 5, now())).collect();
        let theirs: Vec<_> =
            ours.iter().map(|leg| sum(leg.reference.as_u128(), -5, now())).collect();
        for size in [1, 3, 20, 50] {
            let paired = named(&ours, &theirs, Age::Quiet, size).await;
            assert_eq!(paired, Vec::<String>::new(), "{size}");
            let mut holed = theirs.clone();
            holed.retain(|leg| ![1, 7, 20].contains(&leg.reference.as_u128()));
            let alone = [1, 7, 20].map(|id| format!("escrow {}", Uuid::from_u128(id)));
            assert_eq!(named(&ours, &holed, Age::Quiet, size).await, alone, "{size}");
            assert_eq!(named(&holed, &ours, Age::Quiet, size).await, alone, "{size}");
        }
    }

    #[tokio::test]
    async fn a_broken_ledger_does_not_fill_the_memory() {
        let ours: Vec<_> = (1..=300).map(|escrow| sum(escrow, 5, now())).collect();
        assert_eq!(named(&ours, &[], Age::Quiet, 7).await.len(), LISTED);
    }
}
