//! Who takes part in a world: hosts with full wallets, merchants with products, cards to redeem.

use anyhow::Context as _;
use giveaway_api::{actions::claim_prize::CLAIM, ids::WinnerId};
use http::Method;
use jiff::SignedDuration;
use platform::{Db, token::mint_link};
use rand::{RngExt as _, rngs::StdRng};
use sea_orm::DbBackend;
use serde_json::{Value, json};

use crate::{
    alive::{ADMIN, Ask, Content},
    life::{Life, get, post, put},
};

/// What each host has to spend, in minor units: a world never runs out of it.
const WALLET_MINOR: i64 = 100_000_000;

/// Cards of this value are redeemed a few hundred times.
pub(crate) const CARD_MINOR: i64 = 50_000;

/// Five years: the shortest validity that there is.
pub(crate) const VALIDITY_DAYS: i64 = 1_826;

const HOSTS: usize = 4;
const MERCHANTS: usize = 6;

/// Everybody.
#[derive(Debug, Default)]
pub(crate) struct Cast {
    pub(crate) hosts: Vec<String>,
    pub(crate) merchants: Vec<Merchant>,
    pub(crate) cards: Vec<Card>,
}

/// A merchant, by its token.
#[derive(Clone, Debug)]
pub(crate) struct Merchant {
    pub(crate) token: String,
    /// A product whose cards never expire.
    pub(crate) product: String,
    /// One whose cards do.
    pub(crate) expiring: String,
}

/// A card whose code is known.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) merchant: usize,
    pub(crate) code: String,
}

/// A key, or a name, that nobody used.
pub(crate) fn fresh(rng: &mut StdRng) -> String {
    format!("{:032x}", rng.random::<u128>())
}

impl Cast {
    /// Makes everybody, without faults.
    pub(crate) async fn gather(life: &Life, rng: &mut StdRng) -> anyhow::Result<Self> {
        let mut cast = Self::default();
        for n in 0..MERCHANTS {
            cast.merchants.push(merchant(life, n, rng).await?);
        }
        for _ in 0..HOSTS {
            cast.hosts.push(host(life, rng).await?);
        }
        // One giveaway with a prize of every merchant gives everybody something to redeem.
        let prizes: Vec<Value> =
            cast.merchants.iter().map(|one| prize(&one.product, CARD_MINOR, 2)).collect();
        let giveaway = cast.publish(life, 0, &json!(prizes), rng).await?;
        life.rest().await?;
        for winner in cast.draw(life, 0, &giveaway, rng).await? {
            let card =
                cast.claim(life, &winner).await?.context("a fresh prize cannot be claimed")?;
            cast.cards.push(card);
        }
        Ok(cast)
    }

    /// Drafts a giveaway and asks for its publishing. Returns its id.
    pub(crate) async fn publish(
        &self,
        life: &Life,
        host: usize,
        prizes: &Value,
        rng: &mut StdRng,
    ) -> anyhow::Result<String> {
        let id = self.draft(life, host, prizes).await?;
        self.ask_to_publish(life, host, &id, rng).await?;
        Ok(id)
    }

    /// Drafts a giveaway. Returns its id.
    pub(crate) async fn draft(
        &self,
        life: &Life,
        host: usize,
        prizes: &Value,
    ) -> anyhow::Result<String> {
        let token = &self.hosts[host % self.hosts.len()];
        let closes_at = life.world.clock.now() + SignedDuration::from_hours(24);
        let form = json!({
            "title": "Winter", "currency": "EUR", "prizes": prizes, "alternates": 0,
            "closes_at": closes_at.to_string(), "review_seconds": 60, "lead_seconds": 60,
            "claim_seconds": 3_600,
        });
        text(&life.done(&post("/giveaway/v1/giveaways", token, "", form)).await?, "id")
    }

