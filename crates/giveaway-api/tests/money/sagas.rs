//! Publishing, and everything that can go wrong on the way: either every prize is funded and the
//! money taken, or nothing is left behind.

use futures::future::join_all;
use giveaway_api::{actions::resolve_escrows::resolve_escrows, ids::GiveawayId};
use http::StatusCode;
use serde_json::json;
use testkit::eventually;

use crate::{
    giftcard::{Escrow, Fault},
    world::{Alive, PATIENCE, World},
};

/// More prizes than fit into one batch, so that batches can differ.
const PRIZES: u32 = 60;
const VALUE: i64 = 60_000;

async fn publish(app: &Alive, host: &str, id: GiveawayId, key: &str) -> crate::world::Answer {
    app.post(host, &format!("/giveaways/{id}/publish"), key, json!({})).await
}

/// A host with enough money and a draft.
async fn drafted(world: &World, app: &Alive) -> (String, GiveawayId) {
    let host = app.rich_host(world, 100_000).await;
    let id = app.draft(world, &host, PRIZES).await;
    (host, id)
}

async fn is_funded(world: &World, app: &Alive, host: &str, id: GiveawayId) {
    eventually(PATIENCE, async || {
        let state = app.giveaway(host, id).await["state"].clone();
        if state == "scheduled" || state == "open" { Ok(()) } else { Err(state) }
    })
    .await;
    assert_eq!(app.wallet(host).await, (100_000 - VALUE, 0), "{}", world.db);
    assert_eq!(world.giftcard.count(Escrow::Funded), 60, "{}", world.db);
    assert_eq!(world.giftcard.count(Escrow::Reserved), 0);
    assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);
}

