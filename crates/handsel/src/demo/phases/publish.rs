//! The giveaway is written, and published: every prize is reserved before the money is taken.

use serde_json::{Value, json};

use crate::demo::{
    Demo,
    cast::{
        ALTERNATES, BORN_UNTIL, CURRENCY, DESCRIPTION, EXCLUDED, MERCHANTS, TITLE, prizes_minor,
    },
    client::{text, wait_for},
    pace::Pace,
    story::money,
};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let host = demo.host().await?;
    let drafted = demo
        .client
        .all("/api/giveaway/v1/giveaways", &host)
        .await?
        .into_iter()
        .find(|giveaway| giveaway["title"] == TITLE);
    let giveaway = match drafted {
        Some(giveaway) => giveaway,
        None => {
            let closes_at = demo.in_seconds(demo.pace.open).await?;
            let body = draft(&demo.state.known().products, closes_at, demo.pace);
            demo.client.post("/api/giveaway/v1/giveaways").token(&host).json(body).ok().await?
        }
    };
    let id = text(&giveaway, "id")?;
    demo.state.learn(|known| known.giveaway = Some(id.clone()))?;
    demo.client
        .post(format!("/api/giveaway/v1/giveaways/{id}/publish"))
        .token(&host)
        .key(demo.state.key("publish"))
        .ok()
        .await?;
    wait_for("the giveaway to open", async || {
        let giveaway = demo.giveaway().await?;
        let state = giveaway["state"].as_str().unwrap_or_default();
        anyhow::ensure!(state != "draft", "publishing was given up: {}", giveaway["saga"]);
        Ok((!matches!(state, "funding" | "scheduled")).then_some(()))
    })
    .await?;
    let public = demo.public().await?;
    let units: u32 = MERCHANTS.iter().map(|merchant| merchant.prizes).sum();
    demo.story.say(format_args!(
        "{units} prizes worth {} are reserved with both merchants, then paid for at once.",
        money(prizes_minor())
    ));
    demo.story.say(format_args!(
        "The rules are locked (hash {}), and with them beacon round {}.",
        short(&text(&public, "rules_hash")?),
        public["round"]
    ));
    Ok(())
}

fn draft(products: &[String], closes_at: jiff::Timestamp, pace: Pace) -> Value {
    let prizes: Vec<Value> = MERCHANTS
        .iter()
        .zip(products)
        .map(|(merchant, product)| {
            json!({
                "product_id": product,
                "value": {"minor": merchant.prize_minor, "currency": CURRENCY},
                "count": merchant.prizes,
            })
        })
        .collect();
    json!({
        "title": TITLE,
        "description": DESCRIPTION,
        "currency": CURRENCY,
        "prizes": prizes,
        "alternates": ALTERNATES,
        "eligibility": {"born_until_year": BORN_UNTIL, "excluded_countries": EXCLUDED},
        "closes_at": closes_at,
        "review_seconds": pace.review,
        "lead_seconds": pace.lead,
        "claim_seconds": pace.claim,
    })
}

/// The beginning of a hash: enough to compare by eye in a story.
pub(super) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

impl Demo {
    /// The giveaway as its host sees it.
    pub(crate) async fn giveaway(&self) -> anyhow::Result<Value> {
        let id = self.state.giveaway()?;
        let host = self.roles.known_host()?;
        self.client.get(format!("/api/giveaway/v1/giveaways/{id}")).token(host).ok().await
    }

    /// The giveaway as anyone sees it.
    pub(crate) async fn public(&self) -> anyhow::Result<Value> {
        let id = self.state.giveaway()?;
        self.client.get(format!("/api/giveaway/v1/giveaways/{id}/public")).ok().await
    }

    /// Waits until the giveaway has reached a state, or one after it.
    pub(crate) async fn reaches(&self, wanted: &[&str]) -> anyhow::Result<()> {
        let what = format!("the giveaway to be {}", wanted[0]);
        wait_for(&what, async || {
            let public = self.public().await?;
            let state = public["state"].as_str().unwrap_or_default();
            Ok(wanted.contains(&state).then_some(()))
        })
        .await
    }
}
