//! Checkouts, what was paid and what it cost, refunds and disputes.

use platform::provider::{
    Checkout, CheckoutState, NewCheckout, NewRefund, Payment, PaymentStatus, Provider as _,
    ProviderAmount, ProviderError,
};
use testkit::stripe::Fault;

use super::World;

const REFERENCE: &str = "top_1";

/// What Stripe keeps of 5,000: 25 and 1.5 %.
const COST_MINOR: i64 = 100;

fn checkout() -> NewCheckout {
    NewCheckout {
        reference: REFERENCE.to_owned(),
        amount: ProviderAmount::new(5_000, "EUR"),
        description: "Top-up of 50.00 EUR".to_owned(),
        return_url: Some("https://shop.example/wallet?a=1&b=ä".to_owned()),
    }
}

impl World {
    async fn open(&self) -> Checkout {
        self.provider.create_checkout(checkout()).await.unwrap()
    }

    async fn payment(&self, id: &str) -> Payment {
        self.provider.payment(id).await.unwrap().unwrap()
    }

    async fn changed(&self, cursor: &mut Option<String>) -> Vec<Payment> {
        let mut read = Vec::new();
        loop {
            let page = self.provider.payments(cursor.as_deref()).await.unwrap();
            read.extend(page.items);
            *cursor = page.cursor;
            if !page.has_more {
                return read;
            }
        }
    }
}

#[tokio::test]
async fn a_checkout_leads_to_a_payment_with_our_reference_and_its_cost() {
    let world = World::new().await;
    let opened = world.open().await;
    assert!(opened.url.starts_with("https://checkout.stripe.com/"), "{}", opened.url);
    assert_eq!(world.open().await, opened, "asked for again it is the same");
    assert_eq!(world.stripe.sessions().len(), 1);
    let balance = world.stripe.balance("eur");
    let id = world.stripe.pay(&opened.id);
    let paid = Payment {
        id: id.clone(),
        reference: REFERENCE.to_owned(),
        amount: ProviderAmount::new(5_000, "EUR"),
        cost_minor: COST_MINOR,
        refunded_minor: 0,
        charged_back_minor: 0,
        status: PaymentStatus::Paid,
        created_at: world.clock.now(),
    };
    assert_eq!(world.payment(&id).await, paid);
    assert_eq!(world.stripe.balance("eur") - balance, 5_000 - COST_MINOR);
    assert_eq!(world.changed(&mut None).await, [paid]);
    assert_eq!(world.provider.payment("pi_unknown").await, Ok(None));
}

#[tokio::test]
async fn a_checkout_with_other_words_under_its_reference_is_unknown() {
    let world = World::new().await;
    world.open().await;
    let other = NewCheckout { amount: ProviderAmount::new(5_001, "EUR"), ..checkout() };
    let error = world.provider.create_checkout(other).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unknown { .. }), "{error:?}");
    world.stripe.script([Fault::ErrorAfter]);
    let next = NewCheckout { reference: "top_2".to_owned(), ..checkout() };
    for _ in 0..2 {
        let error = world.provider.create_checkout(next.clone()).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unknown { .. }), "{error:?}");
    }
    let nowhere = NewCheckout { return_url: None, reference: "top_3".to_owned(), ..checkout() };
    let error = world.provider.create_checkout(nowhere).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { code, .. } if code == "return_url_missing"));
}

#[tokio::test]
async fn a_checkout_is_open_until_it_is_paid_or_expires() {
    let world = World::new().await;
    let open = world.open().await;
    let state = async |id: &str| world.provider.checkout(id).await.unwrap();
    assert_eq!(state(&open.id).await, Some(CheckoutState::Open));
    // A card that is declined leaves a payment behind, and the page open.
    world.stripe.decline(&open.id);
    assert_eq!(state(&open.id).await, Some(CheckoutState::Open));
    let payment_id = world.stripe.pay(&open.id);
    assert_eq!(state(&open.id).await, Some(CheckoutState::Complete { payment_id }));
    let other = NewCheckout { reference: "top_2".to_owned(), ..checkout() };
    let other = world.provider.create_checkout(other).await.unwrap();
    world.stripe.expire(&other.id);
    assert_eq!(state(&other.id).await, Some(CheckoutState::Expired));
    assert_eq!(state("cs_test_unknown").await, None);
    assert_eq!(state("").await, None);
}

#[tokio::test]
async fn a_payment_counts_only_when_its_cost_is_known() {
    let world = World::new().await;
    let opened = world.open().await;
    let mut cursor = None;
    world.changed(&mut cursor).await;
    let id = world.stripe.pay_in_background(&opened.id);
    let seen = world.changed(&mut cursor).await;
    assert_eq!((seen.len(), seen[0].status), (1, PaymentStatus::Pending));
    world.stripe.finish_capture(&id);
    let seen = world.changed(&mut cursor).await;
    assert_eq!((seen.len(), seen[0].status), (1, PaymentStatus::Paid));
    assert_eq!(seen[0].cost_minor, COST_MINOR);
}

