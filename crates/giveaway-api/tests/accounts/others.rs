//! What the other applications ask, and what the database itself refuses.

use contracts::giveaway::{
    SignOutRequest, WhoIsRequest, account_service_client::AccountServiceClient,
};
use durable_grpc::{DirectChannel, Target};
use giveaway_api::{actions::admit_to_rooms::admit_to_rooms, ids::MerchantId, store::account_role};
use http::{Method, StatusCode};
use platform::token::hash_bearer;
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::{
    administrators::first_admin,
    browser::Browser,
    house::{House, OPERATOR, PASSWORD},
};

fn client(house: &House) -> AccountServiceClient<DirectChannel> {
    AccountServiceClient::new(Target::in_process(house.app.grpc.clone()).channel())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_application_is_told_who_is_signed_in() {
    for house in House::all().await {
        let merchant = MerchantId::new();
        let body = json!({ "email": "bo@example.org", "merchant_id": merchant });
        house.call_with(Method::POST, "/admin/invitations", OPERATOR, body).await;
        let link = house.link("invitation").await;
        let mut bo = Browser::at(&house);
        bo.fill(&link, &[("name", "Bo"), ("password", PASSWORD)]).await;
        let hash = hash_bearer(bo.cookie().unwrap()).to_vec();
        let who = async |hash: Vec<u8>| {
            let request = WhoIsRequest { session_hash: hash.into() };
            client(&house).who_is(request).await.map(|answer| answer.into_inner().signed_in)
        };
        let told = who(hash.clone()).await.unwrap().unwrap();
        assert_eq!(told.merchant_id, merchant.to_string());
        assert!(told.is_recent && !told.is_admin);
        assert_eq!(told.form_token, bo.get("/account").await.token());
        assert_eq!(who(vec![7; 32]).await.unwrap(), None);
        assert!(who(vec![7; 31]).await.is_err());
        house.minutes(11);
        assert!(!who(hash.clone()).await.unwrap().unwrap().is_recent);
        for _ in 0..2 {
            let request = SignOutRequest { session_hash: hash.clone().into() };
            client(&house).sign_out(request).await.unwrap();
            assert_eq!(who(hash.clone()).await.unwrap(), None);
        }
        assert_eq!(bo.get("/account").await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_let_into_the_rooms_of_its_account() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let id = house.account("ada@example.org").await.unwrap().account_id();
        let host = account_role::of(house.db.read(), id).await.unwrap().host.unwrap();
        let root = first_admin(&house).await;
        let own = format!("host:{host}");
        let all = vec![
            own.clone(),
            format!("host:{}", giveaway_api::ids::HostId::new()),
            "admin".to_owned(),
        ];
        let admitted = async |value: &str| {
            admit_to_rooms(house.service(), &hash_bearer(value), all.clone()).await.unwrap()
        };
        assert_eq!(admitted(ada.cookie().unwrap()).await, [own.as_str()]);
        assert_eq!(admitted(root.cookie().unwrap()).await, all);
        assert_eq!(admitted("hs_session_nobody").await, [] as [&str; 0]);
        // A key has to be allowed to see what the room tells.
        for (scopes, expected) in [
            (vec!["wallet:read", "giveaways:read"], vec![own.clone()]),
            (vec!["wallet:read"], vec![]),
        ] {
            let mut fields = vec![("name", "Screen"), ("days", "30")];
            fields.extend(scopes.into_iter().map(|scope| ("scopes", scope)));
            let key = ada.fill("/account/keys", &fields).await.between("<pre><code>", "</code>");
            assert_eq!(admitted(&key).await, expected, "{}", house.db);
        }
        let cookie = ada.cookie().unwrap().to_owned();
        ada.fill("/sign-out", &[]).await;
        assert_eq!(admitted(&cookie).await, [] as [&str; 0], "at once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_never_changed() {
    for house in House::all().await {
        Browser::of(&house, "ada@example.org").await;
        for sql in ["UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry"] {
            let refused = house.db.write().execute_unprepared(sql).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{}: {refused}", house.db);
        }
    }
}
