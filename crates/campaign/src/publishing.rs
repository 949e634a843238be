//! Giveaways are published, some by sagas that give up, and cancelled.

use anyhow::Context as _;
use futures::future::{try_join, try_join_all};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use crate::{
    cast::{Cast, count_if, fresh, prize, product},
    flows::{AT_ONCE, state},
    life::{Life, count, get, post},
    operating::abort_sagas,
};

/// How often the clock jumps while giveaways are published.
const JUMPS: u32 = 12;

/// Longer than giftcard-api waits before it asks about a reserved escrow.
const OUTAGE_SECONDS: i64 = 400;

/// How often is looked whether something has come so far.
const LOOKS: u32 = 200;

/// How many prizes are reserved by one call.
const BATCH: u32 = 50;

/// Hosts publish, some while time runs out, and one while a product of its is closed.
pub(crate) async fn publish(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<u64> {
    let has_doubtful = rng.random_bool(0.5);
    let trouble = *[Trouble::None, Trouble::Jumps, Trouble::Outage, Trouble::Operator]
        .choose(rng)
        .context("there are troubles")?;
    let mut troubled = StdRng::seed_from_u64(rng.random());
    let mut other = StdRng::seed_from_u64(rng.random());
    let doubtful = async {
        let doubtful = match has_doubtful {
            true => Some(doubtful(life, cast, &mut other).await?),
            false => None,
        };
        anyhow::Ok(doubtful)
    };
    let published = try_join(published(life, cast, AT_ONCE, rng), doubtful);
    let ((mut giveaways, doubtful), ()) =
        try_join(published, trouble.happen(life, &mut troubled)).await?;
    giveaways.extend(doubtful);
    life.rest().await?;
    for giveaway in &giveaways {
        let state = state(life, cast, giveaway).await?;
        anyhow::ensure!(
            ["scheduled", "open", "draft"].contains(&state.as_str()),
            "a giveaway is {state} after its publishing"
        );
        let end = if state == "draft" { "cancelled" } else { "funded" };
        all_became(life, cast, giveaway, end).await?;
    }
    Ok(giveaways.len() as u64)
}

/// Every prize of a giveaway came to the same end.
async fn all_became(
    life: &Life,
    cast: &Cast,
    (host, id): &(usize, String),
    end: &str,
) -> anyhow::Result<()> {
    let token = &cast.hosts[host % cast.hosts.len()];
    let told = life.done(&get(format!("/giveaway/v1/giveaways/{id}/outcomes"), token)).await?;
    for unit in told["items"].as_array().context("outcomes are a list")? {
        anyhow::ensure!(unit["outcome"] == end, "a prize did not become {end}: {unit}");
    }
    Ok(())
}

/// What happens while giveaways are published, so that sagas give up.
#[derive(Clone, Copy)]
enum Trouble {
    None,
    /// The clock jumps past the time that a saga may take.
    Jumps,
    /// Everything is down for longer than an escrow may stay reserved without a question.
    Outage,
    /// The operator aborts whatever has not decided.
    Operator,
}

impl Trouble {
    async fn happen(self, life: &Life, rng: &mut StdRng) -> anyhow::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Jumps => jumps(life).await,
            Self::Outage => {
                // Best while prizes are reserved, and nothing is decided.
                let reserved = "SELECT COUNT(*) AS n FROM escrow WHERE state = 'reserved'";
                for _ in 0..LOOKS {
                    if count(&life.world.giftcard, reserved).await? > 0 {
                        break;
                    }
                    life.moment().await;
                }
                life.kill().await;
                life.pass(OUTAGE_SECONDS)
            }
            Self::Operator => {
                for _ in 0..JUMPS {
                    life.moment().await;
                    abort_sagas(life, rng).await?;
                }
                Ok(())
            }
        }
    }
}

/// The clock jumps again and again, some minutes at a time.
async fn jumps(life: &Life) -> anyhow::Result<()> {
    for _ in 0..JUMPS {
        life.moment().await;
        life.pass(180)?;
    }
    Ok(())
}

