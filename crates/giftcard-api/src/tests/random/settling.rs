//! What the model does about transfers: the settlement's protocol with the bank.

use platform::provider::TransferStatus;

use super::{
    Meets, News,
    model::{DAY, Line, MINUTE, Model},
};
use crate::domain::settlement::{AttemptState, SettlementState};

impl Model {
    /// The attempt moves, and its settlement with it.
    fn moves(&mut self, (settlement, attempt): (usize, usize), to: AttemptState) {
        let row = &mut self.books.settlements[settlement];
        row.state = to.of_settlement();
        let attempt = &mut row.attempts[attempt];
        (attempt.state, attempt.tries) = (to, 0);
        attempt.is_stuck &= to == AttemptState::PendingProvider;
        match to {
            AttemptState::PendingProvider => attempt.due_at = self.now + MINUTE,
            AttemptState::Paid => self.books.payable -= row.total,
            AttemptState::Reversed => {
                self.books.payable += row.total;
                let line = Line { kind: "adjustment", amount: row.total, settlement: None };
                self.books.lines.push(line);
            }
            _ => {}
        }
    }

    /// We see a transfer as it is now.
    pub(super) fn see(&mut self, of: (usize, usize)) {
        use AttemptState as A;
        let (settlement, attempt) = of;
        let state = self.books.settlements[settlement].attempts[attempt].state;
        let ways: &[A] = match (state, self.bank[&of]) {
            (A::Sending, TransferStatus::Pending) => &[A::PendingProvider],
            (A::Sending | A::PendingProvider, TransferStatus::Paid) => &[A::Paid],
            (A::Sending | A::PendingProvider, TransferStatus::Failed) => &[A::Failed],
            (A::Sending | A::PendingProvider, TransferStatus::Reversed) => &[A::Paid, A::Reversed],
            (A::Paid, TransferStatus::Reversed) => &[A::Reversed],
            _ => &[],
        };
        ways.iter().for_each(|to| self.moves(of, *to));
    }

    pub(super) fn transfer_becomes(&mut self, transfer: usize, news: News, is_told: bool) {
        let Some(of) = super::pick(&self.bank.keys().copied().collect::<Vec<_>>(), transfer) else {
            return;
        };
        if let Some(next) = news.after(self.bank[&of]) {
            self.bank.insert(of, next);
        }
        if is_told {
            self.see(of);
        }
    }

    /// The one attempt that may be under way takes a step, if it is due.
    pub(super) fn send_due(&mut self, meets: Meets, are_lookups_lost: bool) {
        let Some(settlement) = self.books.settlements.len().checked_sub(1) else { return };
        let of = (settlement, self.books.settlements[settlement].attempts.len() - 1);
        let now = self.now;
        let row = &mut self.books.settlements[of.0].attempts[of.1];
        if !AttemptState::LIVE.contains(&row.state) || row.due_at > now {
            return;
        }
        let is_pending = row.state == AttemptState::PendingProvider;
        // The bank forgets a reference after a day: then it must not be sent again.
        let forgets = |first: Option<i64>| first.is_some_and(|at| now - at >= DAY);
        let only_looks = is_pending || (row.sends > 0 && forgets(row.first_sent_at));
        let is_first = !is_pending && row.sends == 0;
        row.due_at = now + MINUTE / 2;
        if !only_looks {
            row.first_sent_at = row.first_sent_at.filter(|_| row.sends > 0).or(Some(now));
            row.sends += 1;
        }
        let (sends, is_intent) = (row.sends, row.state == AttemptState::Intent);
        if is_intent {
            row.state = AttemptState::Sending;
            self.books.settlements[of.0].state = SettlementState::Sending;
        }
        if !is_first && !are_lookups_lost && self.bank.contains_key(&of) {
            return self.see(of);
        }
        if only_looks {
            return self.put_off(of, false);
        }
        if !is_first && are_lookups_lost {
            return self.put_off(of, true);
        }
        match meets {
            Meets::Pay | Meets::PayAndLoseAnswer => {
                self.bank.insert(of, TransferStatus::Paid);
            }
            Meets::Pend => {
                self.bank.insert(of, TransferStatus::Pending);
            }
            Meets::LoseRequest | Meets::Refuse | Meets::Unreachable => {}
        }
        match meets {
            Meets::Pay | Meets::Pend => self.see(of),
            // Only the refusal of the only send says that nothing happened.
            Meets::Refuse if sends == 1 => self.moves(of, AttemptState::Failed),
            Meets::Unreachable => self.put_off(of, true),
            Meets::Refuse | Meets::LoseRequest | Meets::PayAndLoseAnswer => self.put_off(of, false),
        }
    }

    fn put_off(&mut self, (settlement, attempt): (usize, usize), is_unsent: bool) {
        let row = &mut self.books.settlements[settlement].attempts[attempt];
        let is_pending = row.state == AttemptState::PendingProvider;
        row.sends -= i32::from(is_unsent);
        row.tries += 1;
        let seconds = if is_pending { 60 } else { 1_i64 << (row.tries - 1).min(6) };
        row.due_at = self.now + seconds.min(60) * 1_000;
        row.is_stuck |= !is_pending && row.first_sent_at.is_some_and(|at| self.now - at >= DAY);
    }
}
