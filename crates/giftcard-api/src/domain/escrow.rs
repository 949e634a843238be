//! The states of an escrow, and what each command finds.

use super::refusal::Refusal;

machine! {
    /// Where an escrow stands. A cancelled escrow that never was reserved is a tombstone: it makes
    /// sure that a late reserve is refused.
    EscrowState {
        /// Worth nothing until the giveaway's side has captured the money.
        Reserved = "reserved",
        /// The money is there.
        Funded = "funded",
        /// It became a card.
        Issued = "issued",
        /// It went back to the host.
        Refunded = "refunded",
        /// It never was worth anything.
        Cancelled = "cancelled",
    }
    begins { Reserved, Cancelled }
    goes {
        Reserved => Funded,
        Reserved => Cancelled,
        Funded => Issued,
        Funded => Refunded,
    }
}

impl EscrowState {
    /// States that nothing leads out of.
    pub(crate) const TERMINAL: [Self; 3] = [Self::Issued, Self::Refunded, Self::Cancelled];
}

/// What a command has to do about an escrow in some state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make the transition.
    Go,
    /// It was made before: answer as then.
    Done,
    /// Not yet, but it may become possible: the caller asks again later.
    Later,
}

/// ConfirmEscrows. An unknown or cancelled escrow means that the two sides disagree about the saga.
pub(crate) fn confirm(state: Option<EscrowState>) -> Result<Step, Refusal> {
    match state {
        Some(EscrowState::Reserved) => Ok(Step::Go),
        Some(EscrowState::Funded | EscrowState::Issued | EscrowState::Refunded) => Ok(Step::Done),
        Some(EscrowState::Cancelled) => Err(Refusal::EscrowCancelled),
        None => Err(Refusal::EscrowUnknown),
    }
}

/// CancelEscrows. For an unknown escrow a tombstone is written.
pub(crate) fn cancel(state: Option<EscrowState>) -> Result<Step, Refusal> {
    match state {
        None | Some(EscrowState::Reserved) => Ok(Step::Go),
        Some(EscrowState::Cancelled) => Ok(Step::Done),
        Some(EscrowState::Funded | EscrowState::Issued | EscrowState::Refunded) => {
            Err(Refusal::EscrowFunded)
        }
    }
}

/// IssueCard. `Done` means that a card was issued from it; whether to the same winner is another
/// question.
pub(crate) fn issue(state: Option<EscrowState>) -> Result<Step, Refusal> {
    match state {
        Some(EscrowState::Funded) => Ok(Step::Go),
        Some(EscrowState::Issued) => Ok(Step::Done),
        Some(EscrowState::Reserved) => Ok(Step::Later),
        Some(EscrowState::Refunded) => Err(Refusal::EscrowRefunded),
        Some(EscrowState::Cancelled) => Err(Refusal::EscrowCancelled),
        None => Err(Refusal::EscrowUnknown),
    }
}

/// What ReturnEscrow finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    /// Give the value back.
    Go,
    /// It was given back before.
    Returned,
    /// A card was issued from it: there is nothing to give back.
    Issued,
    /// The confirm has not come yet, and must not be overtaken.
    Later,
}

/// ReturnEscrow.
pub(crate) fn give_back(state: Option<EscrowState>) -> Result<Return, Refusal> {
    match state {
        Some(EscrowState::Funded) => Ok(Return::Go),
        Some(EscrowState::Refunded) => Ok(Return::Returned),
        Some(EscrowState::Issued) => Ok(Return::Issued),
        Some(EscrowState::Reserved) => Ok(Return::Later),
        Some(EscrowState::Cancelled) => Err(Refusal::EscrowCancelled),
        None => Err(Refusal::EscrowUnknown),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::state::Machine as _, *};

    #[test]
    fn commands_make_only_transitions_of_the_table() {
        use EscrowState::{Cancelled, Funded, Issued, Refunded};
        let states: Vec<_> =
            std::iter::once(None).chain(EscrowState::ALL.iter().copied().map(Some)).collect();
        for from in states {
            assert_eq!(
                confirm(from) == Ok(Step::Go),
                EscrowState::allows(from, Funded),
                "{from:?}"
            );
            assert_eq!(
                cancel(from) == Ok(Step::Go),
                EscrowState::allows(from, Cancelled),
                "{from:?}"
            );
            assert_eq!(issue(from) == Ok(Step::Go), EscrowState::allows(from, Issued), "{from:?}");
            assert_eq!(
                give_back(from) == Ok(Return::Go),
                EscrowState::allows(from, Refunded),
                "{from:?}"
            );
        }
    }

    #[test]
    fn nothing_leads_out_of_a_terminal_state() {
        for from in EscrowState::TERMINAL {
            assert!(EscrowState::ALL.iter().all(|to| !EscrowState::allows(Some(from), *to)));
        }
    }

    #[test]
    fn a_return_and_an_issue_never_overtake_a_confirm() {
        assert_eq!(give_back(Some(EscrowState::Reserved)), Ok(Return::Later));
        assert_eq!(issue(Some(EscrowState::Reserved)), Ok(Step::Later));
    }
}
