//! Settlement through the adapter for Stripe, against a server that behaves as Stripe's documentation
//! says: T1 to T3 with real requests, and each way in which Stripe can leave us in the dark.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use jiff::SignedDuration;
use platform::provider::{StripeProvider, protocol::ask};
use sea_orm::EntityTrait as _;
use testkit::stripe::{API_KEY, Fault, Stripe, WEBHOOK_SECRET};

use super::{
    bank::Bank,
    world::{DESTINATION, Shop, World, clock, eur, text},
};
use crate::{Config, Migrator, actions::send_settlement::claim, store::attempt};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const TRANSFERS: &str = "/v1/transfers";

/// A service, the Stripe account that it pays from, and a merchant.
struct Setting {
    world: World,
    stripe: Stripe,
    shop: Shop,
}

impl Setting {
    /// One per engine, each with an account of its own.
    async fn each() -> Vec<Self> {
        let mut settings = Vec::new();
        for db in testkit::databases::<Migrator>().await {
            let clock = clock();
            let stripe = Stripe::start(clock.clone()).await.unwrap();
            stripe.connect(DESTINATION);
            stripe.add_balance(10_000, "eur");
            let provider = StripeProvider::new(stripe.url(), API_KEY, WEBHOOK_SECRET).unwrap();
            let (config, bank) = (Config::default(), Arc::<Bank>::default());
            let world = World::with_provider(db, config, clock, bank, Arc::new(provider)).await;
            let shop = world.shop().await;
            settings.push(Self { world, stripe, shop });
        }
        settings
    }

    async fn state(&self, id: &str) -> String {
        text(&self.world.settlement(&self.shop, id).await, "state")
    }

    /// A minute later the scan looks again.
    async fn later(&self) {
        self.world.pass(MINUTE);
        self.world.send_due().await;
    }

    /// Paid, once, in our books and at Stripe, and the list shows nothing that is unexplained.
    async fn is_paid_once(&self, id: &str) {
        assert_eq!(self.state(id).await, "paid", "{}", self.world.db);
        assert_eq!((self.stripe.transfers().len(), self.stripe.transferred_minor()), (1, 700));
        self.world.sweep().await;
        assert_eq!(self.world.alerts().await, Vec::<String>::new());
        self.world.assert_sound().await;
    }

    /// Stripe pushes its last event of a kind.
    async fn push(&self, kind: &str) {
        let (headers, body) = self.stripe.webhook(&self.stripe.last_event(kind));
        let mut request =
            Request::post("/api/giftcard/v1/webhooks/provider").body(Body::from(body)).unwrap();
        *request.headers_mut() = headers;
        assert_eq!(self.world.send(request).await.status(), StatusCode::NO_CONTENT);
        self.world.handle_events().await;
    }
}

#[tokio::test]
async fn a_settlement_is_paid_and_the_list_confirms_it() {
    for setting in Setting::each().await {
        let id = setting.world.requested(&setting.shop, 700).await;
        setting.world.send_due().await;
        setting.is_paid_once(&id).await;
        setting.push("transfer.created").await;
        setting.is_paid_once(&id).await;
    }
}

#[tokio::test]
async fn what_happened_without_an_answer_is_looked_up_and_adopted_once() {
    for fault in
        [Fault::LoseAnswer, Fault::ErrorAfter, Fault::BadGateway, Fault::Garbled, Fault::None]
    {
        for setting in Setting::each().await {
            let id = setting.world.requested(&setting.shop, 700).await;
            setting.stripe.script([fault]);
            setting.world.send_due().await;
            let expected = if fault == Fault::None { "paid" } else { "sending" };
            assert_eq!(setting.state(&id).await, expected, "{fault:?}");
            setting.world.assert_sound().await;
            setting.later().await;
            assert_eq!(setting.stripe.posts(TRANSFERS), 1, "looked up, not sent again");
            setting.is_paid_once(&id).await;
        }
    }
}

