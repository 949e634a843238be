//! At the till: cards are spent whole or in part, one purchase is taken back.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::demo::{
    Demo,
    cast::{CURRENCY, MERCHANTS},
    client::{minor, text},
    state::Card,
    story::money,
};

/// What happens with the cards of one merchant, in the order of their units.
const FULL: usize = 3;
/// After those: spent in part, in percent of the value.
const PARTS: [i64; 2] = [60, 35];

/// A purchase.
#[derive(Debug, Clone)]
struct Purchase {
    merchant: usize,
    card: Card,
    amount_minor: i64,
    external_id: String,
}

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let purchases = plan(demo);
    let mut redeemed = [0_i64; MERCHANTS.len()];
    for purchase in &purchases {
        redeem(demo, purchase).await?;
        redeemed[purchase.merchant] += purchase.amount_minor;
    }
    for (merchant, redeemed) in MERCHANTS.iter().zip(redeemed) {
        demo.story.say(format_args!(
            "{}: {FULL} cards spent whole and {} in part, {} together.",
            merchant.name,
            PARTS.len(),
            money(redeemed)
        ));
    }
    if let Some(purchase) = purchases.first() {
        refuse_more(demo, purchase).await?;
        demo.story
            .say(format_args!("A spent card is refused, with its balance and a clear reason."));
    }
    if let Some(purchase) = taken_back(&purchases) {
        reverse(demo, purchase).await?;
        demo.story.say(format_args!(
            "One purchase of {} is taken back: the card has it again.",
            money(purchase.amount_minor)
        ));
    }
    Ok(())
}

/// What was redeemed and not taken back, as the merchants' books have it.
pub(crate) async fn net_redeemed(demo: &mut Demo) -> anyhow::Result<i64> {
    let mut net = 0;
    for purchase in plan(demo) {
        let found = find(demo, &purchase).await?;
        for redemption in found {
            net += minor(&redemption, "amount")? - minor(&redemption, "reversed")?;
        }
    }
    Ok(net)
}

fn plan(demo: &Demo) -> Vec<Purchase> {
    let mut by_unit: BTreeMap<&String, &Card> = BTreeMap::new();
    for card in demo.state.known().cards.values() {
        by_unit.insert(&card.unit, card);
    }
    let mut purchases = Vec::new();
    for (index, merchant) in MERCHANTS.iter().enumerate() {
        let cards = by_unit.values().filter(|card| card.merchant_name == merchant.name);
        let shares = [100; FULL].into_iter().chain(PARTS);
        for (number, (card, percent)) in cards.zip(shares).enumerate() {
            purchases.push(Purchase {
                merchant: index,
                card: (*card).clone(),
                amount_minor: card.minor * percent / 100,
                external_id: demo.state.key(&format!("receipt-{index}-{number}")),
            });
        }
    }
    purchases
}

/// The last purchase in part.
fn taken_back(purchases: &[Purchase]) -> Option<&Purchase> {
    purchases.iter().rev().find(|purchase| purchase.amount_minor < purchase.card.minor)
}

async fn redeem(demo: &mut Demo, purchase: &Purchase) -> anyhow::Result<Value> {
    let token = demo.merchant(purchase.merchant).await?;
    demo.client
        .post("/api/giftcard/v1/redemptions")
        .token(&token)
        .key(purchase.external_id.as_str())
        .json(json!({
            "code": purchase.card.code,
            "amount": {"minor": purchase.amount_minor, "currency": CURRENCY},
            "external_id": purchase.external_id,
        }))
        .ok()
        .await
}

/// A card that was spent whole buys nothing more.
async fn refuse_more(demo: &mut Demo, purchase: &Purchase) -> anyhow::Result<()> {
    let token = demo.merchant(purchase.merchant).await?;
    let external_id = demo.state.key("receipt-refused");
    let answer = demo
        .client
        .post("/api/giftcard/v1/redemptions")
        .token(&token)
        .key(external_id.as_str())
        .json(json!({
            "code": purchase.card.code,
            "amount": {"minor": 1, "currency": CURRENCY},
            "external_id": external_id,
        }))
        .answer()
        .await?;
    anyhow::ensure!(
        answer.status == StatusCode::CONFLICT || answer.status == StatusCode::UNPROCESSABLE_ENTITY,
        "a spent card was answered with {}: {}",
        answer.status,
        answer.code()
    );
    Ok(())
}

async fn reverse(demo: &mut Demo, purchase: &Purchase) -> anyhow::Result<()> {
    let token = demo.merchant(purchase.merchant).await?;
    for redemption in find(demo, purchase).await? {
        let id = text(&redemption, "id")?;
        demo.client
            .post(format!("/api/giftcard/v1/redemptions/{id}/reversals"))
            .token(&token)
            .key(demo.state.key("reversal"))
            .json(json!({}))
            .ok()
            .await?;
    }
    Ok(())
}

/// A purchase as its merchant finds it, by the till's own number.
async fn find(demo: &mut Demo, purchase: &Purchase) -> anyhow::Result<Vec<Value>> {
    let token = demo.merchant(purchase.merchant).await?;
    let path = format!("/api/giftcard/v1/redemptions?external_id={}", purchase.external_id);
    demo.client.all(&path, &token).await
}
