//! Sessions: how they begin, how long they last, and how they end.

use giveaway_api::{
    domain::session::{ABSOLUTE, IDLE},
    store::session,
};
use http::StatusCode;
use jiff::SignedDuration;
use platform::token::hash_bearer;
use sea_orm::EntityTrait as _;

use crate::{
    browser::Browser,
    house::{House, PASSWORD},
};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_on_under_an_id_that_was_known_before() {
    for house in House::all().await {
        let mut eve = Browser::of(&house, "eve@example.org").await;
        let planted = eve.cookie().unwrap().to_owned();
        Browser::of(&house, "ada@example.org").await;
        // Eve plants her cookie in Ada's browser, and another that nobody has yet.
        for cookie in [planted.as_str(), "hs_session_made-up"] {
            let mut ada = Browser::at(&house);
            ada.set_cookie(cookie);
            let fields = [("email", "ada@example.org"), ("password", PASSWORD)];
            assert_eq!(ada.post("/sign-in", &fields).await.leads_to(), "/home");
            assert_ne!(ada.cookie().unwrap(), cookie);
            assert!(ada.get("/account").await.text.contains("ada@example.org"));
        }
        assert_eq!(eve.get("/account").await.status, StatusCode::SEE_OTHER, "hers has ended");
        // The database does not hold what a cookie holds.
        let rows = session::Entity::find().all(house.db.read()).await.unwrap();
        assert!(rows.iter().any(|row| row.hash == hash_bearer(&planted).to_vec()));
        assert!(!format!("{rows:?}").contains(&hex(&rows[0].hash)), "{rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_silence_and_by_age() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let step = IDLE - SignedDuration::from_mins(1);
        let mut passed = SignedDuration::ZERO;
        while passed + step < ABSOLUTE {
            house.pass(step);
            passed += step;
            assert_eq!(ada.get("/account").await.status, StatusCode::OK, "{passed}");
        }
        house.pass(ABSOLUTE - passed);
        assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER, "a week is over");
        ada.sign_in("ada@example.org", PASSWORD).await;
        assert_eq!(ada.get("/account").await.status, StatusCode::OK);
        house.pass(IDLE);
        assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER, "the night is over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_session_was_used_is_written_once_a_minute() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let hash = hash_bearer(ada.cookie().unwrap());
        let seen =
            async || session::find(house.db.read(), &hash).await.unwrap().unwrap().last_seen_at;
        let began = seen().await;
        house.pass(SignedDuration::from_secs(59));
        ada.get("/account").await;
        assert_eq!(seen().await, began);
        house.pass(SignedDuration::from_secs(1));
        ada.get("/account").await;
        assert_eq!(seen().await, began + 60_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_another_browser_out_at_once_but_nobody_elses() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let mut phone = Browser::at(&house);
        phone.sign_in("ada@example.org", PASSWORD).await;
        let mut eve = Browser::of(&house, "eve@example.org").await;
        let id = async |browser: &Browser| {
            let hash = hash_bearer(browser.cookie().unwrap());
            session::find(house.db.read(), &hash).await.unwrap().unwrap().session_id().to_string()
        };
        let (of_phone, of_eve) = (id(&phone).await, id(&eve).await);
        let revoke = "/account/sessions/revoke";
        // Somebody else's session and one that there is not look the same.
        let none = giveaway_api::ids::SessionId::new().to_string();
        for id in [of_eve.as_str(), none.as_str(), "nonsense"] {
            let page = ada.press("/account", revoke, &[("id", id)]).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{id}");
            assert!(page.text.contains("There is no such session"), "{}", page.text);
        }
        assert_eq!(eve.get("/account").await.status, StatusCode::OK);
        assert!(!ada.get("/account").await.text.contains(&of_eve));

        ada.press("/account", revoke, &[("id", &of_phone)]).await;
        assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER);
        assert_eq!(ada.get("/account").await.status, StatusCode::OK);

        phone.sign_in("ada@example.org", PASSWORD).await;
        let page = ada.press("/account", "/account/sessions/revoke-all", &[]).await;
        assert_eq!(page.leads_to(), "/sign-in");
        for browser in [&mut ada, &mut phone] {
            assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
        }
        assert_eq!(eve.get("/account").await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_asks_once_more_who_it_is() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        assert_eq!(ada.get("/account/keys").await.status, StatusCode::OK);
        house.minutes(11);
        let sent = ada.get("/account/keys?x=1").await;
        assert_eq!(sent.leads_to(), "/confirm-it-is-you?next=/account/keys%3Fx%3D1");
        // A form that was on the page is not taken either.
        let page =
            ada.press("/account", "/account/keys", &[("name", "x"), ("scopes", "wallet:read")]);
        assert!(page.await.leads_to().starts_with("/confirm-it-is-you"));
        let before = ada.cookie().unwrap().to_owned();
        let place = sent.leads_to().to_owned();
        let wrong = ada.fill(&place, &[("password", "wrong password")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = ada.fill(&place, &[("password", PASSWORD)]).await;
        assert_eq!(done.leads_to(), "/account/keys?x=1");
        assert_eq!(ada.get("/account/keys").await.status, StatusCode::OK);
        // The id of before has ended.
        let mut old = Browser::at(&house);
        old.set_cookie(&before);
        assert_eq!(old.get("/account").await.status, StatusCode::SEE_OTHER);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
