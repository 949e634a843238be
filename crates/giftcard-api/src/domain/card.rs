//! The states of a card, its expiry, and why it cannot be redeemed.

use jiff::{SignedDuration, Timestamp};
use ledger::Money;

use super::refusal::Refusal;

/// A card to which value comes back stays valid at least this long, so that it can be spent.
pub(crate) const REOPENED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

const DAY: SignedDuration = SignedDuration::from_hours(24);

machine! {
    /// Where a card stands.
    CardState {
        /// It can be redeemed.
        Active = "active",
        /// All of it was redeemed; a reversal reopens it.
        Exhausted = "exhausted",
        /// Its balance went back to the host.
        Voided = "voided",
        /// Its time is over. A reversal is still possible at any time, and reopens it.
        Expired = "expired",
    }
    begins { Active }
    goes {
        Active => Exhausted,
        Exhausted => Active,
        Active => Voided,
        Exhausted => Voided,
        Active => Expired,
        Exhausted => Expired,
        Expired => Active,
    }
}

/// When a card issued now expires; none for never.
pub(crate) fn expiry(issued_at: Timestamp, validity_days: Option<i32>) -> Option<Timestamp> {
    let days = validity_days?;
    Some(issued_at.checked_add(DAY * days).unwrap_or(Timestamp::MAX))
}

/// When a card expires after value has come back to it at `now`.
pub(crate) fn expiry_after_reversal(
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    expires_at.map(|at| at.max(now.checked_add(REOPENED_FOR).unwrap_or(Timestamp::MAX)))
}

/// What is known of a card when its redemption found no row to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The state.
    pub(crate) state: CardState,
    /// What can be redeemed.
    pub(crate) available: Money,
    /// When it expires.
    pub(crate) expires_at: Option<Timestamp>,
}

/// Why a card of the asking merchant cannot be redeemed for `amount`; `None` when it can.
pub(crate) fn obstacle(card: Standing, amount: Money, now: Timestamp) -> Option<Refusal> {
    if amount.currency != card.available.currency {
        let expected = card.available.currency;
        return Some(Refusal::CurrencyMismatch { expected, given: amount.currency });
    }
    match card.state {
        CardState::Voided => return Some(Refusal::CardVoided),
        CardState::Expired => return Some(Refusal::CardExpired { at: card.expires_at }),
        CardState::Active if card.expires_at.is_some_and(|at| at <= now) => {
            return Some(Refusal::CardExpired { at: card.expires_at });
        }
        CardState::Exhausted => return Some(Refusal::CardExhausted { available: card.available }),
        CardState::Active => {}
    }
    (card.available.minor < amount.minor)
        .then_some(Refusal::InsufficientBalance { available: card.available })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap())
    }

    #[test]
    fn a_card_says_why_it_cannot_be_redeemed() {
        let check = |state, available, expires: Option<i64>, amount, code: Option<&str>| {
            let card = Standing { state, available: eur(available), expires_at: expires.map(at) };
            let obstacle = obstacle(card, amount, at(1_000));
            assert_eq!(obstacle.as_ref().map(Refusal::code), code, "{card:?}");
        };
        check(CardState::Active, 500, None, eur(500), None);
        check(CardState::Active, 500, Some(1_001), eur(1), None);
        check(CardState::Active, 500, Some(1_000), eur(1), Some("card_expired"));
        check(CardState::Active, 500, None, eur(501), Some("insufficient_balance"));
        check(CardState::Exhausted, 0, None, eur(1), Some("card_exhausted"));
        check(CardState::Expired, 0, Some(1), eur(1), Some("card_expired"));
        check(CardState::Voided, 0, None, eur(1), Some("card_voided"));
        let usd = Money::new(1, "USD".parse().unwrap());
        check(CardState::Active, 500, None, usd, Some("currency_mismatch"));
    }

    #[test]
    fn a_reversal_leaves_time_to_spend() {
        let month = REOPENED_FOR.as_secs();
        assert_eq!(expiry_after_reversal(None, at(0)), None);
        assert_eq!(expiry_after_reversal(Some(at(10)), at(100)), Some(at(100 + month)));
        assert_eq!(expiry_after_reversal(Some(at(month * 3)), at(100)), Some(at(month * 3)));
    }

    #[test]
    fn validity_counts_from_the_issue() {
        assert_eq!(expiry(at(0), None), None);
        assert_eq!(expiry(at(0), Some(1_826)), Some(at(1_826 * 86_400)));
        assert_eq!(expiry(Timestamp::MAX, Some(36_525)), Some(Timestamp::MAX));
    }
}
