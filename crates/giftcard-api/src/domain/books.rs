//! The chart of accounts and the posting of each flow. Credit positive, debit negative.

use ledger::{Account, AccountKind, Currency, Leg, Mode, Money, MoneyError, Posting, op_id};
use uuid::Uuid;

use super::ids::{CardId, EscrowId, MerchantId, RedemptionId, ReversalId, VoidId};

/// Money on its way between giveaway-api and us, paired by escrow id.
pub(crate) const ESCROW_CLEARING: &str = "escrow_clearing";
/// What cards hold.
pub(crate) const CARD: &str = "card";
/// What funded escrows hold.
pub(crate) const ESCROW: &str = "escrow";

/// The kind of those accounts.
pub(crate) const CLEARING: AccountKind = AccountKind::clearing(ESCROW_CLEARING);
const ESCROW_KIND: AccountKind = AccountKind::non_negative(ESCROW);
const CARD_KIND: AccountKind = AccountKind::non_negative(CARD);
/// What merchants are owed: a sum, so that the tills of a merchant never wait for each other, and
/// a transfer that was made can always be posted, also when it takes the sum below zero.
const PAYABLE: AccountKind = AccountKind::clearing("payable");
const CASH: AccountKind = AccountKind::clearing("provider_clearing");
const BREAKAGE: AccountKind = AccountKind::clearing("breakage");
const SUSPENSE: AccountKind = AccountKind::clearing("suspense");

/// The postings of this service, in one mode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Books {
    /// Test or live money.
    pub(crate) mode: Mode,
}

impl Books {
    /// Escrows became funded together: each is confirmed once, so their ids name the operation.
    pub(crate) fn confirmed(self, escrows: &[(EscrowId, Money)]) -> Result<Posting, MoneyError> {
        let mut fields: Vec<&[u8]> = vec![b"confirm"];
        fields.extend(escrows.iter().map(|(id, _)| id.0.as_bytes().as_slice()));
        let mut posting = Posting::new(op_id(&fields), "confirm");
        for (id, value) in escrows {
            let clearing = self.shared(CLEARING, value.currency);
            let escrow = self.account(ESCROW_KIND, id.0, value.currency);
            posting = posting.with([
                Leg::about(clearing, value.checked_neg()?, id.0),
                Leg::about(escrow, *value, id.0),
            ]);
        }
        Ok(posting)
    }

    /// An escrow became a card.
    pub(crate) fn issued(
        self,
        escrow: EscrowId,
        card: CardId,
        value: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.account(ESCROW_KIND, escrow.0, value.currency);
        let to = self.account(CARD_KIND, card.0, value.currency);
        self.moved("issue", escrow.0, from, to, value)
    }

    /// An escrow went back to the host.
    pub(crate) fn returned(self, escrow: EscrowId, value: Money) -> Result<Posting, MoneyError> {
        let from = self.account(ESCROW_KIND, escrow.0, value.currency);
        let to = self.shared(CLEARING, value.currency);
        self.moved("return", escrow.0, from, to, value)
    }

    /// A card was redeemed: the merchant is owed the amount.
    pub(crate) fn redeemed(
        self,
        redemption: RedemptionId,
        card: CardId,
        merchant: MerchantId,
        amount: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.account(CARD_KIND, card.0, amount.currency);
        let to = self.account(PAYABLE, merchant.0, amount.currency);
        self.moved("redeem", redemption.0, from, to, amount)
    }

    /// A redemption was taken back.
    pub(crate) fn reversed(
        self,
        reversal: ReversalId,
        card: CardId,
        merchant: MerchantId,
        amount: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.account(PAYABLE, merchant.0, amount.currency);
        let to = self.account(CARD_KIND, card.0, amount.currency);
        self.moved("reverse", reversal.0, from, to, amount)
    }

    /// A card's available value expired.
    pub(crate) fn expired(
        self,
        card: CardId,
        expiry: Uuid,
        value: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.account(CARD_KIND, card.0, value.currency);
        let to = self.shared(BREAKAGE, value.currency);
        self.moved("expire", expiry, from, to, value)
    }

    /// What a card had left goes back to the host. The clearing leg is the escrow's, whose funds it was.
    pub(crate) fn voided(
        self,
        void: VoidId,
        card: CardId,
        escrow: EscrowId,
        value: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.account(CARD_KIND, card.0, value.currency);
        let to = self.shared(CLEARING, value.currency);
        Ok(Posting::new(op_id(&[b"void", void.0.as_bytes()]), "void")
            .leg_for(from, value.checked_neg()?, void.0)
            .leg_for(to, value, escrow.0))
    }

