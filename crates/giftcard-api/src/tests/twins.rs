//! The same sale asked for twice at once: the second is told of the first, not that the money which
//! the first took is missing.

use std::time::Duration;

use http::StatusCode;
use ledger::Money;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;
use testkit::eventually;

use super::world::{Reply, Shop, World, eur};
use crate::{
    domain::ids::{CardId, MerchantId, RedemptionId},
    store::{
        card,
        redemption::{self, Redemption},
    },
};

/// Longer than a statement takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a till is told that asks while a redemption of this name and of nearly all of the card has
/// written everything and not committed yet.
async fn told(world: &World, shop: &Shop, path: &str) -> Reply {
    let (id, code) = world.card_code(shop, 1_000).await;
    let (card, merchant): (CardId, MerchantId) =
        (id.parse().unwrap(), shop.merchant.parse().unwrap());
    let amount = Money::new(900, "EUR".parse().unwrap());
    let now_ms = world.clock.now_ms();
    let first = world.db.begin("test").await.unwrap();
    assert!(card::redeem(&first, card, merchant, amount, now_ms).await.unwrap());
    let row = Redemption {
        id: RedemptionId::new(),
        merchant_id: merchant,
        card_id: card,
        external_id: "receipt".to_owned(),
        amount_minor: amount.minor,
        reversed_minor: 0,
        currency: amount.currency.to_string(),
        created_at: now_ms,
    };
    assert!(redemption::insert(&first, row).await.unwrap());
    let body = json!({ "code": code, "amount": eur(900), "external_id": "receipt" });
    let second = world.post(path, &shop.token, "second", body);
    let commit = async {
        eventually(PATIENCE, async || {
            let sql = "SELECT 1 FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
            let conn = world.db.read();
            let waiting = Statement::from_string(conn.get_database_backend(), sql);
            conn.query_one_raw(waiting).await.unwrap().is_some()
        })
        .await;
        first.commit().await.unwrap();
    };
    tokio::join!(second, commit).0
}

#[tokio::test]
async fn the_second_is_told_of_the_first() {
    // SQLite has one writer: the second begins after the first.
    let Some(world) = World::of("postgres").await else { return };
    for path in ["/redemptions", "/authorisations"] {
        let shop = world.shop().await;
        told(&world, &shop, path).await.refused(StatusCode::CONFLICT, "external_id_used");
    }
}