    /// Asks for the publishing of a draft, whatever the answer is.
    pub(crate) async fn ask_to_publish(
        &self,
        life: &Life,
        host: usize,
        id: &str,
        rng: &mut StdRng,
    ) -> anyhow::Result<()> {
        let token = &self.hosts[host % self.hosts.len()];
        let path = format!("/giveaway/v1/giveaways/{id}/publish");
        life.ask(&post(path, token, &fresh(rng), json!({}))).await?;
        Ok(())
    }

    /// Brings entrants into an open giveaway and lets it close and be drawn. Returns the winners.
    pub(crate) async fn draw(
        &self,
        life: &Life,
        host: usize,
        giveaway: &str,
        rng: &mut StdRng,
    ) -> anyhow::Result<Vec<Value>> {
        let token = &self.hosts[host % self.hosts.len()];
        // What is reached late may be passed at once: time goes on while something is repeated.
        let past = |wanted: &[&str]| {
            let in_none = format!("state NOT IN ('{}')", wanted.join("', '"));
            count_if(&life.world.giveaway, giveaway, &in_none)
        };
        let db = &life.world.giveaway;
        life.until("the giveaway opens", db, &past(&["open", "closed", "committed", "drawn"]))
            .await?;
        let mut csv =
            String::from("entered_at,email,name,country,birth_year,ip,verified,referred_by\n");
        for _ in 0..30 {
            csv.push_str(&format!("1,{}@example.org,,DE,1990,,true,\n", fresh(rng)));
        }
        let import = Ask {
            method: Method::POST,
            path: format!("/giveaway/v1/giveaways/{giveaway}/entries/import"),
            token: token.clone(),
            key: String::new(),
            body: Content::Csv(csv),
        };
        life.done(&import).await?;
        life.pass(24 * 3_600)?;
        life.until("the giveaway closes", db, &past(&["closed", "committed", "drawn"])).await?;
        life.pass(60)?;
        life.until("the entries are committed to", db, &past(&["committed", "drawn"])).await?;
        life.pass(90)?;
        life.until("the winners are drawn", db, &past(&["drawn", "completed"])).await?;
        let path = format!("/giveaway/v1/giveaways/{giveaway}/winners");
        let winners = life.done(&get(path, token)).await?;
        Ok(winners["items"].as_array().context("winners are a list")?.clone())
    }

    /// Claims a prize by the link that is mailed to its winner, and looks at the code. None when the
    /// prize has passed on.
    pub(crate) async fn claim(&self, life: &Life, winner: &Value) -> anyhow::Result<Option<Card>> {
        let id: WinnerId = serde_json::from_value(winner["id"].clone())?;
        for _ in 0..20 {
            let until = life.world.clock.now() + SignedDuration::from_mins(5);
            let token = mint_link(&life.world.link_key, CLAIM, id.0, until);
            let body = json!({ "token": token });
            let claimed = life.ask(&post("/giveaway/v1/claims", "", "", body)).await?;
            if !claimed.status.is_success() {
                return Ok(None);
            }
            // The card comes a moment later, or the token was spent by a try that was not answered.
            let Some(reveal) = claimed.body["card"]["reveal_token"].as_str() else {
                life.rest().await?;
                continue;
            };
            let reveal = json!({ "token": reveal });
            let shown = life.ask(&post("/giftcard/v1/cards/reveal", "", "", reveal)).await?;
            // A token that was used up by a try without an answer is refused: then by a fresh one.
            if !shown.status.is_success() {
                continue;
            }
            let code = text(&shown.body, "code")?;
            let name = claimed.body["prize"]["merchant_name"].as_str();
            let merchant = name.and_then(|name| name.rsplit(' ').next()?.parse().ok());
            return Ok(Some(Card {
                merchant: merchant.context("a card names its merchant")?,
                code,
            }));
        }
        Ok(None)
    }
}

