//! Money comes in and goes out.

use giveaway_api::actions::wallet::balances;
use http::StatusCode;

use crate::{
    browser::Browser,
    street::{Street, key, wrong},
};

const ADA: &str = "ada@example.org";
const TOP_UP: &str = "/host/wallet/top-up";

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_led_from_signing_in_to_paying_at_the_provider() {
    for street in Street::all().await {
        let mut ada = Browser::of(&street.house, ADA).await;
        assert_eq!(ada.get("/home").await.leads_to(), "/host");
        let page = ada.get("/host").await;
        assert!(page.text.contains("Three steps to your first giveaway"), "{page:?}");
        assert!(page.text.contains("Ada&#39;s") || page.text.contains("Ada’s"), "{page:?}");

        let page = ada.get(TOP_UP).await;
        let fields = [("amount", "25,50"), ("currency", "EUR"), ("key", &key(&page))];
        let first = ada.press(TOP_UP, TOP_UP, &fields).await;
        assert_eq!(first.status, StatusCode::SEE_OTHER, "{first:?}");
        let again = ada.press(TOP_UP, TOP_UP, &fields).await;
        assert_eq!(again.leads_to(), first.leads_to(), "the button was pressed twice");
        let opened = street.bank.checkouts();
        assert!(opened.iter().all(|checkout| checkout.reference == opened[0].reference));
        assert_eq!(opened[0].amount.minor, 2_550);
        assert!(opened[0].return_url.as_ref().unwrap().ends_with(first.leads_to()));

        let page = ada.get(first.leads_to()).await;
        assert!(page.text.contains("<a class=\"button primary\" href=\"http"), "{page:?}");
        assert!(page.text.contains("Pay €25.50") && !page.text.contains("is in your wallet"));
        // Nobody else sees it.
        let mut eve = Browser::of(&street.house, "eve@example.org").await;
        assert_eq!(eve.get(first.leads_to()).await.status, StatusCode::NOT_FOUND);
        // The same key for something else is told so.
        let other = [("amount", "99"), ("currency", "EUR"), ("key", fields[2].1)];
        let page = ada.press(TOP_UP, TOP_UP, &other).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_amount_is_refused_beside_the_field() {
    let street = &Street::all().await[0];
    let mut ada = Browser::of(&street.house, ADA).await;
    for (amount, reason) in [
        ("", "Type an amount"),
        ("1,000", "EUR has two decimals"),
        ("-5", "Must be a number"),
        ("0.99", "Must be from €1 to €1,000,000"),
        ("1000000.01", "Must be from €1 to €1,000,000"),
    ] {
        let fields = [("amount", amount), ("currency", "EUR"), ("key", "k")];
        let page = ada.press(TOP_UP, TOP_UP, &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{amount}");
        assert!(wrong(&page, "amount").starts_with(reason), "{amount}: {}", wrong(&page, "amount"));
        assert!(page.text.contains(&format!("value=\"{amount}\"")), "what was typed stays");
    }
    assert!(street.bank.checkouts().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn money_leaves_only_for_who_showed_a_moment_ago_who_they_are() {
    const PAYOUTS: &str = "/host/wallet/payouts";
    for street in Street::all().await {
        let mut ada = Browser::of(&street.house, ADA).await;
        let page = ada.get(TOP_UP).await;
        let fields = [("amount", "100"), ("currency", "EUR"), ("key", &key(&page))];
        ada.press(TOP_UP, TOP_UP, &fields).await;
        street.pay(ADA, 10_000).await;
        let held = async || {
            let host = street.host(ADA).await;
            balances(street.house.service(), host).await.unwrap()[0].held.minor
        };

        let page = ada.get(PAYOUTS).await;
        assert!(page.text.contains("Available: <span class=\"amount\">€100</span>"), "{page:?}");
        let (csrf, key) = (page.token(), key(&page));
        let withdrawal =
            [("csrf", csrf.as_str()), ("key", &key), ("amount", "40"), ("currency", "EUR")];
        let refused = ada.post(&format!("{PAYOUTS}/withdraw"), &withdrawal).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains("No payout destination is in force"), "{refused:?}");

        let destination = [("csrf", csrf.as_str()), ("destination", "acct with spaces")];
        let refused = ada.post(&format!("{PAYOUTS}/destination"), &destination).await;
        assert!(wrong(&refused, "destination").contains("visible characters"), "{refused:?}");
        let destination = [("csrf", csrf.as_str()), ("destination", "acct_1")];
        let done = ada.post(&format!("{PAYOUTS}/destination"), &destination).await;
        assert_eq!(done.leads_to(), PAYOUTS);

        street.house.minutes(11);
        for (path, fields) in [("withdraw", &withdrawal[..]), ("destination", &destination[..])] {
            let sent = ada.post(&format!("{PAYOUTS}/{path}"), fields).await;
            assert!(sent.leads_to().starts_with("/confirm-it-is-you"), "{sent:?}");
        }
        assert!(ada.get(PAYOUTS).await.leads_to().starts_with("/confirm-it-is-you"));
        assert_eq!(held().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statement_is_a_page_and_a_file() {
    for street in Street::all().await {
        let mut ada = Browser::of(&street.house, ADA).await;
        let page = ada.get(TOP_UP).await;
        let fields = [("amount", "100"), ("currency", "EUR"), ("key", &key(&page))];
        ada.press(TOP_UP, TOP_UP, &fields).await;
        for n in 0..60 {
            street.pay(ADA, 1_000 + n).await;
        }
        let page = ada.get("/host/wallet").await;
        assert_eq!(page.text.matches("<td>Top-up</td>").count(), 50, "{page:?}");
        let next = page.attribute("<p><a href=\"/host/wallet?currency=EUR&amp;after=");
        let page = ada.get(&format!("/host/wallet?currency=EUR&after={next}")).await;
        assert_eq!(page.text.matches("<td>Top-up</td>").count(), 10, "{page:?}");
        let file = ada.get("/host/wallet/statement.csv?currency=EUR").await;
        assert_eq!(file.text.lines().filter(|line| line.contains("top-up")).count(), 60);
    }
}
