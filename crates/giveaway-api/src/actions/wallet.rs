//! What a host has: available for giveaways, and held for those that are being published.

use std::collections::BTreeSet;

use ledger::{Currency, Money};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::books::{self, AVAILABLE, HELD, HOST_DEBT},
    error::Result,
    ids::HostId,
    service::Service,
    store::{suspense, top_up},
};

/// The balances of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Balance {
    /// The currency.
    pub currency: Currency,
    /// What can be spent.
    pub available: Money,
    /// What is set aside.
    pub held: Money,
    /// What is owed since a payment was taken back that had been spent. It is paid first of all from
    /// whatever comes in.
    pub debt: Money,
}

/// A host's balances, one per currency that it ever topped up in or was given a payment in.
///
/// # Errors
/// When the database fails.
pub async fn balances(service: &Service, host: HostId) -> Result<Vec<Balance>> {
    let conn = service.db.read();
    let mut balances = Vec::new();
    let mut codes: BTreeSet<_> = top_up::currencies(conn, host).await?.into_iter().collect();
    codes.extend(suspense::currencies(conn, host).await?);
    for code in codes {
        let currency: Currency = code.parse().map_err(anyhow::Error::from)?;
        let of = |kind| books::of_host(service.mode(), host, kind, currency);
        let available = ledger::balance(conn, &of(AVAILABLE)).await?;
        let held = ledger::balance(conn, &of(HELD)).await?;
        let debt = ledger::balance(conn, &of(HOST_DEBT)).await?;
        let debt = Money::new(-debt.minor, currency);
        balances.push(Balance { currency, available, held, debt });
    }
    Ok(balances)
}
