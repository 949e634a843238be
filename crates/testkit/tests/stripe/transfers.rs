//! Sends, resends and look-ups.

use std::time::Duration;

use jiff::SignedDuration;
use platform::provider::{
    NewTransfer, Provider as _, ProviderAmount, ProviderError, StripeProvider, TransferOutcome,
    TransferStatus,
};
use testkit::stripe::{API_KEY, Fault, WEBHOOK_SECRET};

use super::{ACCOUNT, World, asked, word};

const REFERENCE: &str = "stl_1_1";

#[tokio::test]
async fn a_transfer_is_sent_as_the_documentation_says() {
    let world = World::new().await;
    let sent = world.provider.transfer(asked(REFERENCE, 1_250)).await;
    let TransferOutcome::Paid(transfer) = sent else { panic!("{sent:?}") };
    assert!(transfer.matches(&asked(REFERENCE, 1_250)));
    assert_eq!(transfer.created_at, world.clock.now());
    assert_eq!(world.stripe.balance("eur"), 1_000_000 - 1_250);
    let found = world.provider.transfer_by_reference(REFERENCE).await.unwrap();
    assert_eq!(found.as_ref(), Some(&transfer));

    let seen = &world.stripe.seen()[0];
    let params: Vec<_> = seen.params.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        params,
        [
            ("amount", "1250"),
            ("currency", "eur"),
            ("destination", ACCOUNT),
            ("transfer_group", REFERENCE),
            ("metadata[reference]", REFERENCE),
        ]
    );
    assert_eq!(seen.headers["idempotency-key"], REFERENCE);
    assert_eq!(seen.headers["authorization"], format!("Bearer {API_KEY}"));
    assert_eq!(seen.headers["stripe-version"], "2025-04-30.basil");
}

#[tokio::test]
async fn a_repeat_within_the_keys_life_is_the_same_transfer() {
    let world = World::new().await;
    let first = world.provider.transfer(asked(REFERENCE, 700)).await;
    world.clock.advance(SignedDuration::from_hours(23)).unwrap();
    assert_eq!(world.provider.transfer(asked(REFERENCE, 700)).await, first);
    assert_eq!(world.stripe.transferred_minor(), 700);
}

#[tokio::test]
async fn after_the_keys_life_a_send_moves_money_again_and_the_look_up_says_so() {
    let world = World::new().await;
    world.provider.transfer(asked(REFERENCE, 700)).await;
    world.clock.advance(SignedDuration::from_hours(24)).unwrap();
    assert_eq!(word(&world.provider.transfer(asked(REFERENCE, 700)).await), "paid");
    assert_eq!(world.stripe.transferred_minor(), 1_400, "why an old attempt is only looked up");
    let error = world.provider.transfer_by_reference(REFERENCE).await.unwrap_err();
    assert_eq!(error, ProviderError::Ambiguous { reference: REFERENCE.to_owned(), count: 2 });
}

#[tokio::test]
async fn an_answer_that_does_not_come_proves_nothing_and_the_look_up_finds_out() {
    for (fault, moved) in [
        (Fault::LoseRequest, false),
        (Fault::LoseAnswer, true),
        (Fault::BadGateway, true),
        (Fault::Garbled, true),
        (Fault::ErrorBefore, false),
        (Fault::ErrorAfter, true),
        (Fault::LockTimeout, false),
    ] {
        let world = World::new().await;
        world.stripe.script([fault]);
        let sent = world.provider.transfer(asked(REFERENCE, 700)).await;
        assert_eq!(word(&sent), "unknown", "{fault:?}: {sent:?}");
        let found = world.provider.transfer_by_reference(REFERENCE).await.unwrap();
        assert_eq!(found.is_some(), moved, "{fault:?}");
        if let Some(found) = found {
            assert!(found.matches(&asked(REFERENCE, 700)));
            assert_eq!(found.status, TransferStatus::Paid);
        }
    }
}

#[tokio::test]
async fn a_stored_500_is_replayed_and_stays_unknown_whether_money_moved_or_not() {
    for (fault, moved) in [(Fault::ErrorBefore, 0), (Fault::ErrorAfter, 700)] {
        let world = World::new().await;
        world.stripe.script([fault]);
        world.provider.transfer(asked(REFERENCE, 700)).await;
        let replayed = world.provider.transfer(asked(REFERENCE, 700)).await;
        let TransferOutcome::Unknown { reason } = &replayed else { panic!("{replayed:?}") };
        assert!(reason.contains("replayed"), "{reason}");
        assert_eq!(world.stripe.transferred_minor(), moved);
    }
}

