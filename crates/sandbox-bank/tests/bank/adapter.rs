//! The platform's provider adapter against this bank: the port's promises hold over the wire.

use std::time::Duration;

use platform::provider::{
    CheckoutState, NewCheckout, NewRefund, NewTransfer, PaymentStatus, Provider, ProviderAmount,
    ProviderError, SandboxProvider, TransferOutcome, TransferStatus,
};
use sandbox_bank::{Fault, FaultOrder, Target};

use crate::support::{API_KEY, ManualClock, RunningBank, WEBHOOK_SECRET};

fn provider_of(bank: &RunningBank) -> SandboxProvider {
    SandboxProvider::new(&bank.base, API_KEY, WEBHOOK_SECRET).unwrap()
}

fn settlement(provider_ref: &str) -> NewTransfer {
    NewTransfer {
        provider_ref: provider_ref.to_owned(),
        amount: ProviderAmount::new(1_250, "USD"),
        destination: "acct_1".to_owned(),
    }
}

#[tokio::test]
async fn a_checkout_is_open_until_it_is_paid_or_a_day_has_passed() {
    let clock = ManualClock::new();
    let bank = RunningBank::start_with(|config| config.clock = clock.clock()).await;
    let (provider, api) = (provider_of(&bank), bank.api());
    let (paid, left) =
        (api.open_checkout("top_1", 500).await, api.open_checkout("top_2", 500).await);
    let state = async |id: &str| provider.checkout(id).await.unwrap();
    assert_eq!(state(&paid).await, Some(CheckoutState::Open));
    clock.advance(Duration::from_secs(24 * 3_600 - 1));
    let payment = api.post(&format!("/v1/test/checkouts/{paid}/pay")).await.expect(200);
    let payment_id = payment["id"].as_str().unwrap().to_owned();
    assert_eq!(state(&left).await, Some(CheckoutState::Open));
    clock.advance(Duration::from_secs(1));
    assert_eq!(state(&paid).await, Some(CheckoutState::Complete { payment_id }));
    assert_eq!(state(&left).await, Some(CheckoutState::Expired));
    let late = api.post(&format!("/v1/test/checkouts/{left}/pay")).await;
    assert_eq!(late.code(), "transition_not_allowed");
    late.expect(409);
    assert!(provider.payments(None).await.unwrap().items.len() == 1);
    assert_eq!(state("cko_none").await, None);
}

#[tokio::test]
async fn a_top_up_from_checkout_to_chargeback() {
    let bank = RunningBank::start_with(|config| config.cost_fixed_minor = 30).await;
    let (provider, api) = (provider_of(&bank), bank.api());
    let checkout = NewCheckout {
        reference: "top_1".to_owned(),
        amount: ProviderAmount::new(5_000, "USD"),
        description: String::new(),
        return_url: Some("http://127.0.0.1:5000/wallet".to_owned()),
    };
    let opened = provider.create_checkout(checkout.clone()).await.unwrap();
    assert_eq!(provider.create_checkout(checkout).await.unwrap(), opened);
    assert!(provider.payments(None).await.unwrap().items.is_empty());

    api.post(&format!("/v1/test/checkouts/{}/pay", opened.id)).await.expect(200);
    let page = provider.payments(None).await.unwrap();
    let [payment] = page.items.as_slice() else { panic!("one payment: {page:?}") };
    assert_eq!((payment.reference.as_str(), payment.cost_minor), ("top_1", 30));
    assert_eq!(payment.status, PaymentStatus::Paid);
    assert_eq!(provider.payment(&payment.id).await.unwrap().as_ref(), Some(payment));
    assert_eq!(provider.payment("pay_none").await, Ok(None));

    let refund = NewRefund {
        reference: "rfd_1".to_owned(),
        payment_id: payment.id.clone(),
        amount: ProviderAmount::new(1_000, "USD"),
    };
    let made = provider.refund(refund.clone()).await.unwrap();
    assert_eq!(provider.refund(refund.clone()).await.unwrap(), made);
    let too_much = NewRefund {
        reference: "rfd_2".to_owned(),
        amount: ProviderAmount::new(4_001, "USD"),
        ..refund
    };
    let error = provider.refund(too_much).await.unwrap_err();
    let code = "refund_exceeds_payment";
    assert!(matches!(&error, ProviderError::Refused { code: c, .. } if c == code), "{error:?}");

    api.post(&format!("/v1/test/payments/{}/chargeback", payment.id)).await.expect(200);
    let page = provider.payments(page.cursor.as_deref()).await.unwrap();
    assert_eq!(page.items[0].status, PaymentStatus::ChargedBack);
    assert_eq!(page.items[0].charged_back_minor, 4_000);
    let end = provider.payments(page.cursor.as_deref()).await.unwrap();
    assert_eq!((end.items.len(), end.cursor), (0, page.cursor));
}

