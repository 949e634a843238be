//! A host's statement: every entry of one of its accounts with the balance after it, as the ledger has
//! them. Nothing is computed that the ledger does not say, so it adds up because the ledger does.

use jiff::Timestamp;
use ledger::{AccountKind, Currency, Money};
use serde::{Deserialize, Serialize};

use crate::{
    domain::books::{self, AVAILABLE, HELD, HOST_DEBT},
    error::Result,
    ids::HostId,
    service::Service,
    store::statement::{self, Subject},
};

/// The accounts of a wallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalletAccount {
    /// What can be spent.
    #[default]
    Available,
    /// What is set aside.
    Held,
    /// What is owed: below zero while it is.
    Debt,
}

/// A page of a statement.
#[derive(Clone, Debug, Serialize)]
pub struct WalletStatement {
    /// Of which account.
    pub account: WalletAccount,
    /// The balance before the first line.
    pub opening: Money,
    /// The lines, the oldest first.
    pub items: Vec<StatementLine>,
    /// The balance after the last line.
    pub closing: Money,
    /// Where the next page begins: after this line; null on the last.
    pub next: Option<String>,
}

/// An entry.
#[derive(Clone, Debug, Serialize)]
pub struct StatementLine {
    /// Its number, which grows along the account.
    pub id: i64,
    /// When it was posted.
    pub at: Timestamp,
    /// What happened, in the ledger's word: `top_up`, `hold_place`, `escrow_return`, …
    pub kind: String,
    /// What it changed.
    pub amount: Money,
    /// The balance after it.
    pub balance_after: Money,
    /// The giveaway that it is about, if it is about one.
    pub giveaway_id: Option<String>,
    /// That giveaway's title.
    pub giveaway_title: Option<String>,
    /// The withdrawal that it is about, if it is about one.
    pub withdrawal_id: Option<String>,
}

impl WalletAccount {
    const fn kind(self) -> AccountKind {
        match self {
            Self::Available => AVAILABLE,
            Self::Held => HELD,
            Self::Debt => HOST_DEBT,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Debt => "debt",
        }
    }
}

/// A page of a host's statement, after the line `after`.
///
/// # Errors
/// When the database fails.
pub async fn state_wallet(
    service: &Service,
    host: HostId,
    (account, currency): (WalletAccount, Currency),
    after: Option<i64>,
    limit: u32,
) -> Result<WalletStatement> {
    let conn = service.db.read();
    let of = books::of_host(service.mode(), host, account.kind(), currency);
    let entries = ledger::entries(conn, &of, after, limit).await?;
    let references: Vec<_> = entries.iter().filter_map(|entry| entry.reference).collect();
    let subjects = statement::subjects(conn, &references).await?;
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        // These accounts all keep their balance.
        let balance_after = entry.balance_after.unwrap_or(Money::zero(currency));
        let subject = entry.reference.and_then(|reference| subjects.get(&reference));
        let (giveaway, withdrawal_id) = match subject {
            Some(Subject::Giveaway(id, title)) => (Some((id.to_string(), title.clone())), None),
            Some(Subject::Withdrawal(id)) => (None, Some(id.to_string())),
            None => (None, None),
        };
        let (giveaway_id, giveaway_title) = giveaway.unzip();
        items.push(StatementLine {
            id: entry.id,
            at: entry.posted_at,
            kind: entry.kind,
            amount: entry.amount,
            balance_after,
            giveaway_id,
            giveaway_title,
            withdrawal_id,
        });
    }
    let (opening, closing) = match (items.first(), items.last()) {
        (Some(first), Some(last)) => {
            let opening = first.balance_after.minor - first.amount.minor;
            (Money::new(opening, currency), last.balance_after)
        }
        // Behind the last line, or before the first: the balance as it is.
        _ => {
            let balance = ledger::balance(conn, &of).await?;
            (balance, balance)
        }
    };
    let is_full = items.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = items.last().filter(|_| is_full).map(|last| last.id.to_string());
    Ok(WalletStatement { account, opening, items, closing, next })
}
