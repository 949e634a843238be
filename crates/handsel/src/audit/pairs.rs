//! Invariant 10: the two legs of every escrow, one in each service's ledger, cancel each other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ledger::{Currency, audit::ReferenceSum};
use uuid::Uuid;

use super::{Age, Violation};

/// What one escrow has in one currency.
type Key = (Uuid, Currency);

/// What is left of an escrow when both sides are added.
#[derive(Debug, Clone, Copy)]
struct Rest {
    minor: i128,
    since: Timestamp,
}

/// Escrows of which one leg is missing, or another sum, for too long.
pub(super) fn unpaired(legs: &[ReferenceSum], age: Age) -> Vec<Violation> {
    let mut rests: BTreeMap<Key, Rest> = BTreeMap::new();
    for leg in legs {
        let rest = rests
            .entry((leg.reference, leg.total.currency))
            .or_insert(Rest { minor: 0, since: leg.last_posted_at });
        rest.minor += i128::from(leg.total.minor);
        rest.since = rest.since.max(leg.last_posted_at);
    }
    rests
        .into_iter()
        .filter(|(_, rest)| rest.minor != 0 && age.is_old(rest.since))
        .map(|((escrow, currency), rest)| Violation {
            invariant: 10,
            books: "together",
            what: format!(
                "the two legs of an escrow differ by {} minor units of {currency} since {}",
                rest.minor, rest.since
            ),
            rows: vec![format!("escrow {escrow}")],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use ledger::{Mode, Money};

    use super::*;

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

    #[test]
    fn legs_cancel_or_are_young() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let old = now - SignedDuration::from_hours(2);
        let broken = |legs: Vec<ReferenceSum>| unpaired(&legs, Age::Running { now }).len();
        assert_eq!(broken(vec![sum(1, 500, old), sum(1, -500, old)]), 0);
        assert_eq!(broken(vec![sum(1, 500, now)]), 0, "the other leg is on its way");
        assert_eq!(broken(vec![sum(1, 500, old)]), 1);
        assert_eq!(broken(vec![sum(1, 500, old), sum(1, -499, old)]), 1);
        assert_eq!(broken(vec![sum(1, 500, old), sum(2, -500, old)]), 2);
        assert_eq!(unpaired(&[sum(1, 500, now)], Age::Quiet).len(), 1);
    }
}
