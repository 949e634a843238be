//! From the draw to the last prize: claimed, declined, lapsed, succeeded, returned.

use giveaway_api::{
    actions::claim_prize::CLAIM,
    ids::{GiveawayId, WinnerId},
};
use http::{Request, StatusCode, header};
use jiff::SignedDuration;
use platform::token::mint_link;
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    giftcard::{Escrow, Fault},
    world::{Alive, PATIENCE, World},
};

/// A giveaway that was drawn among so many entrants, with two prizes and one alternate.
pub(crate) async fn drawn(world: &World, app: &Alive, entrants: u32) -> (String, GiveawayId) {
    let host = app.rich_host(world, 10_000).await;
    let id = app.draft(world, &host, 2).await;
    let published = app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
    assert!(published.status.is_success(), "{published:?}");
    app.reaches(&host, id, "open").await;
    import(app, &host, id, entrants).await;
    world.pass(3_600);
    app.reaches(&host, id, "closed").await;
    world.pass(60);
    app.reaches(&host, id, "committed").await;
    world.pass(70);
    app.reaches(&host, id, "drawn").await;
    (host, id)
}

/// Brings so many entrants.
pub(crate) async fn import(app: &Alive, host: &str, id: GiveawayId, entrants: u32) {
    let mut csv =
        String::from("entered_at,email,name,country,birth_year,ip,verified,referred_by\n");
    for n in 0..entrants {
        csv.push_str(&format!("1,person{n}@example.org,,DE,1990,,true,\n"));
    }
    let request = Request::post(format!("/api/giveaway/v1/giveaways/{id}/entries/import"))
        .header(header::AUTHORIZATION, format!("Bearer {host}"))
        .header(header::CONTENT_TYPE, "text/csv")
        .body(axum::body::Body::from(csv))
        .unwrap();
    let imported = app.send(request).await;
    assert_eq!(imported.status, StatusCode::OK, "{imported:?}");
}

pub(crate) async fn winners(app: &Alive, host: &str, id: GiveawayId) -> Vec<Value> {
    let winners = app.get(host, &format!("/giveaways/{id}/winners")).await.body;
    winners["items"].as_array().unwrap().clone()
}

/// The link as it is mailed to a winner.
pub(crate) fn link(world: &World, app: &Alive, winner: &Value) -> String {
    let id: WinnerId = serde_json::from_value(winner["id"].clone()).unwrap();
    let until = world.clock.now() + SignedDuration::from_secs(600);
    mint_link(&app.service().link_key, CLAIM, id.0, until)
}

