//! A house with neighbours: merchants' products to choose from, and a bank that opens checkouts.

use std::sync::Arc;

use contracts::giftcard::giftcard_service_server::GiftcardServiceServer;
use durable_grpc::Target;
use giveaway_api::{
    Config, Migrator,
    actions::show_giveaway::list_giveaways,
    domain::books,
    ids::{GiveawayId, HostId},
    store::account_role,
};
use http::StatusCode;
use ledger::Money;

use crate::{
    bank::Bank,
    browser::{Browser, Page},
    giftcard::Giftcard,
    house::House,
};

pub(crate) struct Street {
    pub(crate) house: House,
    pub(crate) bank: Bank,
    pub(crate) product: String,
}

impl Street {
    /// One on every engine there is.
    pub(crate) async fn all() -> Vec<Self> {
        let mut streets = Vec::new();
        for db in testkit::databases::<Migrator>().await {
            let (giftcard, bank) = (Giftcard::new(), Bank::default());
            let product = giftcard.product.to_string();
            let channel = Target::in_process(GiftcardServiceServer::new(giftcard)).channel();
            let url = Config::default().public_url;
            let house = House::beside(db, &url, channel, Arc::new(bank.clone())).await;
            streets.push(Self { house, bank, product });
        }
        streets
    }

    /// The host of an account.
    pub(crate) async fn host(&self, email: &str) -> HostId {
        let account = self.house.account(email).await.unwrap().account_id();
        account_role::of(self.house.db.read(), account).await.unwrap().host.unwrap()
    }

    /// Puts money into a wallet, as a payment that arrived does.
    pub(crate) async fn pay(&self, email: &str, minor: i64) {
        let host = self.host(email).await;
        let gross = Money::new(minor, "EUR".parse().unwrap());
        let mode = self.house.service().mode();
        let payment = format!("pay_{host}_{minor}");
        let posting = books::top_up(mode, host, &payment, gross, 0);
        let tx = self.house.db.begin("test").await.unwrap();
        ledger::post(&tx, &posting, self.house.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The fields of a draft that is as it should be.
    pub(crate) fn fields(&self) -> Vec<(&str, &str)> {
        vec![
            ("title", "Winter"),
            ("product", &self.product),
            ("value", "25,50"),
            ("count", "2"),
            ("closes_at", "2026-12-05T18:00"),
            ("review", "86400"),
            ("claim", "604800"),
            ("who", "all"),
        ]
    }

    /// Drafts a giveaway on its page.
    pub(crate) async fn draft(&self, browser: &mut Browser, email: &str) -> GiveawayId {
        let page = browser.press(NEW, NEW, &self.fields()).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{page:?}");
        let host = self.host(email).await;
        let all = list_giveaways(self.house.service(), host, None, 10).await.unwrap();
        assert_eq!(page.leads_to(), format!("/host/giveaways/{}", all[0].id));
        all[0].id
    }
}

pub(crate) const NEW: &str = "/host/giveaways/new";

/// The key that a form carries.
pub(crate) fn key(page: &Page) -> String {
    page.attribute("name=\"key\" value=\"")
}

/// What is said beside a field.
pub(crate) fn wrong(page: &Page, field: &str) -> String {
    page.between(&format!("id=\"{field}-error\">"), "<")
}
