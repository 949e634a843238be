//! The life of a top-up, and what a payment at the provider means for it.

use ledger::{Currency, Money};
use platform::provider::{Payment, PaymentStatus};

use super::states::states;

states! {
    /// Where a top-up stands.
    TopUpState {
        /// Waiting for the host to pay.
        Pending = "pending" => [Paid, Failed],
        /// Paid and credited.
        Paid = "paid" => [],
        /// The payment failed; another payment of the same checkout may still succeed.
        Failed = "failed" => [Paid],
    }
}

/// The least and the most of one top-up, in minor units: below, the provider's cost eats it; above,
/// somebody should be talked to.
pub const AMOUNT_MINOR: std::ops::RangeInclusive<i64> = 100..=100_000_000;

/// What a payment means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing yet, or nothing that we act on.
    Nothing,
    /// It will never be paid.
    Failed,
    /// This much is ours, of which the provider kept `cost_minor`.
    Received {
        /// What was paid.
        gross: Money,
        /// What the provider kept of it.
        cost_minor: i64,
    },
}

/// What a payment means, whoever made it.
///
/// # Errors
/// When the provider's object cannot be: an unknown currency, an amount that is none.
pub fn meaning(payment: &Payment) -> Result<Meaning, String> {
    match payment.status {
        PaymentStatus::Pending => Ok(Meaning::Nothing),
        PaymentStatus::Failed => Ok(Meaning::Failed),
        // What was charged back was paid before; taking it back is a posting of its own.
        PaymentStatus::Paid | PaymentStatus::ChargedBack => {
            let currency: Currency =
                payment.amount.currency.parse().map_err(|error| format!("{error}"))?;
            let gross = Money::new(payment.amount.minor, currency);
            let cost_minor = payment.cost_minor;
            if !gross.is_positive() || cost_minor < 0 || cost_minor > gross.minor {
                return Err(format!("a payment of {gross} with a cost of {cost_minor} cannot be"));
            }
            Ok(Meaning::Received { gross, cost_minor })
        }
    }
}

#[cfg(test)]
mod tests {
    use platform::provider::ProviderAmount;

    use super::*;

    #[test]
    fn only_what_is_paid_counts() {
        let payment = |status, minor, cost_minor| Payment {
            id: "pay_1".to_owned(),
            reference: "top_1".to_owned(),
            amount: ProviderAmount::new(minor, "EUR"),
            cost_minor,
            refunded_minor: 0,
            charged_back_minor: 0,
            status,
            created_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let gross = Money::new(500, "EUR".parse().unwrap());
        let check = |payment: &Payment, expected| assert_eq!(meaning(payment), expected);
        check(&payment(PaymentStatus::Pending, 500, 5), Ok(Meaning::Nothing));
        check(&payment(PaymentStatus::Failed, 500, 5), Ok(Meaning::Failed));
        check(
            &payment(PaymentStatus::Paid, 500, 5),
            Ok(Meaning::Received { gross, cost_minor: 5 }),
        );
        assert!(meaning(&payment(PaymentStatus::Paid, 0, 0)).is_err());
        assert!(meaning(&payment(PaymentStatus::Paid, 500, 501)).is_err());
    }
}
