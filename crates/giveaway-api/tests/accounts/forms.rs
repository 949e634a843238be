//! Forms that another site sends in somebody's name.

use axum::body::Body;
use http::{Request, StatusCode, header};
use tower::ServiceExt as _;

use crate::{
    browser::Browser,
    house::{House, PASSWORD},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_form_needs_the_token_of_its_own_session() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let mut eve = Browser::of(&house, "eve@example.org").await;
        let of_eve = eve.get("/account").await.token();
        let of_ada = ada.get("/account").await.token();
        assert_ne!(of_ada, of_eve);
        for csrf in [None, Some(""), Some(of_eve.as_str()), Some("x")] {
            let fields: Vec<(&str, &str)> = csrf.map(|csrf| ("csrf", csrf)).into_iter().collect();
            let page = ada.post("/sign-out", &fields).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{csrf:?}");
            assert!(page.text.contains("This form is out of date"), "{}", page.text);
        }
        // With the token, but from a page of another site.
        for site in ["cross-site", "same-site", "nonsense"] {
            ada.site = site;
            let page = ada.post("/sign-out", &[("csrf", &of_ada)]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{site}");
        }
        ada.site = "same-origin";
        assert_eq!(ada.get("/account").await.status, StatusCode::OK, "still signed in");
        assert_eq!(ada.post("/sign-out", &[("csrf", &of_ada)]).await.leads_to(), "/sign-in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_session_refuses_to_be_sent_without_the_token() {
    let house = &House::all().await[0];
    let mut ada = Browser::of(house, "ada@example.org").await;
    for path in [
        "/sign-out",
        "/confirm-it-is-you",
        "/account/password",
        "/account/sessions/revoke",
        "/account/sessions/revoke-all",
        "/account/two-step",
        "/account/two-step/begin",
        "/account/two-step/disable",
        "/account/two-step/codes",
        "/account/keys",
        "/account/keys/revoke",
    ] {
        let page = ada.post(path, &[("password", PASSWORD)]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}: {}", page.text);
        let mut nobody = Browser::at(house);
        let page = nobody.post(path, &[]).await;
        assert!(page.leads_to().starts_with("/sign-in?next="), "{path}: {page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_by_another_sites_form() {
    for house in House::all().await {
        Browser::of(&house, "eve@example.org").await;
        for path in [
            "/sign-in",
            "/register",
            "/forgot-password",
            "/reset-password",
            "/invitation",
            "/verify-address",
            "/sign-in/code",
        ] {
            let mut ada = Browser::at(&house);
            ada.site = "cross-site";
            let fields = [("email", "eve@example.org"), ("password", PASSWORD)];
            let page = ada.post(path, &fields).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(ada.cookie(), None);
        }
        // Browsers that do not say the site say the origin.
        let send = async |origin: Option<&str>| {
            let mut request = Request::post("/sign-in")
                .header(header::HOST, "win.example")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            if let Some(origin) = origin {
                request = request.header(header::ORIGIN, origin);
            }
            let body = "email=eve%40example.org&password=nine+green+lamps";
            let request = request.body(Body::from(body)).unwrap();
            house.app.router.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(send(None).await, StatusCode::SEE_OTHER);
        assert_eq!(send(Some("https://win.example")).await, StatusCode::SEE_OTHER);
        assert_eq!(send(Some("http://127.0.0.1:5000")).await, StatusCode::SEE_OTHER);
        assert_eq!(send(Some("https://evil.example")).await, StatusCode::FORBIDDEN);
        assert_eq!(send(Some("https://win.example.evil.example")).await, StatusCode::FORBIDDEN);
        assert_eq!(send(Some("null")).await, StatusCode::FORBIDDEN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_labelled_and_password_managers_know_them() {
    let house = &House::all().await[0];
    let mut browser = Browser::at(house);
    let page = browser.get("/sign-in").await;
    assert_eq!(page.headers[header::REFERRER_POLICY], "same-origin");
    for needed in [
        "<label for=\"email\">",
        "<label for=\"password\">",
        "autocomplete=\"username\"",
        "autocomplete=\"current-password\"",
    ] {
        assert!(page.text.contains(needed), "{needed}: {}", page.text);
    }
    let page = browser.get("/register").await;
    assert!(page.text.contains("autocomplete=\"new-password\""), "{}", page.text);
    assert!(!page.text.contains("onpaste"));
}
