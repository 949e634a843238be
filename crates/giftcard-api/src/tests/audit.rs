//! The audit names rows that were damaged on purpose, one per check.

use sea_orm::{ConnectionTrait as _, DbBackend};

use super::world::World;
use crate::audit::{Limits, run};

/// Damages the database behind the code's back. Guards and checks stand in the way, so they are taken
/// away first.
async fn damage(world: &World, sql: &str) {
    testkit::unguard(&world.db).await;
    let sql = match world.db.engine() {
        DbBackend::Postgres => sql.replace("randomblob(16)", "gen_random_uuid()"),
        _ => sql.to_owned(),
    };
    let damaged = world.db.write().execute_unprepared(&sql).await.unwrap();
    assert_eq!(damaged.rows_affected(), 1, "{sql} on {}", world.db);
}

/// Everything happens once.
async fn lived_in(world: World) -> World {
    let shop = world.shop().await;
    let (_, code) = world.card_code(&shop, 900).await;
    let redeemed = world.redeem(&shop, &code, 700).await.expect(http::StatusCode::CREATED);
    let path = format!("/redemptions/{}/reversals", super::world::text(&redeemed, "id"));
    let part = serde_json::json!({ "amount": super::world::eur(100) });
    world.post(&path, &shop.token, "v", part).await.expect(http::StatusCode::CREATED);
    world.request_settlement(&shop).await.expect(http::StatusCode::ACCEPTED);
    world.send_due().await;
    world.sweep().await;
    let (saga, ids) = world.reserve(&shop, &[500]).await;
    world.confirm(saga, &ids).await;
    world.reserve(&shop, &[600]).await;
    world.assert_sound().await;
    world
}

#[tokio::test]
async fn damaged_rows_are_named() {
    let check = async |sql: &str, invariant: u8, row: &str| {
        for world in World::each().await {
            let world = lived_in(world).await;
            damage(&world, sql).await;
            let part = run(world.db.read(), world.clock.now(), &Limits::default()).await.unwrap();
            let found = part.violations.iter().any(|violation| {
                violation.invariant == invariant
                    && violation.rows.iter().any(|named| named.contains(row))
            });
            assert!(found, "{sql} on {}: {:?}", world.db, part.violations);
        }
    };
    check("UPDATE card SET available_minor = available_minor + 1", 4, "crd_").await;
    check("UPDATE card SET redeemed_minor = redeemed_minor - 1, available_minor = available_minor + 1", 4, "crd_").await;
    check("UPDATE redemption SET reversed_minor = 99", 4, "rdm_").await;
    check(
        "UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'card'",
        2,
        "ledger_account",
    )
    .await;
    check("UPDATE escrow SET state = 'refunded' WHERE state = 'issued'", 5, "esc_").await;
    check("DELETE FROM escrow_terminal WHERE state = 'issued'", 5, "esc_").await;
    check("UPDATE escrow SET state = 'reserved' WHERE state = 'funded'", 10, "esc_").await;
    check("UPDATE escrow SET state = 'reserved' WHERE state = 'funded'", 5, "esc_").await;
    check(
        "INSERT INTO state_event SELECT randomblob(16), subject, 'issued', 'funded', 'x', 1 \
         FROM state_event WHERE subject LIKE 'esc%' LIMIT 1",
        5,
        "esc_",
    )
    .await;
    check("UPDATE settlement SET state = 'failed'", 7, "stl_").await;
    check("UPDATE settlement_attempt SET amount_minor = 1", 7, "attempt stl_").await;
    check("UPDATE settlement SET total_minor = total_minor + 1", 8, "stl_").await;
    check("UPDATE settlement_line SET amount_minor = 1 WHERE kind = 'redemption'", 8, "rdm_").await;
    check("UPDATE settlement_line SET amount_minor = -1 WHERE kind = 'reversal'", 8, "rev_").await;
    check("DELETE FROM settlement_line WHERE kind = 'reversal'", 8, "mer_").await;
    check("UPDATE settlement_line SET currency = 'USD' WHERE kind = 'reversal'", 8, "line_").await;
}

#[tokio::test]
async fn what_is_too_old_needs_an_alert() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (saga, _) = world.reserve(&shop, &[600]).await;
        world.requested(&shop, 700).await;
        world.bank.script([super::bank::Next::Pend]);
        world.send_due().await;
        world.pass(jiff::SignedDuration::from_hours(2));
        let limits = Limits::default();
        let part = run(world.db.read(), world.clock.now(), &limits).await.unwrap();
        let mut named: Vec<_> = part.violations.iter().flat_map(|v| v.rows.clone()).collect();
        named.sort();
        assert_eq!(part.violations.len(), 2, "{named:?}");
        assert!(named[0].starts_with("attempt stl_") && named[1].starts_with("esc_"), "{named:?}");
        let kind = crate::store::alert::Kind::SagaUnresolved;
        let now_ms = world.clock.now_ms();
        crate::store::alert::raise(world.db.write(), kind, saga, "x", now_ms).await.unwrap();
        let part = run(world.db.read(), world.clock.now(), &limits).await.unwrap();
        assert_eq!(part.violations.len(), 1, "{:?}", part.violations);
    }
}

#[tokio::test]
async fn legs_and_transfers_are_listed_for_the_other_books() {
    let world = lived_in(World::sqlite().await).await;
    let part = run(world.db.read(), world.clock.now(), &Limits::default()).await.unwrap();
    let mut legs: Vec<_> = part.escrow_legs.iter().map(|leg| leg.total.minor).collect();
    legs.sort_unstable();
    assert_eq!(legs, [-900, -500]);
    assert_eq!(part.transfers.len(), 1);
    let (ours, theirs) = (&part.transfers[0], &world.bank.transfers()[0]);
    assert_eq!((&ours.provider_id, ours.amount.minor), (&theirs.id, theirs.amount.minor));
}
