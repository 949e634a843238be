//! How an installation gets its administrators, and what they do.

use contracts::mail;
use giveaway_api::{
    actions::account::first_admin::{Place, admin_link, first_admin_link},
    ids::MerchantId,
    store::account_role,
};
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    browser::Browser,
    house::{House, OPERATOR, OTHER, PASSWORD},
};

/// The path of a link.
fn path(house: &House, link: &str) -> String {
    link.strip_prefix(house.service().config.public_url.as_str()).unwrap().to_owned()
}

/// A browser of the first administrator.
pub(crate) async fn first_admin(house: &House) -> Browser {
    let link = path(house, &first_admin_link(house.service()).await.unwrap().unwrap());
    let mut root = Browser::at(house);
    let fields = [("email", "root@example.org"), ("name", "Root"), ("password", PASSWORD)];
    assert_eq!(root.fill(&link, &fields).await.leads_to(), "/home");
    root
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_link_makes_one_administrator() {
    for house in House::all().await {
        // Each start prints one; all of them are for the same.
        let first = path(&house, &first_admin_link(house.service()).await.unwrap().unwrap());
        let second = path(&house, &first_admin_link(house.service()).await.unwrap().unwrap());
        let mut root = first_admin(&house).await;
        assert!(root.get("/account").await.text.contains("look after this installation"));
        assert_eq!(first_admin_link(house.service()).await.unwrap(), None);
        for link in [first, second] {
            let page = Browser::at(&house).get(&link).await;
            assert_eq!(page.status, StatusCode::GONE, "{}", house.db);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_for_one_person_needs_their_password() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        assert_eq!(ada.get("/account/invite").await.status, StatusCode::NOT_FOUND);
        let service = house.service();
        let place = Place {
            db: &service.db,
            link_key: &service.link_key,
            public_url: &service.config.public_url,
        };
        let now = house.clock.now();
        let link = path(&house, &admin_link(&place, Some("ADA@example.org"), now).await.unwrap());
        let mut eve = Browser::at(&house);
        let page = eve.get(&link).await;
        assert!(!page.text.contains("name=\"email\""), "whose it is is settled: {}", page.text);
        let fields = [("password", OTHER), ("email", "eve@example.org"), ("name", "Eve")];
        let refused = eve.fill(&link, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(ada.fill(&link, &[("password", PASSWORD)]).await.leads_to(), "/home");
        assert_eq!(ada.get("/account/invite").await.status, StatusCode::OK);
        // She is an administrator and a host.
        assert!(ada.get("/account/keys").await.text.contains("wallet:read"));
        assert!(admin_link(&place, None, now).await.is_err(), "there is one: whose link is it?");
        assert!(admin_link(&place, Some("nowhere"), now).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_invited_to_a_till() {
    for house in House::all().await {
        let merchant = MerchantId::new();
        let body = json!({ "email": "bo@example.org", "merchant_id": merchant });
        let (status, made) =
            house.call_with(Method::POST, "/admin/invitations", OPERATOR, body).await;
        assert_eq!((status, &made["role"]), (StatusCode::CREATED, &"merchant".into()), "{made}");
        let link = house.link(mail::INVITATION).await;
        let mut bo = Browser::at(&house);
        let weak = bo.fill(&link, &[("name", "Bo"), ("password", "short")]).await;
        assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = bo.fill(&link, &[("name", "Bo"), ("password", PASSWORD)]).await;
        assert_eq!(done.leads_to(), "/till", "{done:?}");
        let id = house.account("bo@example.org").await.unwrap().account_id();
        let roles = account_role::of(house.db.read(), id).await.unwrap();
        assert_eq!((roles.merchant, roles.host, roles.is_admin), (Some(merchant), None, false));
        assert_eq!(bo.get(&link).await.status, StatusCode::GONE, "once");
        assert_eq!(bo.get("/account/keys").await.status, StatusCode::NOT_FOUND, "no host's keys");
        assert_eq!(bo.get("/account/invite").await.status, StatusCode::NOT_FOUND);

        // One that waits too long ends.
        let body = json!({ "email": "cy@example.org", "merchant_id": merchant });
        house.call_with(Method::POST, "/admin/invitations", OPERATOR, body).await;
        let link = house.link(mail::INVITATION).await;
        house.pass(SignedDuration::from_hours(7 * 24));
        assert_eq!(bo.get(&link).await.status, StatusCode::GONE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_key_does_what_the_installations_token_does() {
    for house in House::all().await {
        let mut root = first_admin(&house).await;
        let fields = [("name", "Cron"), ("scopes", "admin"), ("days", "30")];
        let page = root.fill("/account/keys", &fields).await;
        let key = page.between("<pre><code>", "</code>");
        assert_eq!(house.call(Method::GET, "/admin/sagas", &key).await.0, StatusCode::OK);
        assert_eq!(house.call(Method::GET, "/wallet", &key).await.0, StatusCode::UNAUTHORIZED);
        let body = json!({ "email": "bo@example.org" });
        let (status, _) = house.call_with(Method::POST, "/admin/invitations", &key, body).await;
        assert_eq!(status, StatusCode::CREATED);
        // On the page as well.
        let fields = [("email", "cy@example.org"), ("merchant_id", "")];
        let page = root.fill("/account/invite", &fields).await;
        assert!(page.text.contains("The invitation is on its way"), "{}", page.text);
        let page = root.fill("/account/invite", &[("email", "x"), ("merchant_id", "")]).await;
        assert!(page.text.contains("id=\"email-error\""), "{}", page.text);
        assert_eq!(house.mailed(mail::INVITATION).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_does_nothing_any_more() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let fields = [("name", "Shop"), ("scopes", "wallet:read"), ("days", "30")];
        let key = ada.fill("/account/keys", &fields).await.between("<pre><code>", "</code>");
        ada.fill("/forgot-password", &[("email", "ada@example.org")]).await;
        let link = house.link(mail::RESET_PASSWORD).await;
        let id = house.account("ada@example.org").await.unwrap().account_id();
        let path = format!("/admin/accounts/{id}/disable");
        assert_eq!(house.call(Method::POST, &path, &key).await.0, StatusCode::UNAUTHORIZED);
        for _ in 0..2 {
            let (status, _) = house.call(Method::POST, &path, OPERATOR).await;
            assert_eq!(status, StatusCode::NO_CONTENT);
        }
        assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER);
        assert_eq!(house.call(Method::GET, "/wallet", &key).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(ada.get(&link).await.status, StatusCode::GONE);
        let page = ada.sign_in("ada@example.org", PASSWORD).await;
        assert!(page.text.contains("The address or the password is not right"), "{}", page.text);
        let page = Browser::at(&house).register("ada@example.org").await;
        assert!(page.text.contains("Check your mail"));
        let disabled = house.log().await.iter().filter(|of| *of == "account_disabled").count();
        assert_eq!(disabled, 1);
        let none = giveaway_api::ids::AccountId::new();
        let path = format!("/admin/accounts/{none}/disable");
        assert_eq!(house.call(Method::POST, &path, OPERATOR).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_does_not_shut_themselves_out() {
    for house in House::all().await {
        let mut root = first_admin(&house).await;
        let fields = [("name", "Cron"), ("scopes", "admin"), ("days", "30")];
        let key = root.fill("/account/keys", &fields).await.between("<pre><code>", "</code>");
        let id = house.account("root@example.org").await.unwrap().account_id();
        let path = format!("/admin/accounts/{id}/disable");
        let (status, problem) = house.call(Method::POST, &path, &key).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &"own_account".into()));
    }
}
