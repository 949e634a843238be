//! What people do, a handful of it at a time: each request is made again until it is answered, and
//! each answer is held against what is there afterwards.

use anyhow::Context as _;
use futures::future::try_join_all;
use http::StatusCode;
use rand::{RngExt as _, rngs::StdRng};
use sandbox_bank::Fault;
use serde_json::{Value, json};

use crate::{
    cast::{Cast, VALIDITY_DAYS, fresh, prize, text, top_up},
    funding::fund,
    life::{Life, get, post},
    operating::{cancel_settlements, resolve_attempts},
    publishing::{publish, refund},
    voids::void,
    withdrawals::{misbehave, withdraw},
};

/// How many of a kind are done at once.
pub(crate) const AT_ONCE: usize = 8;

/// The kinds of things that people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flow {
    /// Hosts put money in, some of which the bank takes back.
    Fund,
    /// Hosts publish giveaways, some of which give up.
    Publish,
    /// Tills redeem, reverse, authorise, capture and release.
    Redeem,
    /// Merchants are paid, by a bank that misbehaves.
    Settle,
    /// Hosts take money out, from the same bank.
    Withdraw,
    /// Giveaways are cancelled, and every prize goes back.
    Refund,
    /// A merchant closes, and what its cards have left goes back.
    Void,
    /// Winners let the time pass, and cards expire.
    Expiry,
}

impl Flow {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Fund,
        Self::Publish,
        Self::Redeem,
        Self::Settle,
        Self::Withdraw,
        Self::Refund,
        Self::Void,
        Self::Expiry,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fund => "fund",
            Self::Publish => "publish",
            Self::Redeem => "redeem",
            Self::Settle => "settle",
            Self::Withdraw => "withdraw",
            Self::Refund => "refund",
            Self::Void => "void",
            Self::Expiry => "expiry",
        }
    }

    /// Does a handful, and returns how many came to their end.
    pub(crate) async fn run(
        self,
        life: &Life,
        cast: &Cast,
        rng: &mut StdRng,
    ) -> anyhow::Result<u64> {
        match self {
            Self::Fund => fund(life, cast, rng).await,
            Self::Publish => publish(life, cast, rng).await,
            Self::Redeem => redeem(life, cast, rng).await,
            Self::Settle => settle(life, cast, rng).await,
            Self::Withdraw => withdraw(life, cast, rng).await,
            Self::Refund => refund(life, cast, rng).await,
            Self::Void => void(life, cast, rng).await,
            Self::Expiry => expiry(life, cast, rng).await,
        }
    }
}

/// Where a giveaway stands.
pub(crate) async fn state(
    life: &Life,
    cast: &Cast,
    (host, id): &(usize, String),
) -> anyhow::Result<String> {
    let token = &cast.hosts[host % cast.hosts.len()];
    let shown = life.done(&get(format!("/giveaway/v1/giveaways/{id}"), token)).await?;
    text(&shown, "state")
}