    /// A settlement's transfer moved money to the merchant.
    pub(crate) fn settled(
        self,
        provider_ref: &str,
        settlement: Uuid,
        merchant: MerchantId,
        total: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.account(PAYABLE, merchant.0, total.currency);
        let to = self.shared(CASH, total.currency);
        transfer("settle", provider_ref, settlement, from, to, total)
    }

    /// A settlement's transfer came back.
    pub(crate) fn transfer_reversed(
        self,
        provider_ref: &str,
        settlement: Uuid,
        merchant: MerchantId,
        total: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.shared(CASH, total.currency);
        let to = self.account(PAYABLE, merchant.0, total.currency);
        transfer("settle_reversed", provider_ref, settlement, from, to, total)
    }

    /// The provider moved money that no attempt of ours explains.
    pub(crate) fn unmatched(
        self,
        provider_id: &str,
        row: Uuid,
        amount: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.shared(SUSPENSE, amount.currency);
        let to = self.shared(CASH, amount.currency);
        transfer("unmatched", provider_id, row, from, to, amount)
    }

    /// Such money came back.
    pub(crate) fn unmatched_reversed(
        self,
        provider_id: &str,
        row: Uuid,
        amount: Money,
    ) -> Result<Posting, MoneyError> {
        let from = self.shared(CASH, amount.currency);
        let to = self.shared(SUSPENSE, amount.currency);
        transfer("unmatched_reversed", provider_id, row, from, to, amount)
    }

    /// One operation that moves an amount between two accounts, named by what it is about.
    fn moved(
        self,
        kind: &'static str,
        subject: Uuid,
        from: Account,
        to: Account,
        amount: Money,
    ) -> Result<Posting, MoneyError> {
        let id = op_id(&[kind.as_bytes(), subject.as_bytes()]);
        Ok(Posting::new(id, kind)
            .leg_for(from, amount.checked_neg()?, subject)
            .leg_for(to, amount, subject))
    }

    fn account(self, kind: AccountKind, owner: Uuid, currency: Currency) -> Account {
        Account { mode: self.mode, kind, owner, currency }
    }

    /// An account that belongs to nobody in particular.
    fn shared(self, kind: AccountKind, currency: Currency) -> Account {
        self.account(kind, Uuid::nil(), currency)
    }
}

/// Like [`Books::moved`], named by the provider's or our own reference of a transfer.
fn transfer(
    kind: &'static str,
    reference: &str,
    about: Uuid,
    from: Account,
    to: Account,
    amount: Money,
) -> Result<Posting, MoneyError> {
    let id = op_id(&[kind.as_bytes(), reference.as_bytes()]);
    Ok(Posting::new(id, kind)
        .leg_for(from, amount.checked_neg()?, about)
        .leg_for(to, amount, about))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of postings in the design: account and sign of each leg.
    #[test]
    fn postings_are_those_of_the_design() {
        let check = |posting: Result<Posting, MoneyError>, legs: [(&str, i64); 2]| {
            let posting = posting.unwrap();
            let got: Vec<_> = posting
                .legs
                .iter()
                .map(|leg| (leg.account.kind.name(), leg.amount.minor))
                .collect();
            assert_eq!(got, legs, "{}", posting.kind);
            assert!(posting.legs.iter().all(|leg| leg.reference.is_some()), "{}", posting.kind);
        };
        let books = Books { mode: Mode::Test };
        let eur = Money::new(5, "EUR".parse().unwrap());
        let (escrow, card, merchant) = (EscrowId::new(), CardId::new(), MerchantId::new());
        let (redemption, reversal, id) = (RedemptionId::new(), ReversalId::new(), Uuid::now_v7());
        check(books.confirmed(&[(escrow, eur)]), [("escrow_clearing", -5), ("escrow", 5)]);
        check(books.issued(escrow, card, eur), [("escrow", -5), ("card", 5)]);
        check(books.returned(escrow, eur), [("escrow", -5), ("escrow_clearing", 5)]);
        check(books.redeemed(redemption, card, merchant, eur), [("card", -5), ("payable", 5)]);
        check(books.reversed(reversal, card, merchant, eur), [("payable", -5), ("card", 5)]);
        check(books.expired(card, id, eur), [("card", -5), ("breakage", 5)]);
        check(
            books.voided(VoidId::new(), card, escrow, eur),
            [("card", -5), ("escrow_clearing", 5)],
        );
        check(books.settled("r", id, merchant, eur), [("payable", -5), ("provider_clearing", 5)]);
        check(
            books.transfer_reversed("r", id, merchant, eur),
            [("provider_clearing", -5), ("payable", 5)],
        );
        check(books.unmatched("t", id, eur), [("suspense", -5), ("provider_clearing", 5)]);
        check(books.unmatched_reversed("t", id, eur), [("provider_clearing", -5), ("suspense", 5)]);
    }
}
