//! What Stripe pushes: who signed it, and what to look at.

use http::HeaderMap;
use jiff::SignedDuration;
use platform::provider::{
    NewCheckout, Provider as _, ProviderAmount, StripeProvider, WebhookError, WebhookEventKind,
};
use testkit::stripe::{API_KEY, WEBHOOK_SECRET};

use super::{World, asked};

impl World {
    async fn paid(&self) -> String {
        let checkout = NewCheckout {
            reference: "top_1".to_owned(),
            amount: ProviderAmount::new(5_000, "EUR"),
            description: String::new(),
            return_url: Some("https://shop.example".to_owned()),
        };
        let opened = self.provider.create_checkout(checkout).await.unwrap();
        self.stripe.pay(&opened.id)
    }

    fn check(&self, kind: &str, expected: WebhookEventKind, object: &str, reference: Option<&str>) {
        let event = self.stripe.last_event(kind);
        let (headers, body) = self.stripe.webhook(&event);
        let now = self.clock.now();
        let heard = self.provider.verify_webhook(&headers, &body, now).unwrap();
        assert_eq!((heard.kind, heard.object_id.as_str()), (expected, object), "{kind}");
        assert_eq!(heard.reference.as_deref(), reference, "{kind}");
        assert_eq!((heard.id.as_str().into(), heard.created_at), (event["id"].clone(), now));
    }
}

#[tokio::test]
async fn every_event_leads_to_the_object_that_it_is_about() {
    use WebhookEventKind as Kind;
    let world = World::new().await;
    let payment = world.paid().await;
    let ours = Some("top_1");
    world.check("payment_intent.succeeded", Kind::PaymentPaid, &payment, ours);
    world.stripe.finish_capture(&payment);
    world.check("charge.updated", Kind::PaymentPaid, &payment, ours);
    let dispute = world.stripe.dispute(&payment, 5_000, false);
    world.stripe.close_dispute(&dispute, true);
    for kind in ["created", "funds_withdrawn", "funds_reinstated", "closed"] {
        let kind = format!("charge.dispute.{kind}");
        world.check(&kind, Kind::PaymentChargedBack, &payment, None);
    }
    world.provider.transfer(asked("stl_1_1", 700)).await;
    let transfer = world.stripe.transfers()[0]["id"].as_str().unwrap().to_owned();
    world.check("transfer.created", Kind::TransferPaid, &transfer, Some("stl_1_1"));
    world.stripe.reverse_transfer(&transfer, 700);
    world.check("transfer.reversed", Kind::TransferReversed, &transfer, Some("stl_1_1"));
    // Not ours to act on, and still no reason to have it sent again.
    world.stripe.emit_balance_available();
    world.check("balance.available", Kind::Other("balance.available".to_owned()), "", None);
}

#[tokio::test]
async fn a_rolled_secret_is_good_while_both_sign_and_not_after() {
    let world = World::new().await;
    let event = world.stripe.emit_balance_available();
    let renewed = StripeProvider::new(world.stripe.url(), API_KEY, "whsec_new").unwrap();
    let verify = |provider: &StripeProvider| {
        let (headers, body) = world.stripe.webhook(&event);
        provider.verify_webhook(&headers, &body, world.clock.now()).map(|_| ())
    };
    let mismatch = Err(WebhookError::SignatureMismatch);
    assert_eq!((verify(&world.provider), verify(&renewed)), (Ok(()), mismatch.clone()));
    world.stripe.roll_secret("whsec_new", SignedDuration::from_hours(24));
    assert_eq!((verify(&world.provider), verify(&renewed)), (Ok(()), Ok(())));
    world.clock.advance(SignedDuration::from_hours(24)).unwrap();
    assert_eq!((verify(&world.provider), verify(&renewed)), (mismatch, Ok(())));
    // Two endpoints, each with a secret of its own.
    let secrets = format!("{WEBHOOK_SECRET}, whsec_new");
    let both = StripeProvider::new(world.stripe.url(), API_KEY, &secrets).unwrap();
    assert_eq!(verify(&both), Ok(()));
}

#[tokio::test]
async fn only_what_stripe_signed_lately_is_believed() {
    let world = World::new().await;
    let event = world.stripe.emit_balance_available();
    let (headers, body) = world.stripe.webhook(&event);
    let verify = |headers: &HeaderMap, body: &[u8], later_s: i64| {
        let now = world.clock.now() + SignedDuration::from_secs(later_s);
        world.provider.verify_webhook(headers, body, now)
    };
    for (later_s, is_good) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
        let verified = verify(&headers, &body, later_s);
        assert_eq!(verified.is_ok(), is_good, "{later_s} s: {verified:?}");
    }
    let mut changed = body.clone();
    *changed.last_mut().unwrap() = b' ';
    assert_eq!(verify(&headers, &changed, 0), Err(WebhookError::SignatureMismatch));
    assert_eq!(verify(&HeaderMap::new(), &body, 0), Err(WebhookError::SignatureMissing));
    // Only the scheme of the documentation counts: a v0 signature is none.
    let mut v0 = HeaderMap::new();
    let text = headers["stripe-signature"].to_str().unwrap().replace("v1=", "v0=");
    v0.insert("stripe-signature", text.parse().unwrap());
    assert_eq!(verify(&v0, &body, 0), Err(WebhookError::SignatureMalformed));
    let noise = serde_json::json!({ "object": "event" });
    let (headers, body) = world.stripe.webhook(&noise);
    assert!(matches!(verify(&headers, &body, 0), Err(WebhookError::BodyMalformed { .. })));
}