async fn redeem(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<u64> {
    let tills: Vec<(usize, String, i64, u8)> = (0..AT_ONCE)
        .map(|_| {
            let card = rng.random_range(0..cast.cards.len());
            (card, fresh(rng), rng.random_range(1..=40), rng.random_range(0..6))
        })
        .collect();
    let done = try_join_all(tills.into_iter().map(|(card, name, minor, what)| async move {
        let card = &cast.cards[card];
        let token = &cast.merchants[card.merchant].token;
        till(life, token, &card.code, &name, minor, what).await
    }))
    .await?;
    Ok(done.into_iter().sum())
}

/// One till's visit: redeem, twice at once under one key, or with a reversal, or by way of an
/// authorisation. However often its requests are made, there is one redemption of its name.
async fn till(
    life: &Life,
    token: &str,
    code: &str,
    name: &str,
    minor: i64,
    what: u8,
) -> anyhow::Result<u64> {
    let amount = json!({ "minor": minor, "currency": "EUR" });
    let body = json!({ "code": code, "amount": amount, "external_id": name });
    let redemption = match what {
        0 | 1 => {
            let path = "/giftcard/v1/authorisations";
            let made = life.done(&post(path, token, name, body)).await?;
            let (id, key) = (text(&made, "id")?, format!("{name}-end"));
            if what == 0 {
                let path = format!("{path}/{id}/release");
                life.done(&post(path, token, &key, json!({}))).await?;
                return Ok(1);
            }
            let part = json!({ "amount": { "minor": (minor + 1) / 2, "currency": "EUR" } });
            let path = format!("{path}/{id}/capture");
            text(&life.done(&post(path, token, &key, part)).await?, "redemption_id")?
        }
        _ => {
            let ask = post("/giftcard/v1/redemptions", token, name, body);
            // The second instance, where there is one.
            let (first, twin) = tokio::try_join!(life.ask_at(0, &ask), life.ask_at(1, &ask))?;
            anyhow::ensure!(
                first.status == StatusCode::CREATED && first.body["id"] == twin.body["id"],
                "one key has two answers: {first:?} {twin:?}"
            );
            text(&first.body, "id")?
        }
    };
    if what == 2 {
        let path = format!("/giftcard/v1/redemptions/{redemption}/reversals");
        life.done(&post(path, token, &format!("{name}-back"), json!({}))).await?;
    }
    let found =
        life.done(&get(format!("/giftcard/v1/redemptions?external_id={name}"), token)).await?;
    let found = found["items"].as_array().context("redemptions are a list")?;
    anyhow::ensure!(
        found.len() == 1 && found[0]["id"] == redemption.as_str(),
        "a till finds {found:?} for {redemption}"
    );
    Ok(1)
}

/// What a bank may do wrong about a transfer.
pub(crate) const BANK_FAULTS: [Fault; 16] = [
    Fault::Slow,
    Fault::CloseBeforeEffect,
    Fault::CloseAfterSuccess,
    Fault::ErrorBeforeEffect,
    Fault::ErrorAfterEffect,
    Fault::Refuse,
    Fault::RateLimit,
    Fault::StoredErrorBeforeEffect,
    Fault::StoredErrorAfterEffect,
    Fault::RefuseResend,
    Fault::PendingThenPaid,
    Fault::PendingThenFailed,
    Fault::PendingThenReversed,
    Fault::PaidThenReversed,
    Fault::DuplicateWebhook,
    Fault::ReorderWebhook,
];

async fn settle(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<u64> {
    redeem(life, cast, rng).await?;
    misbehave(life, rng).await?;
    let currency = json!({ "currency": "EUR" });
    let asks: Vec<_> = cast
        .merchants
        .iter()
        .map(|one| post("/giftcard/v1/settlements", &one.token, &fresh(rng), currency.clone()))
        .collect();
    let answers = try_join_all(asks.iter().map(|ask| life.ask(ask))).await?;
    let mut done = 0;
    for answer in &answers {
        let nothing = answer.body["code"] == "nothing_to_settle";
        anyhow::ensure!(answer.status.is_success() || nothing, "not settled: {answer:?}");
        done += u64::from(!nothing);
    }
    // An answer that the bank has stored stays as it is until it forgets the key; after that, only
    // a person can end the attempt.
    let live = "SELECT COUNT(*) AS n FROM settlement_attempt WHERE state IN ('intent', 'sending', 'pending_provider')";
    if !life.soon(&life.world.giftcard, live).await? {
        life.pass(24 * 3_600)?;
    }
    life.rest().await?;
    life.world.bank.heal().await?;
    resolve_attempts(life, rng).await?;
    cancel_settlements(life, rng).await?;
    // What failed is attempted again, or settled anew, by a bank that behaves.
    for merchant in &cast.merchants {
        let again =
            post("/giftcard/v1/settlements", &merchant.token, &fresh(rng), currency.clone());
        life.ask(&again).await?;
    }
    life.rest().await?;
    Ok(done)
}

async fn expiry(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<u64> {
    let prizes: Vec<Value> =
        cast.merchants.iter().map(|one| prize(&one.expiring, 700, 2)).collect();
    let host = rng.random_range(0..cast.hosts.len());
    let giveaway = cast.publish(life, host, &json!(prizes), rng).await?;
    life.rest().await?;
    if state(life, cast, &(host, giveaway.clone())).await? == "draft" {
        return Ok(0);
    }
    let winners = cast.draw(life, host, &giveaway, rng).await?;
    // A third claims, a third lets the time pass, and a third is at the very boundary.
    let boundary = 3_600 - i64::from(rng.random_range(0..3_u32));
    let mut cards = Vec::new();
    for winner in winners.iter().step_by(3) {
        cards.extend(cast.claim(life, winner).await?);
    }
    life.pass(boundary)?;
    for winner in winners.iter().skip(1).step_by(3) {
        cards.extend(cast.claim(life, winner).await?);
    }
    life.pass(3_600)?;
    let open = "SELECT COUNT(*) AS n FROM winner WHERE state = 'selected'";
    life.until("the winners' time is over", &life.world.giveaway, open).await?;
    life.rest().await?;
    // Some is authorised when the cards' time ends, and must not be lost.
    let mut authorised = Vec::new();
    for card in &cards {
        let token = &cast.merchants[card.merchant].token;
        let (name, amount) = (fresh(rng), json!({ "minor": 70, "currency": "EUR" }));
        let body = json!({
            "code": card.code, "amount": amount, "external_id": name, "hold_hours": 720,
        });
        let ask = post("/giftcard/v1/authorisations", token, &name, body);
        if rng.random_bool(0.3) {
            life.pass(VALIDITY_DAYS * 24 * 3_600 - 7_200)?;
            break;
        }
        let answer = life.ask(&ask).await?;
        if answer.status == StatusCode::CREATED {
            authorised.push((token, text(&answer.body, "id")?, name));
        }
    }
    life.pass(VALIDITY_DAYS * 24 * 3_600)?;
    for (token, id, name) in authorised {
        let path = format!("/giftcard/v1/authorisations/{id}/capture");
        life.ask(&post(path, token, &format!("{name}-end"), json!({}))).await?;
    }
    let live = "SELECT COUNT(*) AS n FROM card WHERE state = 'active' AND expires_at IS NOT NULL \
                AND available_minor + authorised_minor > 0";
    life.pass(60 * 24 * 3_600)?;
    life.until("the cards expire", &life.world.giftcard, live).await?;
    life.rest().await?;
    // The years have also let every token of a wallet's checkout grow old; a fresh one works.
    top_up(life, &cast.hosts[host], 1_000, rng).await?;
    Ok(winners.len() as u64)
}
