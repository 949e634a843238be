//! What a host's wallet, top-ups, withdrawals and payout destinations must do, in memory: no database,
//! no locks, no retries. Written from the design, to be compared with the real store.

use std::collections::BTreeMap;

use platform::provider::{PaymentStatus, TransferStatus};

use super::{Meets, Step, pick};

pub(crate) const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// How long a new destination cools off.
pub(crate) const COOLING_HOURS: i64 = 72;

/// What the provider keeps of a payment.
pub(crate) const COST: i64 = 10;

/// What a host is told: this, or the code of a refusal.
pub(crate) const DONE: &str = "done";

/// Everything that is written about one host. The real rows are read into the same form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Books {
    pub(crate) available: i64,
    pub(crate) held: i64,
    pub(crate) debt: i64,
    /// In the order in which they were asked for.
    pub(crate) top_ups: Vec<TopUp>,
    /// What was taken back of the payments that were posted.
    pub(crate) payments: BTreeMap<Payment, i64>,
    /// In the order in which they were asked for.
    pub(crate) withdrawals: Vec<Withdrawal>,
    /// Where the host is paid now.
    pub(crate) destination: Option<u8>,
    /// Where it will be, and from when on.
    pub(crate) next: Option<(u8, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TopUp {
    pub(crate) state: &'static str,
    pub(crate) amount: i64,
}

/// For which top-up, and whether it is the second one of the same checkout.
pub(crate) type Payment = (usize, bool);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Withdrawal {
    pub(crate) state: &'static str,
    pub(crate) amount: i64,
    pub(crate) destination: u8,
    /// Sends that may have reached the bank.
    pub(crate) sends: i32,
    pub(crate) tries: i32,
    pub(crate) first_sent_at: Option<i64>,
    pub(crate) due_at: i64,
    pub(crate) asked_at: i64,
    pub(crate) needs_operator: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: i64,
    pub(crate) books: Books,
    /// What the bank has for each payment, and how much of it was taken back.
    pub(crate) payments: BTreeMap<Payment, (PaymentStatus, i64)>,
    /// What the bank has for each withdrawal.
    pub(crate) transfers: BTreeMap<usize, TransferStatus>,
}

impl Model {
    /// What the step does, and what whoever asked for it is told.
    pub(crate) fn apply(&mut self, step: &Step) -> &'static str {
        match *step {
            Step::TopUp { minor } => {
                self.books.top_ups.push(TopUp { state: "pending", amount: minor });
            }
            Step::Pay { top_up, is_second, status } => self.pay(top_up, is_second, status),
            Step::ChargeBack { payment, minor } => self.charge_back(payment, minor),
            Step::HearOfPayment { payment } => {
                let known: Vec<_> = self.payments.keys().copied().collect();
                pick(&known, payment).into_iter().for_each(|payment| self.take(payment));
            }
            Step::SweepPayments => {
                let known: Vec<_> = self.payments.keys().copied().collect();
                known.into_iter().for_each(|payment| self.take(payment));
            }
            Step::Name { destination } => self.name(destination),
            Step::Withdraw { minor } => return self.withdraw(minor).err().unwrap_or(DONE),
            Step::SendDue { meets } => {
                (0..self.books.withdrawals.len()).for_each(|n| self.send(n, meets));
            }
            Step::SweepTransfers => {
                let known: Vec<_> = self.transfers.keys().copied().collect();
                known.into_iter().for_each(|transfer| self.see(transfer));
            }
            Step::TransferBecomes { transfer, status, is_told } => {
                let known: Vec<_> = self.transfers.keys().copied().collect();
                let Some(of) = pick(&known, transfer) else { return DONE };
                if super::may_become(self.transfers[&of], status) {
                    self.transfers.insert(of, status);
                }
                if is_told {
                    self.see(of);
                }
            }
            Step::Pass { minutes } => self.now += minutes * MINUTE,
        }
        self.cool();
        DONE
    }

    fn pay(&mut self, top_up: usize, is_second: bool, status: PaymentStatus) {
        let Some(top_up) = top_up.checked_rem(self.books.top_ups.len()) else { return };
        let payment = self.payments.entry((top_up, is_second)).or_insert((status, 0));
        if payment.0 == PaymentStatus::Pending {
            payment.0 = status;
        }
    }

    fn charge_back(&mut self, payment: usize, minor: i64) {
        let known: Vec<_> = self.payments.keys().copied().collect();
        let Some(of) = pick(&known, payment) else { return };
        let (status, taken) = self.payments[&of];
        if matches!(status, PaymentStatus::Paid | PaymentStatus::ChargedBack) {
            self.payments.insert(of, (PaymentStatus::ChargedBack, taken + minor));
        }
    }

    /// We look at a payment as it is now. Once credited it is not credited again, and what was taken
    /// back is taken once, first from the wallet.
    pub(crate) fn take(&mut self, of: Payment) {
        let (status, taken_back) = self.payments[&of];
        let top_up = &mut self.books.top_ups[of.0];
        match status {
            PaymentStatus::Pending => {}
            PaymentStatus::Failed if top_up.state == "pending" => top_up.state = "failed",
            PaymentStatus::Failed => {}
            PaymentStatus::Paid | PaymentStatus::ChargedBack => {
                let gross = top_up.amount;
                let is_new = !self.books.payments.contains_key(&of);
                if is_new {
                    top_up.state = "paid";
                    self.credit(gross);
                }
                let before = self.books.payments.get(&of).copied().unwrap_or_default();
                let lost = taken_back.min(gross) - before;
                let from_wallet = lost.min(self.books.available);
                self.books.payments.insert(of, before + lost);
                self.books.available -= from_wallet;
                self.books.debt += lost - from_wallet;
            }
        }
    }

    /// Money comes into the wallet; a debt is paid first.
    fn credit(&mut self, minor: i64) {
        self.books.available += minor;
        let paid = self.books.debt.min(self.books.available);
        self.books.available -= paid;
        self.books.debt -= paid;
    }

    /// The destination whose time has come is in force.
    fn cool(&mut self) {
        if let Some((next, _)) = self.books.next.filter(|(_, from)| *from <= self.now) {
            (self.books.destination, self.books.next) = (Some(next), None);
        }
    }

    fn name(&mut self, named: u8) {
        let last = self.books.next.map(|(next, _)| next).or(self.books.destination);
        if last == Some(named) {
            return;
        }
        // Whatever was cooling off never counts any more.
        let is_taken_back = self.books.destination == Some(named);
        let from = self.now + COOLING_HOURS * 60 * MINUTE;
        self.books.next = (!is_taken_back).then_some((named, from));
    }

    fn withdraw(&mut self, amount: i64) -> Result<(), &'static str> {
        let destination = self.books.destination.ok_or("no_payout_destination")?;
        if amount > self.books.available {
            return Err("insufficient_funds");
        }
        self.books.available -= amount;
        self.books.held += amount;
        self.books.withdrawals.push(Withdrawal {
            state: "intent",
            amount,
            destination,
            sends: 0,
            tries: 0,
            first_sent_at: None,
            due_at: self.now,
            asked_at: self.now,
            needs_operator: false,
        });
        Ok(())
    }

    fn moves(&mut self, n: usize, to: &'static str) {
        let row = &mut self.books.withdrawals[n];
        (row.state, row.tries, row.needs_operator) = (to, 0, false);
        let amount = row.amount;
        match to {
            "pending_provider" => row.due_at = self.now + MINUTE,
            "paid" => self.books.held -= amount,
            "reversed" => self.credit(amount),
            "failed" => {
                self.books.held -= amount;
                self.credit(amount);
            }
            _ => {}
        }
    }

    /// We see a transfer as it is now.
    pub(crate) fn see(&mut self, n: usize) {
        let ways: &[&str] = match (self.books.withdrawals[n].state, self.transfers[&n]) {
            ("sending", TransferStatus::Pending) => &["pending_provider"],
            ("sending" | "pending_provider", TransferStatus::Paid) => &["paid"],
            ("sending" | "pending_provider", TransferStatus::Failed) => &["failed"],
            ("sending" | "pending_provider", TransferStatus::Reversed) => &["paid", "reversed"],
            ("paid", TransferStatus::Reversed) => &["reversed"],
            _ => &[],
        };
        ways.iter().for_each(|to| self.moves(n, to));
    }

    /// A withdrawal that is under way takes a step, if it is due.
    fn send(&mut self, n: usize, meets: Meets) {
        let now = self.now;
        let row = &mut self.books.withdrawals[n];
        let is_pending = row.state == "pending_provider";
        if !(is_pending || ["intent", "sending"].contains(&row.state)) || row.due_at > now {
            return;
        }
        // The bank forgets a reference after a day: then it must not be sent again.
        let is_forgotten = row.first_sent_at.is_some_and(|at| now - at >= DAY);
        let only_looks = is_pending || (row.sends > 0 && is_forgotten);
        let is_first = !is_pending && row.sends == 0;
        row.due_at = now + MINUTE;
        if !is_pending {
            row.state = "sending";
        }
        if !only_looks {
            row.first_sent_at = row.first_sent_at.filter(|_| row.sends > 0).or(Some(now));
            row.sends += 1;
        }
        let is_only_send = row.sends == 1;
        if !is_first && self.transfers.contains_key(&n) {
            return self.see(n);
        }
        if only_looks {
            return self.put_off(n);
        }
        match meets {
            Meets::Pay | Meets::PayUnheard => self.transfers.insert(n, TransferStatus::Paid),
            Meets::Pend => self.transfers.insert(n, TransferStatus::Pending),
            Meets::LoseUnheard | Meets::Refuse => None,
        };
        match meets {
            Meets::Pay | Meets::Pend => self.see(n),
            // Only the refusal of the only send says that nothing happened.
            Meets::Refuse if is_only_send => self.moves(n, "failed"),
            Meets::Refuse | Meets::PayUnheard | Meets::LoseUnheard => self.put_off(n),
        }
    }

    fn put_off(&mut self, n: usize) {
        let now = self.now;
        let row = &mut self.books.withdrawals[n];
        row.tries += 1;
        let is_pending = row.state == "pending_provider";
        let seconds = if is_pending { 60 } else { 1_i64 << (row.tries - 1).min(6) };
        row.due_at = now + seconds.min(60) * 1_000;
        // Late after an hour, and hopeless after a day.
        row.needs_operator |= now - row.asked_at > 60 * MINUTE;
    }
}
