//! The audit names what was broken on purpose.

use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::{
    claims::{claim, drawn, link, winners},
    world::World,
};

#[tokio::test(flavor = "multi_thread")]
async fn broken_rows_are_named() {
    // What is broken, and which invariant must say so.
    let breakages = [
        (2, "UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'available'"),
        (5, "UPDATE prize_unit SET state = 'returned' WHERE state = 'filled'"),
        (5, "UPDATE prize_unit SET state = 'open'"),
        (5, "UPDATE winner SET card_id = NULL WHERE state = 'claimed'"),
        (5, "UPDATE saga SET state = 'committed'"),
        (6, "UPDATE saga SET state = 'compensated'"),
        (6, "UPDATE saga SET amount_minor = amount_minor + 1"),
        (6, "UPDATE saga_batch SET state = 'reserved'"),
        (9, "UPDATE top_up SET state = 'pending'"),
        (10, "UPDATE saga SET state = 'compensating'"),
        (11, "UPDATE giveaway SET state = 'open'"),
        (
            11,
            "UPDATE winner SET state = 'selected', card_id = NULL, claim_until = 0 WHERE state = 'lapsed'",
        ),
    ];
    for (invariant, breakage) in breakages {
        for world in World::all().await {
            let app = world.start().await;
            let (host, id) = drawn(&world, &app, 1).await;
            let winner = winners(&app, &host, id).await[0].clone();
            let claimed = claim(&app, &link(&world, &app, &winner)).await;
            assert!(claimed.status.is_success(), "{claimed:?}");
            app.reaches(&host, id, "completed").await;
            // A second one, whose winner lets the time pass.
            if breakage.contains("lapsed") {
                let (host, id) = second(&world, &app).await;
                world.pass(601);
                app.reaches(&host, id, "completed").await;
            }
            app.kill();
            world.pass(7_200);
            assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);
            testkit::unguard(&world.db).await;
            let broken = world.db.write().execute_unprepared(breakage).await.unwrap();
            assert!(broken.rows_affected() > 0, "{breakage}");
            let found = world.audit().await;
            let named = found.iter().any(|line| line.starts_with(&format!("{invariant}: ")));
            assert!(named, "{breakage} on {} gives {found:?}", world.db);
        }
    }
}

/// Another giveaway of another host, later.
async fn second(
    world: &World,
    app: &crate::world::Alive,
) -> (String, giveaway_api::ids::GiveawayId) {
    let host = app.rich_host(world, 10_000).await;
    let mut form = world.form(1);
    form["closes_at"] =
        json!((world.clock.now() + jiff::SignedDuration::from_secs(60)).to_string());
    let drafted = app.post(&host, "/giveaways", "", form).await;
    let id: giveaway_api::ids::GiveawayId =
        serde_json::from_value(drafted.body["id"].clone()).unwrap();
    app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
    app.reaches(&host, id, "open").await;
    crate::claims::import(app, &host, id, 1).await;
    world.pass(60);
    app.reaches(&host, id, "closed").await;
    world.pass(60);
    app.reaches(&host, id, "committed").await;
    world.pass(70);
    app.reaches(&host, id, "drawn").await;
    (host, id)
}
