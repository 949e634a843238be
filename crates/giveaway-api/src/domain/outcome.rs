//! What has become of a prize's funds, told from what is known of its batch, of its return and of its
//! card.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    giveaway::{ReturnState, UnitState},
    saga::{BatchState, SagaState},
};

/// What has become of a prize's funds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Being asked for: perhaps reserved, perhaps not.
    Reserving,
    /// Set aside at the merchant's, and not paid for yet.
    Reserved,
    /// Paid for; the merchant's side is being told.
    Confirming,
    /// Paid for on both sides.
    Funded,
    /// A winner has the card.
    Issued,
    /// Being given up: nothing was paid for it.
    Cancelling,
    /// Given up.
    Cancelled,
    /// On its way back to the host's wallet.
    Returning,
    /// Back in the host's wallet.
    Returned,
}

/// What has become of one prize. A prize without a unit is one of an attempt that turned back.
pub fn outcome(
    saga: SagaState,
    batch: BatchState,
    returned: Option<ReturnState>,
    unit: Option<UnitState>,
) -> Outcome {
    let is_undecided = saga == SagaState::Reserving;
    let is_turning_back = matches!(saga, SagaState::Compensating | SagaState::Compensated);
    match batch {
        BatchState::Cancelled => Outcome::Cancelled,
        BatchState::Planned | BatchState::Reserved if is_turning_back => Outcome::Cancelling,
        BatchState::Planned => Outcome::Reserving,
        BatchState::Reserved if is_undecided => Outcome::Reserved,
        BatchState::Reserved => Outcome::Confirming,
        BatchState::Confirmed => match returned {
            Some(ReturnState::Requested) => Outcome::Returning,
            Some(ReturnState::Returned) => Outcome::Returned,
            Some(ReturnState::Issued) => Outcome::Issued,
            None if unit == Some(UnitState::Filled) => Outcome::Issued,
            None => Outcome::Funded,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_its_outcome() {
        use BatchState as B;
        use SagaState as S;
        let open = Some(UnitState::Open);
        let check = |saga, batch, returned, unit, expected| {
            let told = outcome(saga, batch, returned, unit);
            assert_eq!(told, expected, "{saga} {batch} {returned:?} {unit:?}");
        };
        check(S::Reserving, B::Planned, None, open, Outcome::Reserving);
        check(S::Reserving, B::Reserved, None, open, Outcome::Reserved);
        check(S::Committed, B::Reserved, None, open, Outcome::Confirming);
        check(S::Committed, B::Confirmed, None, open, Outcome::Funded);
        check(S::Compensating, B::Planned, None, open, Outcome::Cancelling);
        check(S::Compensating, B::Reserved, None, open, Outcome::Cancelling);
        check(S::Compensating, B::Cancelled, None, open, Outcome::Cancelled);
        check(S::Compensated, B::Cancelled, None, None, Outcome::Cancelled);
        let confirmed = |returned, unit, expected| {
            check(S::Confirmed, B::Confirmed, returned, unit, expected);
        };
        confirmed(None, open, Outcome::Funded);
        confirmed(None, Some(UnitState::Filled), Outcome::Issued);
        confirmed(Some(ReturnState::Requested), open, Outcome::Returning);
        confirmed(Some(ReturnState::Returned), Some(UnitState::Returned), Outcome::Returned);
        confirmed(Some(ReturnState::Issued), Some(UnitState::Filled), Outcome::Issued);
    }
}
