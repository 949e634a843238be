//! Publishing: asked once more, done once.

use giveaway_api::{
    actions::{show_giveaway::show_giveaway, wallet::balances},
    domain::giveaway::GiveawayState,
};
use http::StatusCode;

use crate::{
    browser::Browser,
    street::{Street, key},
};

const ADA: &str = "ada@example.org";
const TOP_UP: &str = "/host/wallet/top-up";

#[tokio::test(flavor = "multi_thread")]
async fn pressing_publish_twice_sets_the_money_aside_once() {
    for street in Street::all().await {
        let mut ada = Browser::of(&street.house, ADA).await;
        let id = street.draft(&mut ada, ADA).await;
        let path = format!("/host/giveaways/{id}/publish");
        let host = street.host(ADA).await;
        let money = async || {
            let balance = balances(street.house.service(), host).await.unwrap().remove(0);
            (balance.available.minor, balance.held.minor)
        };

        // Too little: the button is not there, and pressing it anyway is told.
        let page = ada.get(&path).await;
        assert!(page.text.contains("Top up €51") && !page.text.contains("Publish for"), "{page:?}");
        let refused = ada.press(&path, &path, &[("key", "k1")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");

        let form = ada.get(TOP_UP).await;
        let fields = [("amount", "100"), ("currency", "EUR"), ("key", &key(&form))];
        ada.press(TOP_UP, TOP_UP, &fields).await;
        street.pay(ADA, 10_000).await;

        let page = ada.get(&path).await;
        let csrf = page.token();
        let fields = [("csrf", csrf.as_str()), ("key", &key(&page))];
        for _ in 0..2 {
            let sent = ada.post(&path, &fields).await;
            assert_eq!(sent.leads_to(), format!("/host/giveaways/{id}"), "{sent:?}");
        }
        assert_eq!(money().await, (4_900, 5_100));
        // Nobody answers here, so the prizes are on their way, and the page says how far.
        let giveaway = show_giveaway(street.house.service(), host, id).await.unwrap();
        assert_eq!(giveaway.state, GiveawayState::Funding);
        let page = ada.get(&format!("/host/giveaways/{id}")).await;
        assert!(page.text.contains("2 × Coffee, €25.50") && page.text.contains("Being set aside"));
        // There is nothing to edit any more.
        let edit = ada.get(&format!("/host/giveaways/{id}/edit")).await;
        assert_eq!(edit.leads_to(), format!("/host/giveaways/{id}"));

        street.house.minutes(11);
        let sent = ada.post(&path, &fields).await;
        assert!(sent.leads_to().starts_with("/confirm-it-is-you"), "{sent:?}");
    }
}