#[tokio::test]
async fn each_fault_leaves_the_outcome_that_it_proves() {
    let bank = RunningBank::start().await;
    let (provider, api) = (provider_of(&bank), bank.api());
    // Fault; outcome of the send; whether a look-up finds it; outcome of the resend.
    for (number, (fault, send, is_found, resend)) in [
        (Fault::Slow, "paid", true, "paid"),
        (Fault::TimeoutAfterSuccess, "unknown", true, "paid"),
        (Fault::CloseBeforeEffect, "unknown", false, "paid"),
        (Fault::CloseAfterSuccess, "unknown", true, "paid"),
        (Fault::ErrorBeforeEffect, "unknown", false, "paid"),
        (Fault::ErrorAfterEffect, "unknown", true, "paid"),
        (Fault::Refuse, "refused", false, "paid"),
        (Fault::RateLimit, "refused", false, "paid"),
        (Fault::StoredErrorBeforeEffect, "unknown", false, "unknown"),
        (Fault::StoredErrorAfterEffect, "unknown", true, "unknown"),
        // The refusal says nothing about the first send, which did move the money.
        (Fault::RefuseResend, "unknown", false, "refused"),
    ]
    .into_iter()
    .enumerate()
    {
        let provider_ref = format!("stl_{number}_1");
        let order = FaultOrder::once(fault).on(Target::Transfers);
        let is_late = matches!(fault, Fault::Slow | Fault::TimeoutAfterSuccess);
        api.order_fault(if is_late { order.delayed_by_ms(1) } else { order }).await;
        assert_eq!(kind_of(provider.transfer(settlement(&provider_ref)).await), send, "{fault:?}");
        let found = provider.transfer_by_reference(&provider_ref).await.unwrap();
        assert_eq!(found.is_some(), is_found, "{fault:?}");
        let again = provider.transfer(settlement(&provider_ref)).await;
        assert_eq!(kind_of(again), resend, "{fault:?}");
        let moved = api.kinds(&provider_ref).await.len();
        assert_eq!(moved, usize::from(fault != Fault::StoredErrorBeforeEffect), "{fault:?}");
    }
    let changed = NewTransfer { amount: ProviderAmount::new(1, "USD"), ..settlement("stl_0_1") };
    let outcome = provider.transfer(changed).await;
    assert_eq!(kind_of(outcome), "unknown", "the key's first request did happen");

    api.order_fault(FaultOrder::once(Fault::ErrorBeforeEffect).on(Target::Reads)).await;
    let error = provider.transfer_by_reference("stl_0_1").await.unwrap_err();
    assert!(matches!(error, ProviderError::Unknown { .. }), "{error:?}");
}

#[tokio::test]
async fn transfers_are_followed_by_listing() {
    let bank = RunningBank::start().await;
    let (provider, api) = (provider_of(&bank), bank.api());
    api.order_fault(FaultOrder::once(Fault::PendingThenFailed).delayed_by_ms(3_600_000)).await;
    let TransferOutcome::Pending(transfer) = provider.transfer(settlement("stl_1_1")).await else {
        panic!("pending first");
    };
    let page = provider.transfers(None).await.unwrap();
    let fail = format!("/v1/test/transfers/{}/fail", transfer.id);
    assert_eq!(page.items, [transfer]);
    api.post(&fail).await.expect(200);
    let page = provider.transfers(page.cursor.as_deref()).await.unwrap();
    assert_eq!(page.items[0].status, TransferStatus::Failed);
    assert_eq!(page.items[0].failure_code.as_deref(), Some("destination_rejected"));
    assert!(page.items[0].matches(&settlement("stl_1_1")));
}

#[tokio::test]
async fn a_bank_that_is_down_was_sent_nothing() {
    let bank = RunningBank::start().await;
    let provider = provider_of(&bank);
    bank.stop_token().cancel();
    bank.served().await;
    assert_eq!(kind_of(provider.transfer(settlement("stl_1_1")).await), "not sent");
}

#[tokio::test]
async fn wrong_credentials_are_a_refusal_of_this_send() {
    let bank = RunningBank::start().await;
    let provider = SandboxProvider::new(&bank.base, "sk_revoked", WEBHOOK_SECRET).unwrap();
    assert_eq!(kind_of(provider.transfer(settlement("stl_1_1")).await), "refused");
    assert!(bank.api().log().await.is_empty());
}

fn kind_of(outcome: TransferOutcome) -> &'static str {
    match outcome {
        TransferOutcome::Paid(_) => "paid",
        TransferOutcome::Pending(_) => "pending",
        TransferOutcome::Failed(_) => "failed",
        TransferOutcome::Reversed(_) => "reversed",
        TransferOutcome::Refused { .. } => "refused",
        TransferOutcome::NotSent { .. } => "not sent",
        TransferOutcome::Unknown { .. } => "unknown",
    }
}
