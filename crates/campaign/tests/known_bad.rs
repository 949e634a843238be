//! The campaign is able to fail: each variant that is wrong on purpose is caught within a few cases.
//!
//! | wrong | caught by |
//! |---|---|
//! | random provider key, no attempt row, timeout taken as failure, a resend's refusal taken as failure, lines released on failure, no tombstone, card issued before the claim | here |
//! | return overtaking confirm | here, together with a giveaway that can be cancelled before its confirms were answered: either rule alone prevents it |
//! | no compare-and-set | here, on PostgreSQL: one writer at a time, as on SQLite, makes load-decide-save serial |
//! | waiter registered after submit, unfenced finish | the fault tests of durable-grpc |
#![cfg(feature = "known-bad")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use campaign::{
    Engine,
    campaign::{Plan, Tally, Until, run},
    flows::Flow,
    known_bad::Variant,
};
use giftcard_api::KnownBad as Giftcard;
use giveaway_api::KnownBad as Giveaway;

/// Cases of pairs and of chance; the first that shows it is the last.
const CASES: u64 = 300;

async fn caught(engine: Engine, variant: Variant, flow: Flow) {
    let plan = Plan {
        flows: vec![flow],
        // What is wrong shows without most of them, but for calls that overtake each other.
        singles: matches!(variant, Variant::Giveaway(_) | Variant::Giftcard(_)).then_some(20),
        variant: Some(variant),
        // What is stuck because of it is caught too, and need not be waited for.
        patience: Duration::from_secs(20),
        ..Plan::new(engine, 7, Until::Cases(CASES))
    };
    let tally = Tally::default();
    run(&plan, &tally, |_| {}).await.unwrap();
    let outcome = tally.take();
    let failure = outcome.failure.unwrap_or_else(|| panic!("{variant:?} is not caught"));
    assert!(!failure.wrong.is_empty());
}

macro_rules! each_is_caught {
    ($($name:ident: $variant:expr, $flow:ident;)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            caught(Engine::Sqlite, $variant, Flow::$flow).await;
        }
    )+};
}

each_is_caught! {
    a_random_provider_key: Variant::Giftcard(Giftcard::RandomProviderKey), Settle;
    no_attempt_row: Variant::Giftcard(Giftcard::NoAttemptRow), Settle;
    a_timeout_taken_as_failure: Variant::Giftcard(Giftcard::TimeoutTakenAsFailure), Settle;
    a_resends_refusal_taken_as_failure: Variant::Giftcard(Giftcard::ResendRefusalTaken), Settle;
    lines_released_on_failure: Variant::Giftcard(Giftcard::LinesReleasedOnFailure), Settle;
    no_tombstone: Variant::Giftcard(Giftcard::NoTombstone), Publish;
    a_return_that_overtakes_a_confirm:
        Variant::Both(Giveaway::ScheduledBeforeConfirmed, Giftcard::ReturnOvertakesConfirm), Refund;
    a_card_before_the_claim: Variant::Giveaway(Giveaway::CardBeforeClaim), Expiry;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_compare_and_set() {
    // As everywhere: on PostgreSQL when a server is named.
    if std::env::var(testkit::POSTGRES_ENV).is_ok_and(|url| !url.is_empty()) {
        caught(Engine::Postgres, Variant::Giftcard(Giftcard::NoCompareAndSet), Flow::Redeem).await;
    }
}
