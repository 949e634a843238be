//! A payment, its transitions, and what the bank keeps of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A payment as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) checkout_id: String,
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) cost_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) charged_back_minor: i64,
    pub(crate) status: PaymentStatus,
    pub(crate) created_at: Timestamp,
    pub(crate) changed_at: Timestamp,
}

impl Payment {
    /// What can still be refunded or charged back.
    pub(crate) fn left_minor(&self) -> i64 {
        self.amount_minor - self.refunded_minor - self.charged_back_minor
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaymentStatus {
    Pending,
    Paid,
    Failed,
    ChargedBack,
}

impl PaymentStatus {
    /// `pending → paid | failed`, `paid → charged_back`.
    pub(crate) fn can_become(self, next: Self) -> bool {
        use PaymentStatus::{ChargedBack, Failed, Paid, Pending};
        matches!((self, next), (Pending, Paid | Failed) | (Paid, ChargedBack))
    }

    /// The name that the API gives it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::ChargedBack => "charged_back",
        }
    }

    /// The name of the entry that the log keeps of reaching this status.
    pub(crate) fn effect(self) -> &'static str {
        match self {
            Self::Pending => "payment.pending",
            Self::Paid => "payment.paid",
            Self::Failed => "payment.failed",
            Self::ChargedBack => "payment.charged_back",
        }
    }

    /// Whether reaching this status is told to webhooks.
    pub(crate) fn is_announced(self) -> bool {
        matches!(self, Self::Paid | Self::ChargedBack)
    }
}

/// What the bank keeps of a payment: a fixed part and a proportional one, rounded up as banks do,
/// never more than the payment.
pub(crate) fn cost_minor(amount_minor: i64, fixed_minor: i64, basis_points: u32) -> i64 {
    let proportional = (i128::from(amount_minor) * i128::from(basis_points) + 9_999) / 10_000;
    let cost = proportional + i128::from(fixed_minor);
    i64::try_from(cost).unwrap_or(amount_minor).min(amount_minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_round_up_and_never_exceed_the_payment() {
        for (amount, fixed, basis_points, expected) in [
            (10_000, 0, 0, 0),
            (10_000, 30, 290, 320),
            (1, 0, 1, 1),
            (9_999, 0, 100, 100),
            (20, 30, 0, 20),
            (1_000_000_000_000, 0, 10_000, 1_000_000_000_000),
            (5, i64::MAX, 10_000, 5),
        ] {
            assert_eq!(cost_minor(amount, fixed, basis_points), expected, "{amount} {fixed}");
        }
    }

    #[test]
    fn only_the_listed_transitions() {
        use PaymentStatus::{ChargedBack, Failed, Paid, Pending};
        let all = [Pending, Paid, Failed, ChargedBack];
        let allowed = [(Pending, Paid), (Pending, Failed), (Paid, ChargedBack)];
        for (from, to) in all.into_iter().flat_map(|from| all.map(|to| (from, to))) {
            assert_eq!(from.can_become(to), allowed.contains(&(from, to)), "{from:?} → {to:?}");
        }
    }
}
