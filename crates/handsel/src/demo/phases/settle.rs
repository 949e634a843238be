//! The merchants ask to be paid; the provider moves the money before our books say so.

use serde_json::{Value, json};

use super::net_redeemed;
use crate::demo::{
    Demo,
    cast::{CURRENCY, MERCHANTS},
    client::{minor, text, wait_for},
    story::money,
};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    for (index, merchant) in MERCHANTS.iter().enumerate() {
        let token = demo.merchant(index).await?;
        let requested = demo
            .client
            .post("/api/giftcard/v1/settlements")
            .token(&token)
            .key(demo.state.key(&format!("settlement-{index}")))
            .json(json!({"currency": CURRENCY}))
            .ok()
            .await?;
        let id = text(&requested, "id")?;
        let path = format!("/api/giftcard/v1/settlements/{id}");
        let paid = wait_for("a settlement to be paid", async || {
            let settlement = demo.client.get(path.as_str()).token(&token).ok().await?;
            Ok((settlement["state"] == "paid").then_some(settlement))
        })
        .await?;
        demo.story.say(format_args!(
            "{} is paid {} for {} lines.",
            merchant.name,
            money(minor(&paid, "total")?),
            paid["lines_count"]
        ));
    }
    let settled: i64 = settlements(demo)
        .await?
        .iter()
        .map(|settlement| minor(settlement, "total"))
        .sum::<anyhow::Result<_>>()?;
    let redeemed = net_redeemed(demo).await?;
    anyhow::ensure!(
        settled == redeemed,
        "{settled} was settled, but {redeemed} was redeemed and not taken back"
    );
    demo.story.say(format_args!("What was paid is what was redeemed, to the cent."));
    Ok(())
}

/// All paid settlements of the cast, as their statements have them.
pub(crate) async fn settlements(demo: &mut Demo) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for index in 0..MERCHANTS.len() {
        let token = demo.merchant(index).await?;
        let own = demo.client.all("/api/giftcard/v1/settlements", &token).await?;
        all.extend(own.into_iter().filter(|settlement| settlement["state"] == "paid"));
    }
    Ok(all)
}
