//! The second step.

use giveaway_api::domain::totp::{SECRET_BYTES, Secret};
use http::StatusCode;

use crate::{
    browser::{Browser, Page},
    house::{House, OTHER, PASSWORD},
};

const ADA: &str = "ada@example.org";

/// Turns two-step sign-in on; the secret, and the recovery codes.
async fn enrol(house: &House, browser: &mut Browser) -> (Secret, Vec<String>) {
    let page = browser.press("/account/two-step", "/account/two-step/begin", &[]).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(page.text.contains("<svg"), "{}", page.text);
    let typed = page.between("<code class=\"hash\">", "</code>").replace(' ', "");
    let bytes = data_encoding::BASE32_NOPAD.decode(typed.as_bytes()).unwrap();
    let secret = Secret::new(<[u8; SECRET_BYTES]>::try_from(bytes).unwrap());
    let wrong = browser.fill_in(&page, &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.text.contains(&page.between("<code class=\"hash\">", "</code>")),
        "the same secret"
    );
    let code = secret.code_at(house.clock.now());
    let done = browser.fill_in(&page, &[("code", &code)]).await;
    assert!(done.text.contains("Your recovery codes"), "{}", done.text);
    let codes = done.between("<pre><code>", "</code>");
    (secret, codes.split_whitespace().map(ToOwned::to_owned).collect())
}

async fn password(house: &House) -> (Browser, Page) {
    let mut browser = Browser::at(house);
    let page = browser.sign_in(ADA, PASSWORD).await;
    assert!(page.text.contains("Your second step"), "{}", page.text);
    assert_eq!(browser.cookie(), None, "nobody is signed in by half");
    (browser, page)
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_needs_a_code_that_counts_once() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, ADA).await;
        let (secret, _) = enrol(&house, &mut ada).await;
        let row = house.account(ADA).await.unwrap();
        let sealed = row.totp_sealed.unwrap();
        assert!(!sealed.windows(SECRET_BYTES).any(|part| part == secret.reveal()), "sealed");

        // The code that turned it on does not count again.
        let used = secret.code_at(house.clock.now());
        let (mut browser, page) = password(&house).await;
        let again = browser.fill_in(&page, &[("code", &used)]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", house.db);
        assert!(again.text.contains("This code is not right"), "{}", again.text);

        house.minutes(1);
        let code = secret.code_at(house.clock.now());
        let done = browser.fill_in(&page, &[("code", &code)]).await;
        assert_eq!(done.leads_to(), "/home", "{done:?}");
        // Whoever has looked over the shoulder is a moment too late.
        let (mut eve, page) = password(&house).await;
        assert_eq!(eve.fill_in(&page, &[("code", &code)]).await.leads_to(), "");
        assert_eq!(eve.cookie(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_with_one_code_at_the_same_moment_one_wins() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, ADA).await;
        let (secret, codes) = enrol(&house, &mut ada).await;
        house.minutes(1);
        for code in [secret.code_at(house.clock.now()), codes[0].clone()] {
            let ((mut a, on_a), (mut b, on_b)) = (password(&house).await, password(&house).await);
            let fields = [("code", code.as_str())];
            let (a, b) = tokio::join!(a.fill_in(&on_a, &fields), b.fill_in(&on_b, &fields));
            let mut places = [a.leads_to(), b.leads_to()];
            places.sort_unstable();
            assert_eq!(places, ["", "/home"], "{}", house.db);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_codes_count_once_and_new_ones_take_their_place() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, ADA).await;
        let (_, codes) = enrol(&house, &mut ada).await;
        assert_eq!(codes.len(), 8);
        let (mut browser, page) = password(&house).await;
        let typed = codes[0].to_uppercase().replace('-', " ");
        assert_eq!(browser.fill_in(&page, &[("code", &typed)]).await.leads_to(), "/home");
        assert!(browser.get("/account").await.text.contains("7 recovery codes left"));
        let (mut again, page) = password(&house).await;
        assert_eq!(again.fill_in(&page, &[("code", &codes[0])]).await.leads_to(), "");
        let renewed = browser.press("/account/two-step", "/account/two-step/codes", &[]).await;
        let fresh = renewed.between("<pre><code>", "</code>");
        assert_eq!(again.fill_in(&page, &[("code", &codes[1])]).await.leads_to(), "");
        let fresh = fresh.split_whitespace().next().unwrap();
        assert_eq!(again.fill_in(&page, &[("code", fresh)]).await.leads_to(), "/home");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_after_the_password_does_not_outlive_it() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, ADA).await;
        let (secret, codes) = enrol(&house, &mut ada).await;
        let (mut late, page) = password(&house).await;
        house.minutes(5);
        let code = secret.code_at(house.clock.now());
        assert_eq!(late.fill_in(&page, &[("code", &code)]).await.status, StatusCode::GONE);
        // A password that was changed in between ends it too.
        let (mut early, page) = password(&house).await;
        let fields = [("password", PASSWORD), ("new_password", OTHER)];
        assert_eq!(ada.fill("/account/password", &fields).await.leads_to(), "/account");
        assert_eq!(early.fill_in(&page, &[("code", &codes[0])]).await.status, StatusCode::GONE);
        // And nobody gets there without a password.
        let made_up = early.post("/sign-in/code", &[("t", "AAAA"), ("code", &codes[0])]).await;
        assert_eq!(made_up.status, StatusCode::GONE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_not_guessed() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, ADA).await;
        let (secret, _) = enrol(&house, &mut ada).await;
        house.minutes(1);
        let (mut eve, page) = password(&house).await;
        let mut statuses = Vec::new();
        for _ in 0..12 {
            statuses.push(eve.fill_in(&page, &[("code", "123456")]).await.status);
        }
        assert_eq!(statuses.last(), Some(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
        let code = secret.code_at(house.clock.now());
        let right = eve.fill_in(&page, &[("code", &code)]).await;
        assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS, "even the right one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_asks_for_a_code_and_turning_it_off_ends_that() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, ADA).await;
        let (secret, _) = enrol(&house, &mut ada).await;
        house.minutes(11);
        let place = ada.get("/account/two-step").await.leads_to().to_owned();
        let missing = ada.fill(&place, &[("password", PASSWORD), ("code", "")]).await;
        assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", missing.text);
        let code = secret.code_at(house.clock.now());
        let done = ada.fill(&place, &[("password", PASSWORD), ("code", &code)]).await;
        assert_eq!(done.leads_to(), "/account/two-step");
        ada.press("/account/two-step", "/account/two-step/disable", &[]).await;
        let mut browser = Browser::at(&house);
        assert_eq!(browser.sign_in(ADA, PASSWORD).await.leads_to(), "/home");
        let row = house.account(ADA).await.unwrap();
        assert_eq!((row.totp_sealed, row.totp_since), (None, None));
    }
}
