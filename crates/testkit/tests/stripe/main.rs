//! The adapter for Stripe against a server that behaves as Stripe's documentation says.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod listings;
mod payments;
mod transfers;
mod webhooks;

use jiff::Timestamp;
use platform::{
    Clock,
    provider::{NewTransfer, ProviderAmount, StripeProvider, TransferOutcome},
};
use testkit::stripe::{API_KEY, Stripe, WEBHOOK_SECRET};

const ACCOUNT: &str = "acct_merchant";

/// A Stripe account with a balance and one connected account, and the adapter.
struct World {
    clock: Clock,
    stripe: Stripe,
    provider: StripeProvider,
}

impl World {
    async fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_790_000_000).unwrap());
        let stripe = Stripe::start(clock.clone()).await.unwrap();
        stripe.connect(ACCOUNT);
        stripe.add_balance(1_000_000, "eur");
        let provider = StripeProvider::new(stripe.url(), API_KEY, WEBHOOK_SECRET).unwrap();
        Self { clock, stripe, provider }
    }
}

fn asked(reference: &str, minor: i64) -> NewTransfer {
    NewTransfer {
        provider_ref: reference.to_owned(),
        amount: ProviderAmount::new(minor, "EUR"),
        destination: ACCOUNT.to_owned(),
    }
}

/// The outcome in a word, with the code of a refusal.
fn word(outcome: &TransferOutcome) -> &str {
    match outcome {
        TransferOutcome::Paid(_) => "paid",
        TransferOutcome::Pending(_) => "pending",
        TransferOutcome::Failed(_) => "failed",
        TransferOutcome::Reversed(_) => "reversed",
        TransferOutcome::Refused { code, .. } => code,
        TransferOutcome::NotSent { .. } => "not sent",
        TransferOutcome::Unknown { .. } => "unknown",
    }
}