async fn is_undone(world: &World, app: &Alive, host: &str, id: GiveawayId) {
    app.reaches(host, id, "draft").await;
    assert_eq!(app.wallet(host).await, (100_000, 0), "{}", world.db);
    assert_eq!(world.giftcard.count(Escrow::Cancelled), 60, "{}", world.db);
    let giveaway = app.giveaway(host, id).await;
    assert_eq!(giveaway["saga"]["state"], "compensated");
    assert_eq!(giveaway["units"], json!([]));
    assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_funds_every_prize_once() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        let published = publish(&app, &host, id, "p").await;
        assert!(published.status.is_success(), "{published:?}");
        is_funded(&world, &app, &host, id).await;
        let again = publish(&app, &host, id, "p").await;
        assert!(again.status.is_success(), "{again:?}");
        let other = publish(&app, &host, id, "q").await;
        assert_eq!(
            (other.status, other.body["code"].as_str()),
            (StatusCode::CONFLICT, Some("wrong_state"))
        );
        assert_eq!(publish(&app, &host, id, "q").await.body["code"], "wrong_state");
        assert_eq!(world.giftcard.calls("reserve"), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_money_changes_nothing() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 1_000).await;
        let id = app.draft(&world, &host, PRIZES).await;
        let refused = publish(&app, &host, id, "p").await;
        assert_eq!(refused.body["code"], "insufficient_funds", "{refused:?}");
        assert_eq!(refused.body["needed"]["minor"], VALUE);
        assert_eq!(app.giveaway(&host, id).await["state"], "draft");
        assert_eq!(app.wallet(&host).await, (1_000, 0));
        assert_eq!(world.giftcard.calls("reserve"), 0);
        // The refusal is the answer to this key for ever, also when there is money by then.
        let again = publish(&app, &host, id, "p").await;
        assert_eq!(
            (again.status, again.body["code"].as_str()),
            (refused.status, Some("insufficient_funds"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_undoes_everything_and_the_draft_can_be_published_again() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        world.giftcard.fail("reserve", &[Fault::Refuse]);
        publish(&app, &host, id, "p").await;
        is_undone(&world, &app, &host, id).await;
        assert!(publish(&app, &host, id, "q").await.status.is_success());
        is_funded(&world, &app, &host, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_typed_refusals_count() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        // The durable call keeps a final status of the callee for its key, so what a proxy says is
        // asked about until the deadline; then everything is cancelled.
        world
            .giftcard
            .fail("reserve", &[Fault::ProxyRefusal, Fault::LoseAnswer, Fault::Unavailable]);
        publish(&app, &host, id, "p").await;
        assert_eq!(app.giveaway(&host, id).await["state"], "funding");
        world.pass(601);
        is_undone(&world, &app, &host, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_asked_for_again() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        world.giftcard.fail("reserve", &[Fault::LoseAnswer, Fault::Unavailable, Fault::LoseAnswer]);
        world.giftcard.fail("confirm", &[Fault::LoseAnswer, Fault::Unavailable, Fault::LoseAnswer]);
        publish(&app, &host, id, "p").await;
        is_funded(&world, &app, &host, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellations_are_repeated_until_all_are_confirmed() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        world.giftcard.fail("reserve", &[Fault::Refuse]);
        world.giftcard.fail("cancel", &[Fault::LoseAnswer, Fault::Unavailable, Fault::LoseAnswer]);
        publish(&app, &host, id, "p").await;
        is_undone(&world, &app, &host, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_survives_the_process_at_every_call() {
    let points: [(&'static str, Fault, bool); 6] = [
        ("reserve", Fault::Hang, true),
        ("reserve", Fault::HangAfter, true),
        ("confirm", Fault::Hang, true),
        ("confirm", Fault::HangAfter, true),
        ("cancel", Fault::Hang, false),
        ("cancel", Fault::HangAfter, false),
    ];
    for (method, fault, funded) in points {
        for world in World::all().await {
            let app = world.start().await;
            let (host, id) = drafted(&world, &app).await;
            if !funded {
                world.giftcard.fail("reserve", &[Fault::Refuse]);
            }
            world.giftcard.fail(method, &[fault, fault]);
            let request = publish(&app, &host, id, "p");
            let reached = eventually(PATIENCE, async || world.giftcard.calls(method) >= 1);
            // The host may be still waiting when the process dies.
            tokio::select! {
                _ = request => {}
                () = reached => {}
            }
            eventually(PATIENCE, async || world.giftcard.calls(method) >= 1).await;
            app.kill();
            world.giftcard.heal();
            // Where other instances may be alive, the lease of the dead driver has to end first.
            if world.db.engine_name() == "postgres" {
                world.pass(16);
            }
            let app = world.start().await;
            match funded {
                true => is_funded(&world, &app, &host, id).await,
                false => is_undone(&world, &app, &host, id).await,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_stopped_gives_its_sagas_back() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        world.giftcard.fail("reserve", &[Fault::Hang, Fault::Hang]);
        tokio::select! {
            _ = publish(&app, &host, id, "p") => {}
            () = eventually(PATIENCE, async || world.giftcard.calls("reserve") >= 1) => {}
        }
        app.stop().await;
        world.giftcard.heal();
        // No time passes that a lease could end by, on any engine.
        let app = world.start().await;
        is_funded(&world, &app, &host, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_an_undecided_saga_aborts_it_first() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        world.giftcard.fail("reserve", &[Fault::Unavailable; 500]);
        publish(&app, &host, id, "p").await;
        let saga = app.giveaway(&host, id).await["saga"]["id"].as_str().unwrap().to_owned();
        let decision = resolve_escrows(app.service(), &saga).await.unwrap();
        assert_eq!(decision.as_str_name(), "DECISION_ABORTED");
        world.giftcard.heal();
        is_undone(&world, &app, &host, id).await;
        let unknown = giveaway_api::ids::SagaId::new().to_string();
        let decision = resolve_escrows(app.service(), &unknown).await.unwrap();
        assert_eq!(decision.as_str_name(), "DECISION_ABORTED");
        // One that committed says so, whoever asks and when.
        assert!(publish(&app, &host, id, "q").await.status.is_success());
        is_funded(&world, &app, &host, id).await;
        let saga = app.giveaway(&host, id).await["saga"]["id"].as_str().unwrap().to_owned();
        let decision = resolve_escrows(app.service(), &saga).await.unwrap();
        assert_eq!(decision.as_str_name(), "DECISION_COMMITTED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_question_asks_for_in_the_middle_of_a_turn_does_not_wait() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        world.giftcard.fail("reserve", &[Fault::Hang; 500]);
        publish(&app, &host, id, "p").await;
        let saga = app.giveaway(&host, id).await["saga"]["id"].as_str().unwrap().to_owned();
        resolve_escrows(app.service(), &saga).await.unwrap();
        // The turn ends without an answer, and no time passes that a rest could be over by.
        is_undone(&world, &app, &host, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_saga_holds_up_nobody() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, poisoned) = drafted(&world, &app).await;
        world.giftcard.fail("reserve", &[Fault::Hang, Fault::Hang]);
        publish(&app, &host, poisoned, "p").await;
        let other = app.draft(&world, &host, 2).await;
        assert!(publish(&app, &host, other, "q").await.status.is_success());
        eventually(PATIENCE, async || {
            let state = app.giveaway(&host, other).await["state"].clone();
            if state == "scheduled" || state == "open" { Ok(()) } else { Err(state) }
        })
        .await;
        assert_eq!(app.giveaway(&host, poisoned).await["state"], "funding");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_giveaway_gives_every_prize_back() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        publish(&app, &host, id, "p").await;
        is_funded(&world, &app, &host, id).await;
        let path = format!("/giveaways/{id}/cancel");
        world.giftcard.fail("return", &[Fault::LoseAnswer, Fault::Unavailable]);
        let cancelled = app.post(&host, &path, "c", json!({})).await;
        assert_eq!(cancelled.status, StatusCode::ACCEPTED, "{cancelled:?}");
        app.reaches(&host, id, "cancelled").await;
        assert_eq!(app.wallet(&host).await, (100_000, 0), "{}", world.db);
        assert_eq!(world.giftcard.count(Escrow::Returned), 60);
        assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);
        assert_eq!(app.post(&host, &path, "c", json!({})).await.status, StatusCode::ACCEPTED);
        assert_eq!(app.post(&host, &path, "d", json!({})).await.body["code"], "wrong_state");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_publish_one_does() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        let keys = ["p", "p", "q", "r"];
        let answers = join_all(keys.map(|key| publish(&app, &host, id, key))).await;
        let published = answers.iter().filter(|answer| answer.status.is_success()).count();
        let others = answers.iter().filter(|answer| answer.body["code"] == "wrong_state").count();
        assert_eq!(published + others, 4, "{answers:?}");
        assert!(published >= 1, "{answers:?}");
        is_funded(&world, &app, &host, id).await;
        assert_eq!(world.giftcard.calls("reserve"), 2, "one saga of two batches");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_called_to_what_takes_an_hour_and_it_goes_on() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drafted(&world, &app).await;
        world.giftcard.fail("reserve", &[Fault::Refuse]);
        world.giftcard.fail("cancel", &[Fault::Unavailable; 2_000]);
        publish(&app, &host, id, "p").await;
        world.pass(3_700);
        let saga = async || app.giveaway(&host, id).await["saga"].clone();
        eventually(PATIENCE, async || {
            // Each turn waits for its calls, and then for its pause to end.
            world.pass(61);
            let saga = saga().await;
            if saga["needs_operator"] == true { Ok(()) } else { Err(saga) }
        })
        .await;
        assert_eq!(saga().await["state"], "compensating");
        assert_eq!(world.audit().await, Vec::<String>::new(), "called for: no silent delay");
        world.giftcard.heal();
        eventually(PATIENCE, async || {
            world.pass(61);
            let saga = saga().await;
            if saga["state"] == "compensated" { Ok(()) } else { Err(saga) }
        })
        .await;
        assert_eq!(saga().await["needs_operator"], false);
        is_undone(&world, &app, &host, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quarantine_no_money_is_taken() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 10_000).await;
        platform::quarantine::begin(world.db.write(), "restored", 0).await.unwrap();
        let id = app.draft(&world, &host, 2).await;
        app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
        assert_eq!(app.wallet(&host).await, (8_000, 2_000), "{}", world.db);
        platform::quarantine::lift(world.db.write(), 1).await.unwrap();
        world.pass(60);
        app.reaches(&host, id, "open").await;
        platform::quarantine::begin(world.db.write(), "restored again", 2).await.unwrap();
        let other = app.draft(&world, &host, 2).await;
        app.post(&host, &format!("/giveaways/{other}/publish"), "p2", json!({})).await;
        // Past the time that a host waits: nothing is taken, and everything is given back.
        world.pass(700);
        app.reaches(&host, other, "draft").await;
        assert_eq!(app.wallet(&host).await, (8_000, 0), "{}", world.db);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
    }
}
