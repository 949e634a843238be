//! Keys of the API: made on a page, used by programs.

use axum::body::Body;
use giveaway_api::{
    domain::role::Role,
    ids::KeyId,
    store::{account_role, api_key},
};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use platform::token::hash_bearer;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{
    browser::Browser,
    house::{House, OPERATOR},
};

impl House {
    /// What a program with this token gets.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
    ) -> (StatusCode, Value) {
        self.call_with(method, path, token, Value::Null).await
    }

    /// The same, with a body.
    pub(crate) async fn call_with(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/giveaway/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", uuid::Uuid::new_v4().to_string())
            .body(Body::from(body.to_string()));
        let response = self.app.router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

/// Makes a key with these scopes, as a person does.
async fn make(browser: &mut Browser, scopes: &[&str], days: &str) -> String {
    let mut fields = vec![("name", "My shop"), ("days", days)];
    fields.extend(scopes.iter().map(|scope| ("scopes", *scope)));
    let page = browser.fill("/account/keys", &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    page.between("<pre><code>", "</code>")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_what_was_ticked_and_nothing_else() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let key = make(&mut ada, &["wallet:read", "giveaways:read"], "90").await;
        assert!(key.starts_with("hs_test_"), "{key}");
        assert!(!ada.get("/account").await.text.contains(&key), "shown once");
        assert_eq!(house.call(Method::GET, "/wallet", &key).await.0, StatusCode::OK);
        assert_eq!(house.call(Method::GET, "/giveaways", &key).await.0, StatusCode::OK);
        for (method, path, scope) in [
            (Method::POST, "/wallet/top-ups", "wallet:write"),
            (Method::PUT, "/wallet/payout-destination", "wallet:write"),
            (Method::POST, "/giveaways", "giveaways:write"),
            (Method::GET, "/giveaways/gvw_1/entries", "entries:read"),
            (Method::POST, "/giveaways/gvw_1/entries/import", "entries:write"),
            (Method::GET, "/api-keys", "keys:write"),
        ] {
            let (status, problem) = house.call(method, path, &key).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path}: {problem}");
            assert_eq!(
                (&problem["code"], &problem["scope"]),
                (&"missing_scope".into(), &scope.into())
            );
        }
        // It is no administrator's, whatever it may.
        assert_eq!(house.call(Method::GET, "/admin/sagas", &key).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(house.call(Method::GET, "/admin/sagas", OPERATOR).await.0, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_by_time_by_hand_and_with_its_mode() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let short = make(&mut ada, &["wallet:read"], "7").await;
        let ever = make(&mut ada, &["wallet:read", "keys:write"], "never").await;
        let status = async |key: &str| house.call(Method::GET, "/wallet", key).await.0;
        assert_eq!(status(&short).await, StatusCode::OK);
        house.pass(SignedDuration::from_hours(7 * 24));
        assert_eq!(status(&short).await, StatusCode::UNAUTHORIZED);
        assert_eq!(status(&ever).await, StatusCode::OK);
        let live = ever.replace("hs_test_", "hs_live_");
        let (refused, problem) = house.call(Method::GET, "/wallet", &live).await;
        assert_eq!(refused, StatusCode::UNAUTHORIZED);
        assert!(problem["detail"].as_str().unwrap().contains("live mode"), "{problem}");

        let (_, listed) = house.call(Method::GET, "/api-keys", &ever).await;
        let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(listed["items"][0]["name"], "My shop");
        assert!(!listed.to_string().contains(&ever));
        let path = format!("/api-keys/{id}");
        assert_eq!(house.call(Method::DELETE, &path, &ever).await.0, StatusCode::NO_CONTENT);
        assert_eq!(status(&ever).await, StatusCode::UNAUTHORIZED, "at once");
        assert_eq!(house.log().await.last().unwrap(), "key_revoked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_revokes_somebody_elses_key() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let mut eve = Browser::of(&house, "eve@example.org").await;
        let of_ada = make(&mut ada, &["wallet:read", "keys:write"], "90").await;
        let of_eve = make(&mut eve, &["wallet:read", "keys:write"], "90").await;
        let key = api_key::find(house.db.read(), &hash_bearer(&of_ada), Role::Host).await.unwrap();
        let id = key.unwrap().key_id();
        assert!(!eve.get("/account").await.text.contains(&id.to_string()));
        for id in [id.to_string(), KeyId::new().to_string(), "x".to_owned()] {
            let page = eve.press("/account", "/account/keys/revoke", &[("id", &id)]).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{id}");
            let path = format!("/api-keys/{id}");
            let (status, _) = house.call(Method::DELETE, &path, &of_eve).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{id}");
        }
        assert_eq!(house.call(Method::GET, "/wallet", &of_ada).await.0, StatusCode::OK);
        let page = ada.press("/account", "/account/keys/revoke", &[("id", &id.to_string())]).await;
        assert_eq!(page.leads_to(), "/account");
        assert_eq!(house.call(Method::GET, "/wallet", &of_ada).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_ticked_is_refused() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        for (fields, field) in [
            (vec![("name", ""), ("scopes", "wallet:read"), ("days", "90")], "name"),
            (vec![("name", "x"), ("days", "90")], "scopes"),
            (vec![("name", "x"), ("scopes", "admin"), ("days", "90")], "scopes"),
            (vec![("name", "x"), ("scopes", "everything"), ("days", "90")], "scopes"),
            (vec![("name", "x"), ("scopes", "wallet:read"), ("days", "12345")], "days"),
        ] {
            let page = ada.fill("/account/keys", &fields).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
            assert!(page.text.contains(&format!("id=\"{field}-error\"")), "{field}: {}", page.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_key_was_used_is_written_once_a_minute() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let key = make(&mut ada, &["wallet:read"], "90").await;
        let used = async || {
            let found = api_key::find(house.db.read(), &hash_bearer(&key), Role::Host).await;
            found.unwrap().unwrap().last_used_at
        };
        assert_eq!(used().await, None);
        let mut seen = Vec::new();
        for seconds in [0, 59, 1] {
            house.pass(SignedDuration::from_secs(seconds));
            house.call(Method::GET, "/wallet", &key).await;
            seen.push(used().await.unwrap());
        }
        assert_eq!(seen[1], seen[0], "{}", house.db);
        assert_eq!(seen[2], seen[0] + 60_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_the_operator_issues_may_all_as_before() {
    for house in House::all().await {
        let ada = Browser::of(&house, "ada@example.org").await;
        drop(ada);
        let id = house.account("ada@example.org").await.unwrap().account_id();
        let host = account_role::of(house.db.read(), id).await.unwrap().host.unwrap();
        let path = format!("/hosts/{host}/tokens");
        let (status, issued) = house.call(Method::POST, &path, OPERATOR).await;
        assert_eq!(status, StatusCode::CREATED);
        let token = issued["token"].as_str().unwrap();
        for path in ["/wallet", "/giveaways", "/api-keys", "/hosts/me"] {
            assert_eq!(house.call(Method::GET, path, token).await.0, StatusCode::OK, "{path}");
        }
    }
}
