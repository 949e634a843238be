//! What a merchant's cards, authorisations, redemptions and settlements must do, in memory: no
//! database, no locks, no retries. Written from the design, to be compared with the real store.

use std::collections::BTreeMap;

use platform::provider::TransferStatus;

use super::Step;
use crate::domain::{
    authorisation::AuthorisationState,
    card::CardState,
    settlement::{AttemptState, SettlementState},
};

pub(super) const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// How long cards are valid.
pub(super) const VALIDITY_DAYS: i64 = 1_826;

/// What a till is told: this, or the code of a refusal.
pub(super) const DONE: &str = "done";

/// Everything that is written about one merchant. The real rows are read into the same form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Books {
    /// In the order of their issue.
    pub(super) cards: Vec<Card>,
    /// By the till's name for them.
    pub(super) authorisations: BTreeMap<u8, Authorisation>,
    /// By the till's name for them.
    pub(super) redemptions: BTreeMap<u8, Redemption>,
    /// Sorted.
    pub(super) lines: Vec<Line>,
    /// In the order of their requests.
    pub(super) settlements: Vec<Settlement>,
    /// What the ledger holds for the merchant.
    pub(super) payable: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Card {
    pub(super) state: CardState,
    pub(super) value: i64,
    pub(super) available: i64,
    pub(super) authorised: i64,
    pub(super) redeemed: i64,
    pub(super) expired: i64,
    pub(super) expires_at: Option<i64>,
    /// What the ledger holds for it.
    pub(super) account: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Authorisation {
    pub(super) state: AuthorisationState,
    pub(super) card: usize,
    pub(super) amount: i64,
    pub(super) expires_at: i64,
    /// The name of the redemption that it was captured as.
    pub(super) redemption: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Redemption {
    pub(super) card: usize,
    pub(super) amount: i64,
    pub(super) reversed: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Line {
    pub(super) kind: &'static str,
    pub(super) amount: i64,
    /// Which of the merchant's settlements pays it.
    pub(super) settlement: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Settlement {
    pub(super) state: SettlementState,
    pub(super) total: i64,
    pub(super) attempts: Vec<Attempt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    pub(super) state: AttemptState,
    pub(super) amount: i64,
    /// Sends that may have reached the bank.
    pub(super) sends: i32,
    pub(super) tries: i32,
    pub(super) first_sent_at: Option<i64>,
    pub(super) due_at: i64,
    /// Whether an operator was called to it.
    pub(super) is_stuck: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) now: i64,
    pub(super) books: Books,
    /// What the bank has, by settlement and attempt.
    pub(super) bank: BTreeMap<(usize, usize), TransferStatus>,
}

impl Card {
    /// Why nobody can take this much of it now.
    fn obstacle(&self, amount: i64, now: i64) -> Option<&'static str> {
        let is_over = self.expires_at.is_some_and(|at| at <= now);
        match self.state {
            CardState::Voided => Some("card_voided"),
            CardState::Expired => Some("card_expired"),
            CardState::Active if is_over => Some("card_expired"),
            CardState::Exhausted => Some("card_exhausted"),
            CardState::Active => (amount > self.available).then_some("insufficient_balance"),
        }
    }

    /// Value came back to it: it can be spent for a month at least.
    fn reopen(&mut self, now: i64) {
        self.state = CardState::Active;
        self.expires_at = self.expires_at.map(|at| at.max(now + 30 * DAY));
    }

    fn exhaust(&mut self) {
        if self.state == CardState::Active && self.available + self.authorised == 0 {
            self.state = CardState::Exhausted;
        }
    }
}

impl Model {
    pub(super) fn issue(&mut self, value: i64) {
        let card = Card {
            state: CardState::Active,
            value,
            available: value,
            authorised: 0,
            redeemed: 0,
            expired: 0,
            expires_at: Some(self.now + VALIDITY_DAYS * DAY),
            account: value,
        };
        self.books.cards.push(card);
    }

    /// What the step does, and what whoever asked for it is told.
    pub(super) fn apply(&mut self, step: &Step) -> &'static str {
        let told = match *step {
            Step::Issue { minor } => {
                self.issue(minor);
                Ok(())
            }
            Step::Redeem { card, name, minor } => self.redeem(card, name, minor),
            Step::Authorise { card, name, minor, hours } => {
                self.authorise(card, name, minor, hours)
            }
            Step::Capture { name, minor, redemption } => self.capture(name, minor, redemption),
            Step::Release { name } => self.let_go(name, AuthorisationState::Released),
            Step::Reverse { name, minor } => self.reverse(name, minor),
            Step::RequestSettlement => self.request_settlement(),
            Step::ExpireAuthorisations => {
                let names: Vec<u8> = self.books.authorisations.keys().copied().collect();
                names.into_iter().for_each(|name| self.expire_authorisation(name));
                Ok(())
            }
            Step::ExpireCards => {
                (0..self.books.cards.len()).for_each(|card| self.expire_card(card));
                Ok(())
            }
            Step::SendDue { meets, are_lookups_lost } => {
                self.send_due(meets, are_lookups_lost);
                Ok(())
            }
            Step::Sweep => {
                let shown: Vec<_> = self.bank.keys().copied().collect();
                shown.into_iter().for_each(|transfer| self.see(transfer));
                Ok(())
            }
            Step::TransferBecomes { transfer, news, is_told } => {
                self.transfer_becomes(transfer, news, is_told);
                Ok(())
            }
            Step::Pass { minutes } => {
                self.now += minutes * MINUTE;
                Ok(())
            }
        };
        self.books.lines.sort_unstable();
        told.err().unwrap_or(DONE)
    }

    fn redeem(&mut self, card: usize, name: u8, minor: i64) -> Result<(), &'static str> {
        if self.books.redemptions.contains_key(&name) {
            return Err("external_id_used");
        }
        let of = card % self.books.cards.len();
        let card = &mut self.books.cards[of];
        if let Some(why) = card.obstacle(minor, self.now) {
            return Err(why);
        }
        card.available -= minor;
        card.redeemed += minor;
        card.exhaust();
        self.owe(of, name, minor);
        Ok(())
    }

    fn owe(&mut self, card: usize, name: u8, amount: i64) {
        self.books.redemptions.insert(name, Redemption { card, amount, reversed: 0 });
        self.books.lines.push(Line { kind: "redemption", amount, settlement: None });
        self.books.cards[card].account -= amount;
        self.books.payable += amount;
    }

    fn authorise(
        &mut self,
        card: usize,
        name: u8,
        amount: i64,
        hours: i64,
    ) -> Result<(), &'static str> {
        if self.books.authorisations.contains_key(&name) {
            return Err("authorisation_known");
        }
        if self.books.redemptions.contains_key(&name) {
            return Err("external_id_used");
        }
        let of = card % self.books.cards.len();
        let card = &mut self.books.cards[of];
        if let Some(why) = card.obstacle(amount, self.now) {
            return Err(why);
        }
        card.available -= amount;
        card.authorised += amount;
        let authorisation = Authorisation {
            state: AuthorisationState::Authorised,
            card: of,
            amount,
            expires_at: self.now + hours * HOUR,
            redemption: None,
        };
        self.books.authorisations.insert(name, authorisation);
        Ok(())
    }

    /// An authorisation that has not ended.
    fn open(&self, name: u8) -> Result<Authorisation, &'static str> {
        let row = self.books.authorisations.get(&name).copied().ok_or("not_found")?;
        let is_open = row.state == AuthorisationState::Authorised;
        is_open.then_some(row).ok_or("authorisation_ended")
    }

    fn capture(
        &mut self,
        name: u8,
        minor: Option<i64>,
        redemption: Option<u8>,
    ) -> Result<(), &'static str> {
        let row = self.open(name)?;
        let (captured, redemption) = (minor.unwrap_or(row.amount), redemption.unwrap_or(name));
        if captured > row.amount {
            return Err("capture_too_large");
        }
        if self.books.redemptions.contains_key(&redemption) {
            return Err("external_id_used");
        }
        self.end(name, AuthorisationState::Captured, Some(redemption), captured);
        self.owe(row.card, redemption, captured);
        Ok(())
    }

    fn let_go(&mut self, name: u8, to: AuthorisationState) -> Result<(), &'static str> {
        self.open(name)?;
        self.end(name, to, None, 0);
        Ok(())
    }

    fn end(&mut self, name: u8, to: AuthorisationState, redemption: Option<u8>, captured: i64) {
        let Some(row) = self.books.authorisations.get_mut(&name) else { return };
        (row.state, row.redemption) = (to, redemption);
        let card = &mut self.books.cards[row.card];
        let back = row.amount - captured;
        card.authorised -= row.amount;
        card.redeemed += captured;
        card.available += back;
        if back > 0 {
            card.reopen(self.now);
        }
        card.exhaust();
    }

    /// One authorisation of those that the scan finds.
    pub(super) fn expire_authorisation(&mut self, name: u8) {
        if self.open(name).is_ok_and(|row| row.expires_at <= self.now) {
            self.end(name, AuthorisationState::Expired, None, 0);
        }
    }

    /// One card of those that the scan finds: only what is available is taken.
    pub(super) fn expire_card(&mut self, card: usize) {
        let card = &mut self.books.cards[card];
        let ends = matches!(card.state, CardState::Active | CardState::Exhausted);
        if ends && card.expires_at.is_some_and(|at| at <= self.now) {
            card.state = CardState::Expired;
            card.expired += card.available;
            card.account -= card.available;
            card.available = 0;
        }
    }

    fn reverse(&mut self, name: u8, minor: Option<i64>) -> Result<(), &'static str> {
        let row = self.books.redemptions.get_mut(&name).ok_or("not_found")?;
        let left = row.amount - row.reversed;
        let amount = minor.unwrap_or(left);
        if left == 0 || amount > left {
            return Err("reversal_too_large");
        }
        row.reversed += amount;
        let card = &mut self.books.cards[row.card];
        card.redeemed -= amount;
        card.available += amount;
        card.account += amount;
        card.reopen(self.now);
        self.books.payable -= amount;
        self.books.lines.push(Line { kind: "reversal", amount: -amount, settlement: None });
        Ok(())
    }

    fn request_settlement(&mut self) -> Result<(), &'static str> {
        let attempt = |amount| Attempt {
            state: AttemptState::Intent,
            amount,
            sends: 0,
            tries: 0,
            first_sent_at: None,
            due_at: self.now,
            is_stuck: false,
        };
        let is_over = |s| matches!(s, SettlementState::Paid | SettlementState::Reversed);
        if let Some(open) = self.books.settlements.last_mut().filter(|last| !is_over(last.state)) {
            if open.state == SettlementState::Failed {
                open.state = SettlementState::Intent;
                open.attempts.push(attempt(open.total));
            }
            return Ok(());
        }
        let waiting = || self.books.lines.iter().filter(|line| line.settlement.is_none());
        let total: i64 = waiting().map(|line| line.amount).sum();
        if total <= 0 {
            return Err("nothing_to_settle");
        }
        let (number, attempts) = (self.books.settlements.len(), vec![attempt(total)]);
        self.books.settlements.push(Settlement { state: SettlementState::Intent, total, attempts });
        for line in self.books.lines.iter_mut().filter(|line| line.settlement.is_none()) {
            line.settlement = Some(number);
        }
        Ok(())
    }
}