#[tokio::test]
async fn a_declined_card_is_not_the_end_and_a_cancelled_payment_is() {
    let world = World::new().await;
    let opened = world.open().await;
    let id = world.stripe.decline(&opened.id);
    assert_eq!(world.payment(&id).await.status, PaymentStatus::Pending);
    let mut cursor = None;
    world.changed(&mut cursor).await;
    world.stripe.cancel(&id);
    let seen = world.changed(&mut cursor).await;
    assert_eq!((seen.len(), seen[0].status), (1, PaymentStatus::Failed));
    assert_eq!(seen[0].amount.minor, 5_000);
}

#[tokio::test]
async fn what_stripe_converts_is_not_credited_in_the_wrong_currency() {
    let world = World::new().await;
    let opened = world.open().await;
    world.stripe.settle_next_in("usd");
    let id = world.stripe.pay(&opened.id);
    let payment = world.payment(&id).await;
    assert_eq!((payment.status, payment.cost_minor), (PaymentStatus::Pending, 0));
}

#[tokio::test]
async fn a_dispute_takes_back_what_it_took_and_an_inquiry_nothing() {
    let world = World::new().await;
    let opened = world.open().await;
    let id = world.stripe.pay(&opened.id);
    let mut cursor = None;
    world.changed(&mut cursor).await;
    let stands = |payment: &Payment| (payment.status, payment.charged_back_minor);

    world.stripe.dispute(&id, 5_000, true);
    let seen = world.changed(&mut cursor).await;
    assert_eq!(stands(&seen[0]), (PaymentStatus::Paid, 0), "an inquiry");
    let part = world.stripe.dispute(&id, 2_000, false);
    let seen = world.changed(&mut cursor).await;
    assert_eq!(seen.len(), 1, "two events about one payment");
    assert_eq!(stands(&seen[0]), (PaymentStatus::ChargedBack, 2_000));
    assert_eq!((seen[0].amount.minor, seen[0].cost_minor), (5_000, COST_MINOR));
    let rest = world.stripe.dispute(&id, 3_000, false);
    world.stripe.close_dispute(&rest, false);
    let seen = world.changed(&mut cursor).await;
    assert_eq!(stands(&seen[0]), (PaymentStatus::ChargedBack, 5_000));
    world.stripe.close_dispute(&part, true);
    let seen = world.changed(&mut cursor).await;
    assert_eq!(stands(&seen[0]), (PaymentStatus::ChargedBack, 3_000), "one of two was won");
    assert_eq!(world.payment(&id).await, seen[0]);
    assert_eq!(world.changed(&mut None).await, seen, "listed as an object it is the same");
}

#[tokio::test]
async fn a_refund_is_made_once_and_seen_in_the_payment() {
    let world = World::new().await;
    let opened = world.open().await;
    let id = world.stripe.pay(&opened.id);
    let mut cursor = None;
    world.changed(&mut cursor).await;
    let refund = NewRefund {
        reference: "rfd_1".to_owned(),
        payment_id: id.clone(),
        amount: ProviderAmount::new(1_200, "EUR"),
    };
    world.stripe.script([Fault::LoseAnswer]);
    let error = world.provider.refund(refund.clone()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unknown { .. }), "{error:?}");
    let made = world.provider.refund(refund.clone()).await.unwrap();
    assert_eq!((&made.payment_id, made.amount.minor), (&id, 1_200));
    let seen = world.changed(&mut cursor).await;
    assert_eq!((seen[0].refunded_minor, seen[0].status), (1_200, PaymentStatus::Paid));

    let other = NewRefund { amount: ProviderAmount::new(1_201, "EUR"), ..refund.clone() };
    let error = world.provider.refund(other).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unknown { .. }), "the key again: {error:?}");
    let more = NewRefund {
        reference: "rfd_2".to_owned(),
        amount: ProviderAmount::new(3_801, "EUR"),
        ..refund
    };
    let error = world.provider.refund(more).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { ref code, .. } if code == "amount_too_large"));
}

/// Only where Stripe's unit is our minor unit do amounts pass unchanged.
#[tokio::test]
async fn stripes_units_are_the_ledgers() {
    let world = World::new().await;
    // Pages "Zero-decimal currencies" and "Three-decimal currencies"; the rest has two.
    let zero = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF";
    let three = "BHD JOD KWD OMR TND";
    let two = "AED AUD BRL CAD CHF CZK DKK EUR GBP HUF IDR INR ISK MXN NOK PLN SEK SGD TWD USD";
    for (decimals, codes) in [(0, zero), (2, two), (3, three)] {
        for code in codes.split_ascii_whitespace() {
            let ours = code.parse::<ledger::Currency>().unwrap().exponent();
            let checkout = NewCheckout {
                reference: format!("top_{code}"),
                amount: ProviderAmount::new(1_000, code),
                ..checkout()
            };
            let opened = world.provider.create_checkout(checkout).await;
            // UGX is in Stripe's list and a special case at the same time.
            let is_same = ours == decimals && code != "UGX";
            assert_eq!(opened.is_ok(), is_same, "{code}: {opened:?}");
        }
    }
}
