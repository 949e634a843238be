//! Making an account, and proving its address.

use contracts::mail;
use giveaway_api::store::{account_role, host};
use http::StatusCode;
use jiff::SignedDuration;
use sea_orm::EntityTrait as _;

use crate::{
    browser::Browser,
    house::{House, OTHER, PASSWORD},
};

#[tokio::test(flavor = "multi_thread")]
async fn somebody_registers_proves_the_address_and_is_a_host() {
    for house in House::all().await {
        let mut ada = Browser::at(&house);
        let page = ada.register("Ada+win@Example.org").await;
        assert!(page.text.contains("Check your mail"), "{}", page.text);
        let row = house.account("ada@example.org").await.unwrap();
        assert_eq!((row.verified_at, row.mailbox.as_str()), (None, "Ada+win@example.org"));
        assert!(row.password.starts_with("$argon2id$"));
        assert_eq!(host::Entity::find().all(house.db.read()).await.unwrap(), []);

        let link = house.link(mail::VERIFY_ADDRESS).await;
        // A mail program that follows links proves nothing.
        assert!(ada.get(&link).await.text.contains("Confirm your address"));
        assert_eq!(house.account("ada@example.org").await.unwrap().verified_at, None);
        let done = ada.fill(&link, &[("password", PASSWORD)]).await;
        assert_eq!(done.leads_to(), "/home", "{} {done:?}", house.db);
        let row = house.account("ada@example.org").await.unwrap();
        assert!(row.verified_at.is_some());
        let roles = account_role::of(house.db.read(), row.account_id()).await.unwrap();
        let made = host::find(house.db.read(), roles.host.unwrap()).await.unwrap().unwrap();
        assert_eq!(made.name, "Ada’s");
        assert!(ada.get("/account").await.text.contains("Your account"));

        // The link has done its work.
        assert_eq!(ada.get(&link).await.status, StatusCode::GONE);
        assert_eq!(house.log().await, ["registered", "address_verified"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_chose_the_password_proves_the_address() {
    for house in House::all().await {
        // Somebody registers with the address of somebody else, who presses the button in the mail.
        Browser::at(&house).register("ada@example.org").await;
        let link = house.link(mail::VERIFY_ADDRESS).await;
        let mut ada = Browser::at(&house);
        let page = ada.fill(&link, &[("password", OTHER)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.text.contains("This is not the password"), "{}", page.text);
        assert_eq!(house.account("ada@example.org").await.unwrap().verified_at, None);

        // Registering again puts one's own password in its place, and ends the link of before.
        let fields = [("name", "Ada"), ("email", "ada@example.org"), ("password", OTHER)];
        ada.fill("/register", &fields).await;
        assert_eq!(ada.get(&link).await.status, StatusCode::GONE);
        let link = house.link(mail::VERIFY_ADDRESS).await;
        assert_eq!(ada.fill(&link, &[("password", PASSWORD)]).await.leads_to(), "");
        assert_eq!(ada.fill(&link, &[("password", OTHER)]).await.leads_to(), "/home");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_known_gets_the_same_answer_at_the_same_cost() {
    for house in House::all().await {
        Browser::of(&house, "ada@example.org").await;
        let cost = async |email: &str| {
            let before = house.service().passwords.computed();
            let page = Browser::at(&house).register(email).await;
            (page.text.replace(email, "ADDRESS"), house.service().passwords.computed() - before)
        };
        let known = cost("a.d.a@example.org").await;
        assert_eq!(cost("ada+again@example.org").await, known);
        assert_eq!(house.mailed(mail::ALREADY_REGISTERED).await, 1, "only ada is known");
        assert_eq!(known.1, 1);
        let row = house.account("ada@example.org").await.unwrap();
        assert_eq!(row.mailbox, "ada@example.org", "what is proven is not replaced");
        let mut ada = Browser::at(&house);
        assert_eq!(ada.sign_in("ada@example.org", PASSWORD).await.leads_to(), "/home");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_beside_the_field() {
    for house in House::all().await {
        let mut ada = Browser::at(&house);
        let fields = [("name", ""), ("email", "nowhere"), ("password", "password1234")];
        let page = ada.fill("/register", &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        for field in ["name", "email", "password"] {
            assert!(page.text.contains(&format!("id=\"{field}-error\"")), "{field}: {}", page.text);
        }
        assert!(!page.text.contains("password1234"), "what was typed is not sent back");
        assert_eq!(house.service().passwords.computed(), 0);
        assert_eq!(house.log().await, [] as [&str; 0]);
        // Signing in with an address that is not proven leads to the mail, and asks for it again.
        ada.register("ada@example.org").await;
        let page = ada.sign_in("ada@example.org", PASSWORD).await;
        assert!(page.text.contains("Confirm your address first"), "{}", page.text);
        assert_eq!(house.mailed(mail::VERIFY_ADDRESS).await, 2);
        let link = house.link(mail::VERIFY_ADDRESS).await;
        house.pass(SignedDuration::from_hours(24));
        let late = ada.get(&link).await;
        assert_eq!(late.status, StatusCode::GONE);
        assert!(late.text.contains("This link has expired"), "{}", late.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_floods_a_mailbox_with_our_help() {
    for house in House::all().await {
        for _ in 0..8 {
            Browser::at(&house).register("ada@example.org").await;
        }
        assert_eq!(house.mailed(mail::VERIFY_ADDRESS).await, 5, "{}", house.db);
    }
}