pub(crate) async fn claim(app: &Alive, token: &str) -> crate::world::Answer {
    app.post("", "/claims", "", json!({ "token": token })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_prize_becomes_one_card() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drawn(&world, &app, 3).await;
        let won = winners(&app, &host, id).await;
        assert_eq!(won.len(), 2, "{}", world.db);
        world.giftcard.fail("issue", &[Fault::LoseAnswer]);
        for winner in &won {
            let token = link(&world, &app, winner);
            let claimed = claim(&app, &token).await;
            assert_eq!(claimed.status, StatusCode::OK, "{claimed:?}");
            assert_eq!(claimed.body["state"], "claimed");
            assert!(
                claimed.body["card"]["reveal_token"].as_str().unwrap().starts_with("reveal-crd_")
            );
            assert_eq!(
                claim(&app, &token).await.body,
                claimed.body,
                "the same link, the same card"
            );
        }
        app.reaches(&host, id, "completed").await;
        assert_eq!(world.giftcard.count(Escrow::Issued), 2);
        assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);

        // Once the code was shown, the old link is of no use any more.
        world.giftcard.reveal();
        let spent = claim(&app, &link(&world, &app, &won[0])).await;
        assert_eq!(
            (spent.status, spent.body["code"].as_str()),
            (StatusCode::GONE, Some("link_used"))
        );
        let forged = claim(&app, "not a link").await;
        assert_eq!(forged.status, StatusCode::NOT_FOUND);
        let resent = app.post("", "/claims/resend", "", json!({"token": "not a link"})).await;
        assert_eq!(resent.status, StatusCode::ACCEPTED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_survives_the_process() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drawn(&world, &app, 3).await;
        let winner = winners(&app, &host, id).await[0].clone();
        let token = link(&world, &app, &winner);
        world.giftcard.fail("issue", &[Fault::HangAfter]);
        tokio::select! {
            _ = claim(&app, &token) => panic!("no card was issued"),
            () = eventually(PATIENCE, async || world.giftcard.calls("issue") >= 1) => {}
        }
        app.kill();
        world.giftcard.heal();
        let app = world.start().await;
        eventually(PATIENCE, async || {
            let winner = winners(&app, &host, id).await[0].clone();
            if winner["card_id"].is_string() { Ok(()) } else { Err(winner) }
        })
        .await;
        assert_eq!(claim(&app, &token).await.status, StatusCode::OK);
        assert_eq!(world.giftcard.count(Escrow::Issued), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_is_succeeded_and_what_nobody_wants_goes_back() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drawn(&world, &app, 3).await;
        let won = winners(&app, &host, id).await;
        let declined = link(&world, &app, &won[0]);
        let answer = app.post("", "/claims/decline", "", json!({"token": declined})).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let answer = app.post("", "/claims/decline", "", json!({"token": declined})).await;
        assert_eq!(answer.status, StatusCode::OK, "declining again changes nothing");
        assert_eq!(claim(&app, &declined).await.body["code"], "prize_passed_on");

        let now = winners(&app, &host, id).await;
        assert_eq!(now.len(), 3, "the alternate was called");
        assert_eq!(now[2]["unit"], now[0]["unit"], "for that very prize");
        assert_eq!(now[1]["state"], "selected", "nobody else moved");

        // Both let their time pass, and no alternate is left.
        world.pass(601);
        app.reaches(&host, id, "completed").await;
        let states: Vec<_> =
            winners(&app, &host, id).await.iter().map(|winner| winner["state"].clone()).collect();
        assert_eq!(states, ["declined", "lapsed", "lapsed"]);
        assert_eq!(app.wallet(&host).await, (10_000, 0), "{}", world.db);
        assert_eq!(world.giftcard.count(Escrow::Returned), 2);
        assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);

        let transcript = app.get("", &format!("/giveaways/{id}/transcript")).await;
        let transcript =
            draw::transcript::Transcript::from_json(transcript.text.as_bytes()).unwrap();
        assert_eq!(transcript.successions.len(), 3);
        let key = app.service().instance_key.public_key();
        let report = draw::verify::verify(
            &transcript,
            &draw::verify::Options { expected_key: Some(key), ..Default::default() },
        );
        assert!(report.failed().is_none(), "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claiming_and_lapsing_decide_one_row() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drawn(&world, &app, 3).await;
        let token = link(&world, &app, &winners(&app, &host, id).await[0]);
        let (claimed, ()) = tokio::join!(claim(&app, &token), async { world.pass(601) });
        // The other winner lapses in any case; then the alternate does.
        eventually(PATIENCE, async || winners(&app, &host, id).await.len() == 3).await;
        world.pass(601);
        app.reaches(&host, id, "completed").await;
        let first = winners(&app, &host, id).await[0]["state"].clone();
        match claimed.status {
            StatusCode::OK | StatusCode::ACCEPTED => assert_eq!(first, "claimed"),
            _ => assert_eq!(first, "lapsed", "{claimed:?}"),
        }
        assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disqualification_needs_a_ground_of_the_rules() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drawn(&world, &app, 3).await;
        let winner = winners(&app, &host, id).await[0].clone();
        let path = format!("/giveaways/{id}/winners/{}/disqualify", winner["id"].as_str().unwrap());
        let body = |reason: &str| json!({"reason": reason, "evidence_digest": "ab".repeat(32)});
        assert_eq!(
            app.post(&host, &path, "", body("employee")).await.status,
            StatusCode::UNAUTHORIZED
        );
        let admin = crate::world::ADMIN;
        let refused = app.post(admin, &path, "", body("nose")).await;
        assert_eq!(refused.body["errors"][0]["pointer"], "/reason", "{refused:?}");
        assert_eq!(
            app.post(admin, &path, "", body("employee")).await.status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(winners(&app, &host, id).await[0]["state"], "disqualified");
        let again = app.post(admin, &path, "", body("employee")).await;
        assert_eq!(again.status, StatusCode::NO_CONTENT, "disqualifying again changes nothing");
        assert_eq!(winners(&app, &host, id).await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_due_during_downtime_happens_afterwards() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.rich_host(&world, 10_000).await;
        let mut form = world.form(2);
        form["opens_at"] = json!(world.at(600));
        let id = app.post(&host, "/giveaways", "", form).await.body["id"].clone();
        let id: GiveawayId = serde_json::from_value(id).unwrap();
        app.post(&host, &format!("/giveaways/{id}/publish"), "p", json!({})).await;
        app.reaches(&host, id, "scheduled").await;
        app.kill();
        world.pass(3_700);
        let app = world.start().await;
        // Opened, closed, committed and drawn; nobody entered, so every prize goes back.
        eventually(PATIENCE, async || {
            world.pass(10);
            let state = app.giveaway(&host, id).await["state"].clone();
            if state == "completed" { Ok(()) } else { Err(state) }
        })
        .await;
        assert_eq!(app.wallet(&host).await, (10_000, 0), "{}", world.db);
        assert_eq!(world.audit().await, Vec::<String>::new(), "{}", world.db);
    }
}
