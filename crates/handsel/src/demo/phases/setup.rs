//! A host, two merchants, a product of each.

use serde_json::json;

use crate::demo::{
    Demo,
    cast::{CURRENCY, HOST, MERCHANTS, Merchant},
    client::text,
    story::money,
};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let host = demo
        .client
        .post("/api/giveaway/v1/hosts")
        .token(demo.admin.reveal())
        .key(demo.state.key("host"))
        .json(json!({"name": HOST.name, "email": HOST.email}))
        .ok()
        .await?;
    let host = text(&host, "id")?;
    demo.state.learn(|known| known.host = Some(host))?;
    demo.story.say(format_args!("{} is the host.", HOST.name));
    for (index, merchant) in MERCHANTS.iter().enumerate() {
        open_shop(demo, index, merchant).await?;
        demo.story.say(format_args!(
            "{} sells the {} ({} to {}).",
            merchant.name,
            merchant.product.to_lowercase(),
            money(merchant.min_minor),
            money(merchant.max_minor)
        ));
    }
    Ok(())
}

async fn open_shop(demo: &mut Demo, index: usize, merchant: &Merchant) -> anyhow::Result<()> {
    let registered = demo
        .client
        .post("/api/giftcard/v1/merchants")
        .token(demo.admin.reveal())
        .key(demo.state.key(&format!("merchant-{index}")))
        .json(json!({
            "name": merchant.name,
            "email": merchant.email,
            "payout_destination": merchant.payout,
        }))
        .ok()
        .await?;
    let id = text(&registered, "id")?;
    demo.state.learn(|known| set(&mut known.merchants, index, id))?;
    let token = demo.merchant(index).await?;
    // Looked for first: an earlier run may have made it and not noted it.
    let offered = demo.client.all("/api/giftcard/v1/products", &token).await?;
    let product = match offered.into_iter().find(|product| product["name"] == merchant.product) {
        Some(product) => product,
        None => {
            let product = json!({
                "name": merchant.product,
                "currency": CURRENCY,
                "min_minor": merchant.min_minor,
                "max_minor": merchant.max_minor,
            });
            demo.client.post("/api/giftcard/v1/products").token(&token).json(product).ok().await?
        }
    };
    let product = text(&product, "id")?;
    demo.state.learn(|known| set(&mut known.products, index, product))
}

fn set(list: &mut Vec<String>, index: usize, value: String) {
    if list.len() <= index {
        list.resize(index + 1, String::new());
    }
    list[index] = value;
}
