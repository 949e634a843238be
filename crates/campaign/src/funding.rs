//! Hosts put money into their wallets, through a bank that misbehaves and takes some of it back.

use anyhow::Context as _;
use futures::future::{try_join, try_join_all};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use sandbox_bank::{Fault, FaultOrder, Target};
use serde_json::json;

use crate::{
    cast::{Cast, fresh, poor_host, text},
    life::{Life, get, post},
    operating::assign_payments,
    withdrawals,
};

/// How many payments there are at once.
const AT_ONCE: usize = 8;

/// Days after which a page that nobody paid at must be noticed: each day's look may fail.
const LEFT_DAYS: u32 = 10;

/// Longer than the bank puts anything off, in seconds.
const LATE: i64 = 3_600;

/// What happens to a payment that its payer has made.
const OF_PAYMENTS: [Fault; 5] = [
    Fault::PendingThenPaid,
    Fault::PendingThenFailed,
    Fault::Chargeback,
    Fault::DuplicateWebhook,
    Fault::ReorderWebhook,
];

/// What happens to our asking for a page to pay at.
const OF_CHECKOUTS: [Fault; 6] = [
    Fault::Slow,
    Fault::CloseBeforeEffect,
    Fault::CloseAfterSuccess,
    Fault::ErrorBeforeEffect,
    Fault::ErrorAfterEffect,
    Fault::RateLimit,
];

/// Hosts ask for top-ups, each twice at once under one key, and pay them. Some are poor and take the
/// money out before it is taken back from them, so that they owe it.
pub(crate) async fn fund(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<u64> {
    misbehave(life, rng).await?;
    let poor = poor_host(life, rng).await?;
    let hosts = (0..AT_ONCE).map(|n| cast.hosts.get(n).unwrap_or(&poor));
    let mut rngs: Vec<StdRng> = (0..AT_ONCE).map(|_| StdRng::seed_from_u64(rng.random())).collect();
    try_join_all(hosts.zip(&mut rngs).map(|(host, rng)| pay(life, host, rng))).await?;
    if rng.random_bool(0.5) {
        life.rest().await?;
    }
    if rng.random_bool(0.3) {
        life.world.bank.pay_unasked(&fresh(rng), rng.random_range(100..=900)).await?;
    }
    take_out(life, &poor, rng).await?;
    life.pass(LATE)?;
    arrived(life).await?;
    assign_payments(life, &poor, rng).await?;
    if rng.random_bool(0.3) {
        leave(life, &poor, rng).await?;
    }
    // What comes now pays the debt first.
    pay(life, &poor, rng).await?;
    arrived(life).await?;
    // One that was late when the clock jumped may wait for an operator by now.
    withdrawals::all_end(life, rng).await?;
    let wallet = life.done(&get("/giveaway/v1/wallet", &poor)).await?;
    for balance in wallet["balances"].as_array().context("balances are a list")? {
        let minor = |name: &str| balance[name]["minor"].as_i64().unwrap_or(0);
        anyhow::ensure!(
            minor("debt") == 0 || minor("available") == 0,
            "a host owes what it could pay: {balance}"
        );
    }
    Ok(AT_ONCE as u64 + 1)
}

/// A host asks for a page to pay at, and pays.
async fn pay(life: &Life, host: &str, rng: &mut StdRng) -> anyhow::Result<()> {
    let url = ask(life, host, rng).await?;
    life.world.bank.pay(url.rsplit('/').next().context("a checkout has a page")?).await
}

/// A host asks for a page to pay at, and leaves it; the top-up ends.
async fn leave(life: &Life, host: &str, rng: &mut StdRng) -> anyhow::Result<()> {
    ask(life, host, rng).await?;
    let waiting = "SELECT COUNT(*) AS n FROM top_up WHERE state = 'pending'";
    for _ in 0..LEFT_DAYS {
        life.pass(26 * 3_600)?;
        if life.soon(&life.world.giveaway, waiting).await? {
            return Ok(());
        }
    }
    anyhow::bail!("a top-up waits for ever")
}

/// A host asks for a page to pay at, twice at once under one key.
async fn ask(life: &Life, host: &str, rng: &mut StdRng) -> anyhow::Result<String> {
    let amount = json!({ "amount": { "minor": rng.random_range(100..=900), "currency": "EUR" } });
    let ask = post("/giveaway/v1/wallet/top-ups", host, &fresh(rng), amount);
    let (one, twin) = try_join(life.done(&ask), life.done(&ask)).await?;
    anyhow::ensure!(one["id"] == twin["id"], "one key made {} and {}", one["id"], twin["id"]);
    text(&one, "checkout_url")
}

/// A host takes out whatever it has.
async fn take_out(life: &Life, host: &str, rng: &mut StdRng) -> anyhow::Result<()> {
    let wallet = life.done(&get("/giveaway/v1/wallet", host)).await?;
    for balance in wallet["balances"].as_array().context("balances are a list")? {
        if balance["available"]["minor"].as_i64().unwrap_or(0) > 0 {
            let body = json!({ "amount": balance["available"] });
            // Refused when it is taken back at this very moment.
            life.ask(&post("/giveaway/v1/wallet/withdrawals", host, &fresh(rng), body)).await?;
        }
    }
    Ok(())
}

/// Waits until everything that the bank did with payments is in the books.
async fn arrived(life: &Life) -> anyhow::Result<()> {
    loop {
        let log = life.world.bank.log().await?;
        let of = |kind: &str| log.iter().filter(|effect| effect.kind == kind).count();
        let db = &life.world.giveaway;
        for (kind, table) in
            [("payment.paid", "provider_payment"), ("payment.charged_back", "provider_charge_back")]
        {
            // Or more: the bank has gone on meanwhile.
            let missing = format!(
                "SELECT CAST(CASE WHEN COUNT(*) < {} THEN 1 ELSE 0 END AS BIGINT) AS n FROM {table}",
                of(kind)
            );
            life.until(&format!("every {kind} arrives"), db, &missing).await?;
        }
        life.rest().await?;
        if life.world.bank.log().await?.len() == log.len() {
            return Ok(());
        }
    }
}

/// The bank is told to do something wrong with what comes next.
async fn misbehave(life: &Life, rng: &mut StdRng) -> anyhow::Result<()> {
    for _ in 0..rng.random_range(0..5) {
        let (of, on) = match rng.random_bool(0.7) {
            true => (&OF_PAYMENTS[..], Target::Payments),
            false => (&OF_CHECKOUTS[..], Target::Checkouts),
        };
        let fault = *of.choose(rng).context("there are faults")?;
        let (count, delay_ms) = (rng.random_range(1..=3), Some(rng.random_range(1..=40)));
        life.world.bank.order(&FaultOrder { fault, count, on: Some(on), delay_ms }).await?;
    }
    Ok(())
}
