//! A winner's way from the mail to the card, page by page.

use axum::body::Body;
use giveaway_api::{actions::claim_prize::CLAIM, ids::WinnerId};
use http::{Request, StatusCode, header};
use jiff::SignedDuration;
use platform::token::mint_link;
use serde_json::Value;

use crate::{
    claims::{drawn, winners},
    giftcard::Fault,
    world::{Alive, Answer, World},
};

async fn get(app: &Alive, path: &str) -> Answer {
    app.send(Request::get(path).body(Body::empty()).unwrap()).await
}

async fn post(app: &Alive, path: &str, form: String) -> Answer {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form));
    app.send(request.unwrap()).await
}

fn token(world: &World, app: &Alive, winner: &Value) -> String {
    let id: WinnerId = serde_json::from_value(winner["id"].clone()).unwrap();
    let until = world.clock.now() + SignedDuration::from_secs(600);
    mint_link(&app.service().link_key, CLAIM, id.0, until)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_winner_comes_from_the_mail_to_the_card() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drawn(&world, &app, 3).await;
        let won = winners(&app, &host, id).await;
        let token = token(&world, &app, &won[0]);
        let link = format!("/claim?t={token}");
        let page = get(&app, &link).await;
        assert!(page.text.contains("You have won") && page.text.contains("€10"), "{}", page.text);
        assert_eq!(winners(&app, &host, id).await[0]["state"], "selected", "{}", world.db);

        let claimed = post(&app, "/claim", format!("t={token}")).await;
        assert_eq!(claimed.status, StatusCode::OK, "{}", claimed.text);
        let form = claimed.text.split("action=\"/card\"").nth(1).unwrap();
        assert!(form.contains("name=\"token\" value=\"reveal-crd_"), "{form}");
        assert!(!claimed.text.contains(&token), "the link is done: the page leads on without it");
        assert_eq!(winners(&app, &host, id).await[0]["state"], "claimed");
        assert!(get(&app, &link).await.text.contains("Continue to the card"));
        // Too late to decline.
        let declined = post(&app, "/claim/decline", format!("t={token}&sure=yes")).await;
        assert_eq!(declined.status, StatusCode::CONFLICT);

        world.giftcard.reveal();
        let spent = post(&app, "/claim", format!("t={token}")).await;
        assert_eq!(spent.status, StatusCode::GONE);
        assert!(spent.text.contains("This link has done its work"), "{}", spent.text);
        assert!(spent.text.contains("action=\"/claim/resend\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_still_being_made_can_be_waited_for() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drawn(&world, &app, 3).await;
        let token = token(&world, &app, &winners(&app, &host, id).await[0]);
        world.giftcard.fail("issue", &[Fault::Hang; 8]);
        let waiting = post(&app, "/claim", format!("t={token}")).await;
        assert_eq!(waiting.status, StatusCode::OK, "{}", world.db);
        assert!(waiting.text.contains("Your card is being made"), "{}", waiting.text);
        assert!(waiting.text.contains(&format!("name=\"t\" value=\"{token}\"")));
        assert_eq!(winners(&app, &host, id).await[0]["state"], "claimed");
    }
}
