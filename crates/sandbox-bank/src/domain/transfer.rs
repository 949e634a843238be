//! A transfer and its transitions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A transfer as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Transfer {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) destination: String,
    pub(crate) status: TransferStatus,
    pub(crate) failure_code: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) changed_at: Timestamp,
}

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransferStatus {
    Pending,
    Paid,
    Failed,
    Reversed,
}

impl TransferStatus {
    /// `pending → paid | failed`, `paid → reversed`.
    pub(crate) fn can_become(self, next: Self) -> bool {
        use TransferStatus::{Failed, Paid, Pending, Reversed};
        matches!((self, next), (Pending, Paid | Failed) | (Paid, Reversed))
    }

    /// The name that the API gives it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Reversed => "reversed",
        }
    }

    /// The name of the entry that the log keeps of reaching this status.
    pub(crate) fn effect(self) -> &'static str {
        match self {
            Self::Pending => "transfer.pending",
            Self::Paid => "transfer.paid",
            Self::Failed => "transfer.failed",
            Self::Reversed => "transfer.reversed",
        }
    }

    /// Whether reaching this status is told to webhooks.
    pub(crate) fn is_announced(self) -> bool {
        self != Self::Pending
    }

    /// Why a transfer in this status failed, as the API's code.
    pub(crate) fn failure_code(self) -> Option<&'static str> {
        (self == Self::Failed).then_some("destination_rejected")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_transitions() {
        use TransferStatus::{Failed, Paid, Pending, Reversed};
        let all = [Pending, Paid, Failed, Reversed];
        let allowed = [(Pending, Paid), (Pending, Failed), (Paid, Reversed)];
        for (from, to) in all.into_iter().flat_map(|from| all.map(|to| (from, to))) {
            assert_eq!(from.can_become(to), allowed.contains(&(from, to)), "{from:?} → {to:?}");
        }
    }
}
