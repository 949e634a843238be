//! The accounts of this service, and what is posted to them. Credits are positive.

use jiff::Timestamp;
use ledger::{Account, AccountKind, Currency, Leg, Mode, Money, Posting, holds::NewHold, op_id};
use uuid::Uuid;

use crate::ids::{EscrowId, HostId, SagaId, VoidId, WithdrawalId};

/// What a host can spend.
pub const AVAILABLE: AccountKind = AccountKind::non_negative("available");
/// What is set aside, for a giveaway that is being published or a withdrawal.
pub const HELD: AccountKind = AccountKind::non_negative("held");
/// Money on its way to giftcard-api or back; nets to zero with the account of the same name there.
pub const ESCROW_CLEARING: AccountKind = AccountKind::clearing("escrow_clearing");
/// Money at the payment provider; the more there is, the lower the balance.
pub const PROVIDER_CLEARING: AccountKind = AccountKind::clearing("provider_clearing");
/// What the provider kept.
pub const PROVIDER_COST: AccountKind = AccountKind::clearing("psp_cost");
/// What a host owes us since a payment was taken back that had been spent: below zero while it does.
pub const HOST_DEBT: AccountKind = AccountKind::signed_cached("host_debt");
/// Money that came from the provider without a top-up that asked for it.
pub const SUSPENSE: AccountKind = AccountKind::clearing("suspense");

/// The installation itself, as an owner.
const PLATFORM: Uuid = Uuid::nil();

/// A host's account.
pub fn of_host(mode: Mode, host: HostId, kind: AccountKind, currency: Currency) -> Account {
    Account { mode, kind, owner: host.0, currency }
}

/// An account of the installation.
pub fn of_platform(mode: Mode, kind: AccountKind, currency: Currency) -> Account {
    Account { mode, kind, owner: PLATFORM, currency }
}

/// A payment for a top-up, once per payment: cash −(G−p), cost −p, available +G.
pub fn top_up(
    mode: Mode,
    host: HostId,
    payment_id: &str,
    gross: Money,
    cost_minor: i64,
) -> Posting {
    let to = of_host(mode, host, AVAILABLE, gross.currency);
    received(mode, "top_up", payment_id, gross, cost_minor).with([Leg::new(to, gross)])
}

/// A payment that nobody asked for, once per payment: cash −(u−p), cost −p, suspense +u.
pub fn unmatched(mode: Mode, payment_id: &str, gross: Money, cost_minor: i64) -> Posting {
    let to = of_platform(mode, SUSPENSE, gross.currency);
    received(mode, "payment_unmatched", payment_id, gross, cost_minor).with([Leg::new(to, gross)])
}

/// A payment that nobody asked for turned out to be a host's, once per payment: suspense −u,
/// available +u.
pub fn assigned(mode: Mode, host: HostId, payment_id: &str, left: Money) -> Posting {
    let out = Money::new(-left.minor, left.currency);
    let id = op_id(&[b"payment_assigned", payment_id.as_bytes()]);
    Posting::new(id, "payment_assigned").with([
        Leg::new(of_platform(mode, SUSPENSE, left.currency), out),
        Leg::new(of_host(mode, host, AVAILABLE, left.currency), left),
    ])
}

/// A payment of a host was taken back, once per payment and sum taken back so far: available −a,
/// host_debt −x, cash +d. What was spent stays spent; it becomes the host's debt.
pub fn charged_back(
    mode: Mode,
    host: HostId,
    (payment_id, so_far_minor): (&str, i64),
    taken: Money,
    from_available: Money,
) -> Posting {
    let currency = taken.currency;
    let legs = [
        (of_host(mode, host, AVAILABLE, currency), -from_available.minor),
        (of_host(mode, host, HOST_DEBT, currency), from_available.minor - taken.minor),
        (of_platform(mode, PROVIDER_CLEARING, currency), taken.minor),
    ];
    taken_back("charge_back", payment_id, so_far_minor).with(
        legs.into_iter()
            .filter(|(_, minor)| *minor != 0)
            .map(|(account, minor)| Leg::new(account, Money::new(minor, currency))),
    )
}

/// A payment that nobody asked for was taken back: suspense −d, cash +d.
pub fn unmatched_charged_back(
    mode: Mode,
    (payment_id, so_far_minor): (&str, i64),
    taken: Money,
) -> Posting {
    let back = Money::new(-taken.minor, taken.currency);
    taken_back("charge_back_unmatched", payment_id, so_far_minor).with([
        Leg::new(of_platform(mode, SUSPENSE, taken.currency), back),
        Leg::new(of_platform(mode, PROVIDER_CLEARING, taken.currency), taken),
    ])
}

fn taken_back(kind: &'static str, payment_id: &str, so_far_minor: i64) -> Posting {
    let fields: [&[u8]; 3] =
        [b"payment_taken_back", payment_id.as_bytes(), &so_far_minor.to_be_bytes()];
    Posting::new(op_id(&fields), kind)
}

/// A host that has money again pays what it owes, once per credit: available −y, host_debt +y.
pub fn debt_repaid(mode: Mode, host: HostId, credit: Uuid, amount: Money) -> Posting {
    let paid = Money::new(-amount.minor, amount.currency);
    Posting::new(op_id(&[b"debt_repaid", credit.as_bytes()]), "debt_repaid").with([
        Leg::new(of_host(mode, host, AVAILABLE, amount.currency), paid),
        Leg::new(of_host(mode, host, HOST_DEBT, amount.currency), amount),
    ])
}