/// Counts a giveaway if something holds for it: cheaper to ask often than its page.
pub(crate) fn count_if(db: &Db, giveaway: &str, holds: &str) -> String {
    let id = giveaway.trim_start_matches("gvw_");
    let of = match db.engine() {
        DbBackend::Postgres => format!("id = '{id}'"),
        _ => format!("id = x'{id}'"),
    };
    format!("SELECT COUNT(*) AS n FROM giveaway WHERE {of} AND {holds}")
}

/// A prize of so many units.
pub(crate) fn prize(product: &str, minor: i64, count: u32) -> Value {
    json!({
        "product_id": product, "value": { "minor": minor, "currency": "EUR" }, "count": count,
    })
}

/// A member that must be text.
pub(crate) fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    let text = value[name].as_str().with_context(|| format!("{name} of {value}"))?;
    Ok(text.to_owned())
}

/// A merchant of this number, which its name ends with.
pub(crate) async fn merchant(life: &Life, n: usize, rng: &mut StdRng) -> anyhow::Result<Merchant> {
    let destination = format!("acct_{n}");
    let body = json!({
        "name": format!("Shop {n}"), "email": "shop@example.org",
        "payout_destination": destination,
    });
    let made = life.done(&post("/giftcard/v1/merchants", ADMIN, &fresh(rng), body)).await?;
    let path = format!("/giftcard/v1/merchants/{}/tokens", text(&made, "id")?);
    let token = text(&life.done(&post(path, ADMIN, "", json!({}))).await?, "token")?;
    let expiring = product(life, &token, json!({ "validity_days": VALIDITY_DAYS })).await?;
    Ok(Merchant { product: product(life, &token, json!({})).await?, expiring, token })
}

/// Another product of a merchant, with these terms besides the usual ones.
pub(crate) async fn product(life: &Life, merchant: &str, terms: Value) -> anyhow::Result<String> {
    let mut body = json!({
        "name": "Card", "currency": "EUR", "min_minor": 100, "max_minor": CARD_MINOR,
    });
    if let (Some(body), Some(terms)) = (body.as_object_mut(), terms.as_object()) {
        body.extend(terms.clone());
    }
    text(&life.done(&post("/giftcard/v1/products", merchant, "", body)).await?, "id")
}

async fn host(life: &Life, rng: &mut StdRng) -> anyhow::Result<String> {
    let token = poor_host(life, rng).await?;
    top_up(life, &token, WALLET_MINOR, rng).await?;
    Ok(token)
}

/// A host without any money.
pub(crate) async fn poor_host(life: &Life, rng: &mut StdRng) -> anyhow::Result<String> {
    let body = json!({ "name": "Ada", "email": "ada@example.org" });
    let made = life.done(&post("/giveaway/v1/hosts", ADMIN, &fresh(rng), body)).await?;
    let path = format!("/giveaway/v1/hosts/{}/tokens", text(&made, "id")?);
    let token = text(&life.done(&post(path, ADMIN, "", json!({}))).await?, "token")?;
    let destination = json!({ "destination": format!("acct_host_{}", fresh(rng)) });
    life.done(&put("/giveaway/v1/wallet/payout-destination", &token, destination)).await?;
    Ok(token)
}

/// Puts money into a wallet, as a customer of the bank does.
pub(crate) async fn top_up(
    life: &Life,
    host: &str,
    minor: i64,
    rng: &mut StdRng,
) -> anyhow::Result<()> {
    let amount = json!({ "amount": { "minor": minor, "currency": "EUR" } });
    let asked = life.done(&post("/giveaway/v1/wallet/top-ups", host, &fresh(rng), amount)).await?;
    let url = text(&asked, "checkout_url")?;
    let checkout = url.rsplit('/').next().context("a checkout has a page")?;
    life.world.bank.pay(checkout).await?;
    let path = format!("/giveaway/v1/wallet/top-ups/{}", text(&asked, "id")?);
    life.until_shown(&get(path, host), "state", "paid").await
}