#[tokio::test]
async fn what_did_not_happen_is_sent_again_under_the_same_key() {
    for setting in Setting::each().await {
        let id = setting.world.requested(&setting.shop, 700).await;
        setting.stripe.script([Fault::LoseRequest, Fault::LockTimeout, Fault::RateLimit]);
        setting.world.send_due().await;
        for _ in 0..3 {
            assert_eq!(setting.state(&id).await, "sending", "no refusal of a resend concludes");
            setting.later().await;
        }
        assert_eq!(setting.stripe.posts(TRANSFERS), 4);
        setting.is_paid_once(&id).await;
    }
}

#[tokio::test]
async fn a_stored_500_is_replayed_until_the_key_is_forgotten_and_then_the_operator_decides() {
    for setting in Setting::each().await {
        let id = setting.world.requested(&setting.shop, 700).await;
        setting.stripe.script([Fault::ErrorBefore]);
        setting.world.send_due().await;
        for _ in 0..3 {
            setting.later().await;
            assert_eq!(setting.state(&id).await, "sending");
        }
        let posts = setting.stripe.posts(TRANSFERS);
        assert!(posts > 1, "sent again, since the look-up found nothing");
        assert_eq!(setting.stripe.transfers().len(), 0);
        // Now the same key would move money, and nothing is sent any more.
        setting.world.pass(SignedDuration::from_hours(24));
        for _ in 0..3 {
            setting.later().await;
        }
        assert_eq!((setting.stripe.posts(TRANSFERS), setting.stripe.transfers().len()), (posts, 0));
        assert_eq!(setting.state(&id).await, "sending");
        assert_eq!(setting.world.alerts().await, ["attempt_stuck"]);
        setting.world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_transfer_is_found_after_stripe_forgot_its_key() {
    for setting in Setting::each().await {
        let id = setting.world.requested(&setting.shop, 700).await;
        setting.stripe.script([Fault::LoseAnswer]);
        setting.world.send_due().await;
        // The process is down for a month: neither key nor event is left.
        setting.world.pass(SignedDuration::from_hours(31 * 24));
        setting.world.send_due().await;
        assert_eq!(setting.stripe.posts(TRANSFERS), 1);
        setting.is_paid_once(&id).await;
    }
}

#[tokio::test]
async fn a_process_that_died_after_the_transfer_learns_of_it_from_the_list() {
    for setting in Setting::each().await {
        let id = setting.world.requested(&setting.shop, 700).await;
        let service = setting.world.service();
        let written =
            attempt::entity::Entity::find().one(setting.world.db.read()).await.unwrap().unwrap();
        let (claimed, exchange) = claim(service, written).await.unwrap().unwrap();
        ask(&*service.provider, claimed.transfer(), claimed.possible_sends, exchange).await;
        setting.world.sweep().await;
        setting.is_paid_once(&id).await;
    }
}

#[tokio::test]
async fn the_refusal_of_the_only_send_fails_and_the_next_attempt_has_a_new_key() {
    for setting in Setting::each().await {
        let id = setting.world.requested(&setting.shop, 700).await;
        setting.stripe.add_balance(-10_000, "eur");
        setting.world.send_due().await;
        assert_eq!(setting.state(&id).await, "failed");
        setting.stripe.add_balance(10_000, "eur");
        let again = setting.world.request_settlement(&setting.shop).await;
        assert_eq!(text(&again.expect(StatusCode::ACCEPTED), "id"), id);
        setting.world.send_due().await;
        setting.is_paid_once(&id).await;
    }
}

#[tokio::test]
async fn a_reversal_that_stripe_pushes_is_owed_again() {
    for setting in Setting::each().await {
        let id = setting.world.requested(&setting.shop, 700).await;
        setting.world.send_due().await;
        let transfer = text(&setting.stripe.transfers()[0], "id");
        setting.stripe.reverse_transfer(&transfer, 700);
        setting.push("transfer.reversed").await;
        assert_eq!(setting.state(&id).await, "reversed");
        let next = setting.world.request_settlement(&setting.shop).await;
        assert_eq!(next.expect(StatusCode::ACCEPTED)["total"], eur(700));
        setting.world.send_due().await;
        assert_eq!(setting.stripe.transferred_minor(), 700);
        setting.world.sweep().await;
        setting.world.assert_sound().await;
    }
}
