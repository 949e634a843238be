//! Changing a password, and a forgotten one.

use contracts::mail;
use http::StatusCode;
use jiff::SignedDuration;

use crate::{
    browser::Browser,
    house::{House, OTHER, PASSWORD},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_set_once() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let mut other = Browser::at(&house);
        let page = other.fill("/forgot-password", &[("email", "ADA@example.org")]).await;
        assert!(page.text.contains("Check your mail"), "{}", page.text);
        let link = house.link(mail::RESET_PASSWORD).await;
        let second = house.link(mail::RESET_PASSWORD).await;
        assert_ne!(link, second, "each mail has a link of its own");
        let weak = other.fill(&link, &[("password", "ada@example.org")]).await;
        assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(weak.text.contains("too close to your address"), "{}", weak.text);
        let done = other.fill(&link, &[("password", OTHER)]).await;
        assert!(done.text.contains("Your password was changed"), "{}", done.text);
        // That link and every other one have ended.
        for link in [&link, &second] {
            assert_eq!(other.get(link).await.status, StatusCode::GONE, "{}", house.db);
            let token = link.split_once("?t=").unwrap().1;
            let again =
                other.post("/reset-password", &[("t", token), ("password", PASSWORD)]).await;
            assert_eq!(again.status, StatusCode::GONE);
        }
        assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER, "signed out");
        assert_eq!(other.sign_in("ada@example.org", PASSWORD).await.leads_to(), "");
        assert_eq!(other.sign_in("ada@example.org", OTHER).await.leads_to(), "/home");
        assert_eq!(house.mailed(mail::PASSWORD_CHANGED).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_use_one_link_at_the_same_moment_one_wins() {
    for house in House::all().await {
        Browser::of(&house, "ada@example.org").await;
        Browser::at(&house).fill("/forgot-password", &[("email", "ada@example.org")]).await;
        let link = house.link(mail::RESET_PASSWORD).await;
        let token = link.split_once("?t=").unwrap().1;
        let send = |password: &'static str| {
            let (mut browser, token) = (Browser::at(&house), token.to_owned());
            async move {
                browser.post("/reset-password", &[("t", &token), ("password", password)]).await
            }
        };
        let (a, b) = tokio::join!(send(OTHER), send("twelve slow boats"));
        let mut statuses = [a.status, b.status];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::OK, StatusCode::GONE], "{}", house.db);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_an_account_gets_the_same_answer() {
    for house in House::all().await {
        Browser::of(&house, "ada@example.org").await;
        let mut browser = Browser::at(&house);
        let mut ask = async |email: &str| {
            browser
                .fill("/forgot-password", &[("email", email)])
                .await
                .text
                .replace(email, "ADDRESS")
        };
        let known = ask("ada@example.org").await;
        assert_eq!(ask("eve@example.org").await, known);
        assert_eq!(house.mailed(mail::RESET_PASSWORD).await, 1);
        assert!(ask("nowhere").await.contains("id=\"email-error\""));
        // A flood of requests is a few mails.
        for _ in 0..8 {
            ask("ada@example.org").await;
        }
        assert!(house.mailed(mail::RESET_PASSWORD).await <= 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_for_one_thing_and_for_a_time() {
    for house in House::all().await {
        let mut ada = Browser::at(&house);
        ada.register("ada@example.org").await;
        let verify = house.link(mail::VERIFY_ADDRESS).await;
        let token = verify.split_once("?t=").unwrap().1.to_owned();
        for path in
            ["/reset-password", "/invitation", "/verify-address?t=", "/reset-password?t=AAAA"]
        {
            let path =
                if path.contains('?') { path.to_owned() } else { format!("{path}?t={token}") };
            assert_eq!(ada.get(&path).await.status, StatusCode::GONE, "{path}");
        }
        // The other way round: a password is not set by it, an address not proven.
        ada.fill("/forgot-password", &[("email", "ada@example.org")]).await;
        let reset = house.link(mail::RESET_PASSWORD).await;
        let page = ada.get(&reset.replace("/reset-password", "/verify-address")).await;
        assert_eq!(page.status, StatusCode::GONE);
        house.pass(SignedDuration::from_hours(1));
        let late = ada.get(&reset).await;
        assert_eq!(late.status, StatusCode::GONE);
        assert!(late.text.contains("This link has expired"), "{}", late.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_signs_every_other_browser_out() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let mut phone = Browser::at(&house);
        phone.sign_in("ada@example.org", PASSWORD).await;
        let before = ada.cookie().unwrap().to_owned();
        let page = "/account/password";
        let wrong = ada.fill(page, &[("password", OTHER), ("new_password", OTHER)]).await;
        assert!(wrong.text.contains("This is not your password"), "{}", wrong.text);
        let weak = ada.fill(page, &[("password", PASSWORD), ("new_password", "short")]).await;
        assert!(weak.text.contains("id=\"new_password-error\""), "{}", weak.text);
        let done = ada.fill(page, &[("password", PASSWORD), ("new_password", OTHER)]).await;
        assert_eq!(done.leads_to(), "/account", "{done:?}");
        assert_ne!(ada.cookie().unwrap(), before);
        assert_eq!(ada.get("/account").await.status, StatusCode::OK);
        assert_eq!(phone.get("/account").await.status, StatusCode::SEE_OTHER);
        assert_eq!(house.mailed(mail::PASSWORD_CHANGED).await, 1);
        assert_eq!(phone.sign_in("ada@example.org", PASSWORD).await.leads_to(), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_no_code_and_no_address_is_in_debug_output() {
    for house in House::all().await {
        Browser::of(&house, "ada@example.org").await;
        let row = house.account("ada@example.org").await.unwrap();
        let shown = format!("{row:?} {:?} {:?}", house.service(), house.service().passwords);
        for secret in ["ada@", "argon2", PASSWORD, &row.password] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
}
