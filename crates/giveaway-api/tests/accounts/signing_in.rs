//! Signing in and out.

use http::{StatusCode, header};

use crate::{
    browser::Browser,
    house::{House, OTHER, PASSWORD},
};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_signed_in_is_sent_to_sign_in_and_back() {
    for house in House::all().await {
        Browser::of(&house, "ada@example.org").await;
        let mut ada = Browser::at(&house);
        let sent = ada.get("/account/password").await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER);
        assert_eq!(sent.leads_to(), "/sign-in?next=/account/password");
        let place = sent.leads_to().to_owned();
        let fields = [("email", "ADA@example.org"), ("password", PASSWORD)];
        let done = ada.fill(&place, &fields).await;
        assert_eq!(done.leads_to(), "/account/password");
        let cookie = done.headers[header::SET_COOKIE].to_str().unwrap();
        for part in ["handsel=hs_session_", "; Path=/", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
        assert_eq!(ada.get("/account").await.headers[header::CACHE_CONTROL], "no-store");

        // Nowhere else than here.
        for evil in ["//evil.example", "https://evil.example/", "/\\evil.example"] {
            let mut ada = Browser::at(&house);
            let fields = [("email", "ada@example.org"), ("password", PASSWORD), ("next", evil)];
            assert_eq!(ada.post("/sign-in", &fields).await.leads_to(), "/home", "{evil}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_cookie_is_bound_to_the_host() {
    for house in House::all_at("https://win.example").await {
        let mut ada = Browser::at(&house);
        ada.register("ada@example.org").await;
        let link = house.link("verify_address").await;
        let done = ada.fill(&link, &[("password", PASSWORD)]).await;
        let cookie = done.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("__Host-handsel=hs_session_"), "{cookie}");
        assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        assert_eq!(ada.get("/account").await.status, StatusCode::OK);
        // The name without the prefix is nobody's.
        let value = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
        let mut other = Browser::at(&house);
        other.set_cookie(&value);
        assert_eq!(other.get("/account").await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_and_a_wrong_password_look_and_cost_alike() {
    for house in House::all().await {
        Browser::of(&house, "ada@example.org").await;
        let cost = async |email: &str| {
            let before = house.service().passwords.computed();
            let page = Browser::at(&house).sign_in(email, OTHER).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{page:?}");
            assert!(page.headers.get(header::SET_COOKIE).is_none());
            (page.text.replace(email, "ADDRESS"), house.service().passwords.computed() - before)
        };
        let wrong = cost("ada@example.org").await;
        assert_eq!(wrong.1, 1);
        assert!(wrong.0.contains("The address or the password is not right"), "{}", wrong.0);
        assert_eq!(cost("eve@example.org").await, wrong);
        assert_eq!(cost("not an address").await, wrong);
        let log = house.log().await;
        assert_eq!(log.iter().filter(|action| *action == "sign_in_refused").count(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_counted_by_address_and_by_network() {
    for house in House::all().await {
        Browser::of(&house, "ada@example.org").await;
        let mut eve = Browser::at(&house);
        let mut refused = 0;
        for _ in 0..25 {
            let page = eve.sign_in("ada@example.org", OTHER).await;
            refused += usize::from(page.status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert!(refused >= 5, "{refused}");
        let page = eve.sign_in("ada@example.org", PASSWORD).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "even the right one");
        assert!(page.headers.contains_key(header::RETRY_AFTER));
        assert!(page.text.contains("Please wait a little"), "{}", page.text);
        // Another spelling is no other address.
        let page = eve.sign_in("Ada+x@example.org", OTHER).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        // Other addresses have tries of their own, but not the network.
        let before = house.service().passwords.computed();
        let mut tried = 0;
        loop {
            let email = format!("e{tried}@example.org");
            let page = eve.post("/sign-in", &[("email", &email), ("password", OTHER)]).await;
            if page.status == StatusCode::TOO_MANY_REQUESTS {
                break;
            }
            tried += 1;
        }
        assert!((1..100).contains(&tried), "{tried}");
        assert_eq!(house.service().passwords.computed() - before, tried);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_is_signed_out_here_and_there() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let cookie = ada.cookie().unwrap().to_owned();
        // Following a link changes nothing.
        assert!(ada.get("/sign-out").await.text.contains("Sign out"));
        assert_eq!(ada.get("/account").await.status, StatusCode::OK);
        assert_eq!(ada.fill("/sign-out", &[]).await.leads_to(), "/sign-in");
        assert_eq!(ada.cookie(), None);
        // The cookie is worth nothing any more, whoever kept it.
        ada.set_cookie(&cookie);
        assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER);
        assert_eq!(house.log().await.last().unwrap(), "signed_out");
    }
}