/// A giveaway is published while one of its products is closed. Then its first batch can be reserved
/// and its last one cannot, and all of it must be cancelled; unless the closing is too early or late.
async fn doubtful(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<(usize, String)> {
    let host = rng.random_range(0..cast.hosts.len());
    let merchant = cast.merchants.choose(rng).context("there are merchants")?;
    let doomed = product(life, &merchant.token, json!({})).await?;
    let prizes = json!([prize(&merchant.product, 100, BATCH), prize(&doomed, 100, 1)]);
    let id = cast.draft(life, host, &prizes).await?;
    let close =
        post(format!("/giftcard/v1/products/{doomed}/close"), &merchant.token, "", json!({}));
    try_join(life.done(&close), cast.ask_to_publish(life, host, &id, rng)).await?;
    Ok((host, id))
}

/// Giveaways are cancelled: after they were published, or as soon as they can be.
pub(crate) async fn refund(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<u64> {
    let keys: Vec<String> = (0..AT_ONCE).map(|_| fresh(rng)).collect();
    let cancel = async |((host, id), key): (&(usize, String), &String)| {
        let token = &cast.hosts[host % cast.hosts.len()];
        let path = format!("/giveaway/v1/giveaways/{id}/cancel");
        life.ask(&post(path, token, key, json!({}))).await
    };
    let mut giveaways = Vec::new();
    if rng.random_bool(0.5) {
        giveaways = published(life, cast, AT_ONCE, rng).await?;
        life.rest().await?;
        try_join_all(giveaways.iter().zip(&keys).map(cancel)).await?;
    } else {
        // As soon as they can be: while others are published, and before anything has come to rest.
        let mut others: Vec<StdRng> =
            keys.iter().map(|_| StdRng::seed_from_u64(rng.random())).collect();
        let whole = others.iter_mut().zip(&keys).enumerate().map(async |(host, (rng, key))| {
            let merchant = cast.merchants.choose(rng).context("there are merchants")?;
            let prizes = json!([prize(&merchant.product, rng.random_range(100..=900), 2)]);
            let giveaway = (host, cast.draft(life, host, &prizes).await?);
            let db = &life.world.giveaway;
            let published = count_if(db, &giveaway.1, "state IN ('scheduled', 'open')");
            let soon = async {
                for _ in 0..LOOKS {
                    if count(db, &published).await? > 0 {
                        break;
                    }
                    life.moment().await;
                }
                cancel((&giveaway, key)).await
            };
            try_join(cast.ask_to_publish(life, host, &giveaway.1, rng), soon).await?;
            anyhow::Ok(giveaway)
        });
        giveaways.extend(try_join_all(whole).await?);
    }
    life.rest().await?;
    for (giveaway, key) in giveaways.iter().zip(&keys) {
        // Funding cannot be cancelled; by now it is over.
        if ["scheduled", "open"].contains(&state(life, cast, giveaway).await?.as_str()) {
            cancel((giveaway, &format!("{key}-again"))).await?;
        }
    }
    life.rest().await?;
    for giveaway in &giveaways {
        let state = state(life, cast, giveaway).await?;
        anyhow::ensure!(
            ["cancelled", "draft"].contains(&state.as_str()),
            "a giveaway is {state} after it was cancelled"
        );
        let end = if state == "draft" { "cancelled" } else { "returned" };
        all_became(life, cast, giveaway, end).await?;
    }
    Ok(giveaways.len() as u64)
}

/// So many giveaways at once, each of one host, and their ids.
async fn published(
    life: &Life,
    cast: &Cast,
    count: usize,
    rng: &mut StdRng,
) -> anyhow::Result<Vec<(usize, String)>> {
    let plans: Vec<(usize, Value, u64)> = (0..count)
        .map(|host| {
            let prizes: Vec<Value> = (0..rng.random_range(1..=2))
                .filter_map(|_| {
                    let minor = rng.random_range(100..=900);
                    Some(prize(
                        &cast.merchants.choose(rng)?.product,
                        minor,
                        rng.random_range(1..=2),
                    ))
                })
                .collect();
            (host, json!(prizes), rng.random())
        })
        .collect();
    let publish = async |(host, prizes, seed): (usize, Value, u64)| {
        let mut rng = StdRng::seed_from_u64(seed);
        anyhow::Ok((host, cast.publish(life, host, &prizes, &mut rng).await?))
    };
    try_join_all(plans.into_iter().map(publish)).await
}