fn received(
    mode: Mode,
    kind: &'static str,
    payment_id: &str,
    gross: Money,
    cost_minor: i64,
) -> Posting {
    let currency = gross.currency;
    let legs = [(PROVIDER_CLEARING, cost_minor - gross.minor), (PROVIDER_COST, -cost_minor)];
    // One id for both kinds: a payment is either credited or unmatched, and only once.
    Posting::new(op_id(&[b"payment", payment_id.as_bytes()]), kind).with(
        legs.into_iter().filter(|(_, minor)| *minor != 0).map(|(kind, minor)| {
            Leg::new(of_platform(mode, kind, currency), Money::new(minor, currency))
        }),
    )
}

/// The money that a publish saga sets aside.
pub fn hold(mode: Mode, host: HostId, saga: SagaId, amount: Money, at: Timestamp) -> NewHold {
    NewHold {
        id: saga.0,
        mode,
        owner: host.0,
        amount,
        available: AVAILABLE,
        held: HELD,
        reference: Some(saga.0),
        at,
    }
}

/// Where a captured hold goes: one leg per escrow, so that both services' legs pair by escrow.
pub fn captured(mode: Mode, escrows: impl IntoIterator<Item = (EscrowId, Money)>) -> Vec<Leg> {
    escrows
        .into_iter()
        .map(|(escrow, value)| {
            Leg::about(of_platform(mode, ESCROW_CLEARING, value.currency), value, escrow.0)
        })
        .collect()
}

/// A returned escrow, once per escrow: clr −v, available +v.
pub fn returned(mode: Mode, host: HostId, escrow: EscrowId, value: Money) -> Posting {
    let back = Money::new(-value.minor, value.currency);
    Posting::new(op_id(&[b"escrow_return", escrow.0.as_bytes()]), "escrow_return")
        .leg_for(of_platform(mode, ESCROW_CLEARING, value.currency), back, escrow.0)
        .leg_for(of_host(mode, host, AVAILABLE, value.currency), value, escrow.0)
}

/// What a voided card had left, once per void: clr −b, available +b. The clearing leg is the escrow's.
pub fn voided(mode: Mode, host: HostId, escrow: EscrowId, void: VoidId, amount: Money) -> Posting {
    let back = Money::new(-amount.minor, amount.currency);
    Posting::new(op_id(&[b"card_void", void.0.as_bytes()]), "card_void")
        .leg_for(of_platform(mode, ESCROW_CLEARING, amount.currency), back, escrow.0)
        .leg_for(of_host(mode, host, AVAILABLE, amount.currency), amount, escrow.0)
}

/// The money that a withdrawal sets aside.
pub fn hold_for_withdrawal(
    mode: Mode,
    host: HostId,
    id: WithdrawalId,
    amount: Money,
    at: Timestamp,
) -> NewHold {
    NewHold {
        id: id.0,
        mode,
        owner: host.0,
        amount,
        available: AVAILABLE,
        held: HELD,
        reference: Some(id.0),
        at,
    }
}

/// Where the hold of a withdrawal goes once it is paid: held −w, cash +w.
pub fn withdrawn(mode: Mode, id: WithdrawalId, amount: Money) -> Vec<Leg> {
    vec![Leg::about(of_platform(mode, PROVIDER_CLEARING, amount.currency), amount, id.0)]
}

/// A paid withdrawal came back, once: cash −w, available +w.
pub fn withdrawal_reversed(mode: Mode, host: HostId, id: WithdrawalId, amount: Money) -> Posting {
    let back = Money::new(-amount.minor, amount.currency);
    Posting::new(op_id(&[b"withdrawal_reversed", id.0.as_bytes()]), "withdrawal_reversed")
        .leg_for(of_platform(mode, PROVIDER_CLEARING, amount.currency), back, id.0)
        .leg_for(of_host(mode, host, AVAILABLE, amount.currency), amount, id.0)
}

/// Money that left without an explanation, once per transfer: cash +u, suspense −u; `is_back` when it
/// has returned: the inverse.
pub fn unmatched_transfer(mode: Mode, provider_id: &str, amount: Money, is_back: bool) -> Posting {
    let (step, kind, minor): (&[u8], _, _) = match is_back {
        false => (b"left", "transfer_unmatched", amount.minor),
        true => (b"returned", "transfer_unmatched_returned", -amount.minor),
    };
    let fields: [&[u8]; 3] = [b"transfer_unmatched", step, provider_id.as_bytes()];
    let leg = |kind, minor| {
        Leg::new(of_platform(mode, kind, amount.currency), Money::new(minor, amount.currency))
    };
    Posting::new(op_id(&fields), kind).with([leg(PROVIDER_CLEARING, minor), leg(SUSPENSE, -minor)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_has_one_operation_whatever_became_of_it() {
        let eur = |minor| Money::new(minor, "EUR".parse().unwrap());
        let credited = top_up(Mode::Test, HostId::new(), "pay_1", eur(1_000), 30);
        let unmatched = unmatched(Mode::Test, "pay_1", eur(1_000), 30);
        assert_eq!(credited.op_id, unmatched.op_id);
        let check = |posting: &Posting, expected: &[(&str, i64)]| {
            let legs: Vec<_> = posting
                .legs
                .iter()
                .map(|leg| (leg.account.kind.name(), leg.amount.minor))
                .collect();
            assert_eq!(legs, expected);
        };
        check(&credited, &[("provider_clearing", -970), ("psp_cost", -30), ("available", 1_000)]);
        check(&unmatched, &[("provider_clearing", -970), ("psp_cost", -30), ("suspense", 1_000)]);
        let free = top_up(Mode::Test, HostId::new(), "pay_2", eur(1_000), 0);
        check(&free, &[("provider_clearing", -1_000), ("available", 1_000)]);
    }
}
