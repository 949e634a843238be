//! Hosts take money out of their wallets, through a bank that misbehaves.

use anyhow::Context as _;
use futures::future::{try_join, try_join_all};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use sandbox_bank::{Fault, FaultOrder, Target};
use serde_json::json;

use crate::{
    cast::{Cast, fresh},
    flows::BANK_FAULTS,
    life::{Life, post},
    operating::resolve_withdrawals,
};

/// How many are asked for at once.
const AT_ONCE: usize = 8;

/// What makes a transfer fail for good, or be ended by an operator.
const ENDS: [Fault; 4] = [
    Fault::Refuse,
    Fault::PendingThenFailed,
    Fault::StoredErrorBeforeEffect,
    Fault::StoredErrorAfterEffect,
];

/// Every host asks for some, each twice at once under one key; all come to an end, in the wallet or at
/// the bank, and never in both.
pub(crate) async fn withdraw(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<u64> {
    misbehave(life, rng).await?;
    let asks: Vec<_> = (0..AT_ONCE)
        .map(|n| {
            let token = &cast.hosts[n % cast.hosts.len()];
            let body = json!({ "amount": {
                "minor": rng.random_range(100..=400), "currency": "EUR",
            }});
            post("/giveaway/v1/wallet/withdrawals", token, &fresh(rng), body)
        })
        .collect();
    let twice = async |n: usize| try_join(life.done(&asks[n]), life.done(&asks[n])).await;
    for (one, twin) in try_join_all((0..asks.len()).map(twice)).await? {
        anyhow::ensure!(one["id"] == twin["id"], "one key made {} and {}", one["id"], twin["id"]);
    }
    all_end(life, rng).await?;
    Ok(asks.len() as u64)
}

/// Waits until every withdrawal has come to an end. An answer that the bank has stored stays as it is until
/// it forgets the key; after that, only a person can end it.
pub(crate) async fn all_end(life: &Life, rng: &mut StdRng) -> anyhow::Result<()> {
    let live = "SELECT COUNT(*) AS n FROM withdrawal \
                WHERE state IN ('intent', 'sending', 'pending_provider')";
    if !life.soon(&life.world.giveaway, live).await? {
        life.pass(24 * 3_600)?;
    }
    life.rest().await?;
    life.world.bank.heal().await?;
    resolve_withdrawals(life, rng).await?;
    life.rest().await
}

/// The bank is told to do something wrong with the next transfers.
pub(crate) async fn misbehave(life: &Life, rng: &mut StdRng) -> anyhow::Result<()> {
    for _ in 0..rng.random_range(0..6) {
        let of = if rng.random_bool(0.3) { &ENDS[..] } else { &BANK_FAULTS[..] };
        let fault = *of.choose(rng).context("there are faults")?;
        let (count, delay) = (rng.random_range(1..=2), rng.random_range(1..=40));
        // Without a number the bank's own idea of late is used: minutes of the clock.
        let delay_ms = (fault == Fault::Slow).then_some(delay);
        let order = FaultOrder { fault, count, on: Some(Target::Transfers), delay_ms };
        life.world.bank.order(&order).await?;
    }
    Ok(())
}