#[tokio::test]
async fn a_key_with_other_parameters_is_never_a_refusal() {
    let world = World::new().await;
    world.stripe.script([Fault::LoseAnswer]);
    world.provider.transfer(asked(REFERENCE, 700)).await;
    let others = [
        asked(REFERENCE, 701),
        NewTransfer { amount: ProviderAmount::new(700, "USD"), ..asked(REFERENCE, 700) },
        NewTransfer { destination: "acct_other".to_owned(), ..asked(REFERENCE, 700) },
    ];
    for other in others {
        let sent = world.provider.transfer(other).await;
        let TransferOutcome::Unknown { reason } = &sent else { panic!("{sent:?}") };
        assert!(reason.contains("idempotency_error"), "{reason}");
    }
    assert_eq!(world.stripe.transferred_minor(), 700);
}

#[tokio::test]
async fn two_sends_at_a_time_are_one_transfer_and_neither_is_refused() {
    let world = World::new().await;
    world.stripe.script([Fault::Hold]);
    let first = world.provider.transfer(asked(REFERENCE, 700));
    let meanwhile = async {
        world.stripe.holding().await;
        let second = world.provider.transfer(asked(REFERENCE, 700)).await;
        world.stripe.release().await;
        second
    };
    let (first, second) = tokio::join!(first, meanwhile);
    let TransferOutcome::Unknown { reason } = &second else { panic!("{second:?}") };
    assert!(reason.contains("409") && reason.contains("idempotency_key_in_use"), "{reason}");
    assert_eq!(word(&first), "paid");
    assert_eq!(world.provider.transfer(asked(REFERENCE, 700)).await, first);
    assert_eq!(world.stripe.transferred_minor(), 700);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_unknown_and_stored_all_the_same() {
    let world = World::new().await;
    world.stripe.script([Fault::Hold]);
    let impatient = StripeProvider::new(world.stripe.url(), API_KEY, WEBHOOK_SECRET)
        .unwrap()
        .with_answer_timeout(Duration::from_secs(1));
    let (sent, ()) =
        tokio::join!(impatient.transfer(asked(REFERENCE, 700)), world.stripe.holding());
    assert_eq!(word(&sent), "unknown");
    // Stripe goes on when a client hangs up.
    world.stripe.release().await;
    assert_eq!(word(&world.provider.transfer(asked(REFERENCE, 700)).await), "paid");
    assert_eq!(world.stripe.transferred_minor(), 700);
}

#[tokio::test]
async fn what_stripe_refuses_did_not_happen() {
    let world = World::new().await;
    let cases = [
        (asked("stl_2_1", 1_000_001), "balance_insufficient"),
        (
            NewTransfer { destination: "acct_other".to_owned(), ..asked("stl_3_1", 1) },
            "resource_missing",
        ),
        (asked("stl_4_1", 0), "parameter_invalid_integer"),
    ];
    for (asked, code) in cases {
        assert_eq!(word(&world.provider.transfer(asked).await), code);
    }
    for (fault, code) in
        [(Fault::RateLimit, "rate_limit"), (Fault::Forbidden, "more_permissions_required")]
    {
        world.stripe.script([fault]);
        assert_eq!(word(&world.provider.transfer(asked(code, 700)).await), code);
        // Not stored: the same key goes through when the obstacle is gone.
        assert_eq!(word(&world.provider.transfer(asked(code, 700)).await), "paid");
    }
    let stranger = StripeProvider::new(world.stripe.url(), "sk_test_revoked", "whsec_1").unwrap();
    let sent = stranger.transfer(asked("stl_5_1", 700)).await;
    assert_eq!(word(&sent), "invalid_request_error");
    assert_eq!(world.stripe.transferred_minor(), 1_400);
}

#[tokio::test]
async fn a_stored_refusal_is_replayed_after_its_cause_is_gone() {
    let world = World::new().await;
    assert_eq!(
        word(&world.provider.transfer(asked(REFERENCE, 1_000_001)).await),
        "balance_insufficient"
    );
    world.stripe.add_balance(1_000_000, "eur");
    assert_eq!(
        word(&world.provider.transfer(asked(REFERENCE, 1_000_001)).await),
        "balance_insufficient"
    );
    // A new attempt has a new reference, hence a new key.
    assert_eq!(word(&world.provider.transfer(asked("stl_1_2", 1_000_001)).await), "paid");
}

#[tokio::test]
async fn only_what_came_back_as_a_whole_is_reversed() {
    let world = World::new().await;
    let sent = world.provider.transfer(asked(REFERENCE, 700)).await;
    let TransferOutcome::Paid(transfer) = sent else { panic!("{sent:?}") };
    for (minor, status) in [(300, TransferStatus::Paid), (400, TransferStatus::Reversed)] {
        world.stripe.reverse_transfer(&transfer.id, minor);
        let found = world.provider.transfer_by_reference(REFERENCE).await.unwrap().unwrap();
        assert_eq!(found.status, status);
    }
}
