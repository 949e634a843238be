//! A host's statement: what its accounts held when a period began, every movement in it, and what they
//! held when it ended. Nothing is computed that the ledger does not say, so it adds up as the ledger does.

use jiff::Timestamp;
use ledger::{Account, Currency, Entry, Money, Span};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        books,
        statement::{ACCOUNTS, About, Cursor, what},
    },
    error::{Error, Result},
    ids::{GiveawayId, HostId, WithdrawalId},
    service::Service,
    store::statement::{Subject, subjects},
};

/// Of which money and which time.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// The currency.
    pub currency: Currency,
    /// From when on; from the first movement on unless given.
    pub from: Option<Timestamp>,
    /// Up to and without this; up to now unless given.
    pub to: Option<Timestamp>,
}

/// A statement, or a page of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WalletStatement {
    /// Of which currency.
    pub currency: Currency,
    /// When the period begins, if it was said.
    pub from: Option<Timestamp>,
    /// When it ends, if it was said.
    pub to: Option<Timestamp>,
    /// What each account held when the period began, whichever page this is.
    pub opening: WalletBalances,
    /// What each account held when it ended.
    pub closing: WalletBalances,
    /// The movements, the oldest first.
    pub items: Vec<Movement>,
    /// Where the next page begins; null on the last.
    pub next: Option<String>,
}

/// What the accounts of a host hold, as the ledger has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WalletBalances {
    /// What can be spent.
    pub available: Money,
    /// What is set aside.
    pub held: Money,
    /// What is owed: below zero while it is.
    pub host_debt: Money,
}

/// A movement of one account. An operation that moves money between two of them is two movements.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Movement {
    /// Grows with time.
    pub id: i64,
    /// When it was posted.
    pub at: Timestamp,
    /// Which account: `available`, `held` or `host_debt`.
    #[schema(pattern = "^(available|held|host_debt)$")]
    pub account: String,
    /// The ledger's word for what happened.
    pub kind: String,
    /// The same for people.
    pub what: String,
    /// What it added to the account.
    pub amount: Money,
    /// What the account held after it.
    pub balance_after: Money,
    /// The giveaway that it is about, if it is about one.
    pub giveaway_id: Option<GiveawayId>,
    /// That giveaway's title.
    pub giveaway_title: Option<String>,
    /// The withdrawal that it is about, if it is about one.
    pub withdrawal_id: Option<WithdrawalId>,
}

impl WalletBalances {
    /// Each with its account's name, in the order of [`ACCOUNTS`].
    pub fn each(&self) -> impl Iterator<Item = (String, Money)> {
        let names = ACCOUNTS.map(|kind| kind.name().to_owned());
        names.into_iter().zip([self.available, self.held, self.host_debt])
    }
}

/// A page of a host's statement, after the cursor of the page before.
///
/// # Errors
/// A period that ends before it begins; or when the database fails.
pub async fn read_statement(
    service: &Service,
    host: HostId,
    period: Period,
    cursor: Option<Cursor>,
    limit: u32,
) -> Result<WalletStatement> {
    let Period { currency, from, to } = period;
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Error::field("/to", "must not be before `from`"));
    }
    let conn = service.db.read();
    let of = |kind| books::of_host(service.mode(), host, kind, currency);
    let accounts = ACCOUNTS.map(of);
    let mut spans = ledger::spans(conn, &accounts, from, to).await?;
    if let Some(cursor) = cursor {
        for (span, until) in spans.iter_mut().zip(cursor.until) {
            span.until = span.until.min(until);
        }
    }
    let opening = balances(service, &accounts, spans.iter().map(|span| span.after)).await?;
    let ends = |span: &Span| span.until.max(span.after);
    let closing = balances(service, &accounts, spans.iter().map(ends)).await?;
    let mut found = Vec::new();
    for (account, span) in accounts.iter().zip(&spans) {
        let after = cursor.map_or(span.after, |cursor| cursor.after.max(span.after));
        let entries = ledger::entries(conn, account, Some(after), limit).await?;
        let entries = entries.into_iter().take_while(|entry| entry.id <= span.until);
        found.extend(entries.map(|entry| (account.kind.name(), entry)));
    }
    found.sort_unstable_by_key(|(_, entry)| entry.id);
    found.truncate(limit as usize);
    let next = found.last().filter(|_| found.len() == limit as usize).map(|(_, last)| {
        let mut until = [0; 3];
        for (until, span) in until.iter_mut().zip(&spans) {
            *until = span.until;
        }
        Cursor { after: last.id, until }.to_string()
    });
    let items = movements(service, found).await?;
    Ok(WalletStatement { currency, from, to, opening, closing, items, next })
}

async fn balances(
    service: &Service,
    accounts: &[Account; 3],
    ends: impl Iterator<Item = i64>,
) -> Result<WalletBalances> {
    let mut amounts = accounts.each_ref().map(|account| Money::zero(account.currency));
    for ((amount, account), end) in amounts.iter_mut().zip(accounts).zip(ends) {
        *amount = ledger::balance_at(service.db.read(), account, end).await?;
    }
    let [available, held, host_debt] = amounts;
    Ok(WalletBalances { available, held, host_debt })
}

async fn movements(service: &Service, found: Vec<(&str, Entry)>) -> Result<Vec<Movement>> {
    let references: Vec<_> = found.iter().filter_map(|(_, entry)| entry.reference).collect();
    let subjects = subjects(service.db.read(), &references).await?;
    let movement = |(account, entry): (&str, Entry)| {
        let subject = entry.reference.and_then(|reference| subjects.get(&reference));
        let (about, giveaway, withdrawal_id) = match subject {
            Some(Subject::Giveaway(id, title)) => {
                (About::Giveaway, Some((*id, title.clone())), None)
            }
            Some(Subject::Withdrawal(id)) => (About::Withdrawal, None, Some(*id)),
            None => (About::Nothing, None, None),
        };
        let (giveaway_id, giveaway_title) = giveaway.unzip();
        let balance_after = entry.balance_after.ok_or_else(|| {
            anyhow::anyhow!("entry {} of a wallet has no balance after it", entry.id)
        })?;
        Ok(Movement {
            id: entry.id,
            at: entry.posted_at,
            account: account.to_owned(),
            what: what(&entry.kind, about).to_owned(),
            kind: entry.kind,
            amount: entry.amount,
            balance_after,
            giveaway_id,
            giveaway_title,
            withdrawal_id,
        })
    };
    found.into_iter().map(movement).collect()
}
