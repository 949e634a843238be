//! A merchant closes while tills are busy with its cards, and what they have left goes back to the hosts.

use anyhow::Context as _;
use futures::future::{join, try_join_all};
use http::StatusCode;
use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    alive::Ask,
    cast::{Card, Cast, Merchant, fresh, merchant, prize, text},
    flows::state,
    life::{Life, get, post},
};

/// What a card is worth.
const VALUE: i64 = 400;

/// How many cards the merchant has.
const CARDS: u32 = 8;

/// A merchant with cards closes; all of them are void in the end, and their hosts have what was left.
pub(crate) async fn void(life: &Life, cast: &Cast, rng: &mut StdRng) -> anyhow::Result<u64> {
    let closing = merchant(life, cast.merchants.len(), rng).await?;
    let host = rng.random_range(0..cast.hosts.len());
    let prizes = json!([prize(&closing.product, VALUE, CARDS)]);
    let giveaway = cast.publish(life, host, &prizes, rng).await?;
    life.rest().await?;
    if state(life, cast, &(host, giveaway.clone())).await? == "draft" {
        return Ok(0);
    }
    let mut cards = Vec::new();
    for winner in cast.draw(life, host, &giveaway, rng).await? {
        cards.extend(cast.claim(life, &winner).await?);
    }
    let visits = cards.iter().map(|card| {
        let (what, minor) = (rng.random_range(0..6_u8), rng.random_range(1..=VALUE));
        visit(life, &closing, card, (fresh(rng), what, minor))
    });
    let visits: Vec<_> = visits.collect();
    let key = fresh(rng);
    let close = post("/giftcard/v1/merchants/me/close", &closing.token, &key, json!({}));
    let (closed, visited) = join(life.done(&close), try_join_all(visits)).await;
    anyhow::ensure!(closed?["closed_at"].is_string(), "a closed merchant has a time");
    // What was begun before the closing is ended after it.
    for (visit, name) in visited?.into_iter().flatten() {
        end(life, &closing, visit, &name).await?;
    }
    let left = "SELECT COUNT(*) AS n FROM card c JOIN merchant m ON m.id = c.merchant_id \
                WHERE m.closed_at IS NOT NULL AND c.state = 'active'";
    life.until("the cards are void", &life.world.giftcard, left).await?;
    life.rest().await?;
    let shown = life.done(&get("/giftcard/v1/merchants/me/closing", &closing.token)).await?;
    for card in shown["cards"]["items"].as_array().context("cards are a list")? {
        anyhow::ensure!(card["outcome"] == "credited", "a host waits for {card}");
    }
    let again = life.ask(&redeem(&closing, cards.first(), &fresh(rng), 1)).await?;
    anyhow::ensure!(
        cards.is_empty() || again.body["code"] == "merchant_closed",
        "redeemed after the closing: {again:?}"
    );
    Ok(cards.len() as u64)
}

/// What a till has begun with a card.
enum Begun {
    /// To be reversed.
    Redemption(String),
    /// To be captured in part.
    Authorisation(String),
}

/// A till redeems, or sets something aside; some cards see none.
async fn visit(
    life: &Life,
    merchant: &Merchant,
    card: &Card,
    (name, what, minor): (String, u8, i64),
) -> anyhow::Result<Option<(Begun, String)>> {
    if what == 0 {
        return Ok(None);
    }
    let mut ask = redeem(merchant, Some(card), &name, minor);
    if what < 4 {
        "/giftcard/v1/authorisations".clone_into(&mut ask.path);
    }
    let answer = life.ask(&ask).await?;
    if answer.status != StatusCode::CREATED {
        // The closing came first.
        let code = answer.body["code"].as_str().unwrap_or_default();
        anyhow::ensure!(["merchant_closed", "card_voided"].contains(&code), "{answer:?}");
        return Ok(None);
    }
    let id = text(&answer.body, "id")?;
    let begun = if what < 4 { Begun::Authorisation(id) } else { Begun::Redemption(id) };
    Ok(Some((begun, name)))
}

/// Ends what was begun: half of it is captured, or all of it is taken back.
async fn end(life: &Life, merchant: &Merchant, begun: Begun, name: &str) -> anyhow::Result<()> {
    let path = match begun {
        Begun::Redemption(id) => format!("/giftcard/v1/redemptions/{id}/reversals"),
        Begun::Authorisation(id) => format!("/giftcard/v1/authorisations/{id}/capture"),
    };
    let part = match path.ends_with("capture") {
        true => json!({ "amount": { "minor": 1, "currency": "EUR" } }),
        false => json!({}),
    };
    life.done(&post(path, &merchant.token, &format!("{name}-end"), part)).await?;
    Ok(())
}

fn redeem(merchant: &Merchant, card: Option<&Card>, name: &str, minor: i64) -> Ask {
    let code = card.map_or(Value::Null, |card| json!(card.code));
    let amount = json!({ "minor": minor, "currency": "EUR" });
    let body = json!({ "code": code, "amount": amount, "external_id": name });
    post("/giftcard/v1/redemptions", &merchant.token, name, body)
}
