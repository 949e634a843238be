//! The host pays in at the provider's page; the wallet is credited when the provider says so.

use anyhow::Context as _;
use serde_json::json;

use crate::demo::{
    Demo,
    cast::{CURRENCY, TOP_UP_MINOR},
    client::{minor, text, wait_for},
    story::money,
};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let host = demo.host().await?;
    let top_up = demo
        .client
        .post("/api/giveaway/v1/wallet/top-ups")
        .token(&host)
        .key(demo.state.key("top-up"))
        .json(json!({"amount": {"minor": TOP_UP_MINOR, "currency": CURRENCY}}))
        .ok()
        .await?;
    let id = text(&top_up, "id")?;
    let path = format!("/api/giveaway/v1/wallet/top-ups/{id}");
    let look = async || demo.client.get(path.as_str()).token(&host).ok().await;
    if look().await?["state"] == "pending" {
        pay(demo, &text(&top_up, "checkout_url")?).await?;
    }
    wait_for(
        "the top-up to be paid",
        async || Ok((look().await?["state"] == "paid").then_some(())),
    )
    .await?;
    let wallet = demo.client.get("/api/giveaway/v1/wallet").token(&host).ok().await?;
    let balance = wallet["balances"].as_array().and_then(|balances| balances.first());
    let available = minor(balance.context("the wallet is empty")?, "available")?;
    demo.story.say(format_args!(
        "{} paid at the sandbox bank's page; its signed message reached the wallet.",
        money(TOP_UP_MINOR)
    ));
    demo.story.say(format_args!("Available in the wallet: {}.", money(available)));
    Ok(())
}

/// Presses the button of the hosted pay page. The page belongs to the bank of this run, whose port
/// may be another than when the link was made.
async fn pay(demo: &Demo, checkout_url: &str) -> anyhow::Result<()> {
    let url = reqwest::Url::parse(checkout_url).context("`checkout_url` is no url")?;
    let answer = demo.client.at(&demo.bank_url).post(url.path()).form("").answer().await?;
    anyhow::ensure!(
        answer.status.is_success() || answer.status.is_redirection(),
        "the pay page answered {}",
        answer.status
    );
    Ok(())
}
