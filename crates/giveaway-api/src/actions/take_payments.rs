//! Payments at the provider become money in a wallet: once per payment, and only when the provider's
//! own object says that it is paid. What a webhook says, also of a withdrawal, is only where to look.

use anyhow::Context as _;
use http::HeaderMap;
use ledger::Posting;
use platform::provider::{Payment, WebhookEventKind};

use super::{host_debt, observe_withdrawal};
use crate::{
    domain::{
        books,
        top_up::{Meaning, TopUpState, meaning},
        withdrawal::REFERENCE_PREFIX,
    },
    error::{Error, Result},
    ids::{HostId, TopUpId},
    service::Service,
    store::{charge_back, host, inbox, suspense, top_up},
};

/// Webhooks worked off at a time.
const INBOX_BATCH: u64 = 100;

/// Pages of the provider's list read in one sweep; a longer list is read on by the next.
const PAGES_PER_SWEEP: usize = 50;

/// The kind of an event about a transfer; its object is our reference.
const TRANSFER: &str = "transfer";

/// The sweep's name among the cursors.
const SWEEP: &str = "payments";

/// Keeps what the provider told us, and wakes the scan that looks. The raw body is what was signed.
///
/// # Errors
/// A body that the provider did not sign, or not recently.
pub async fn receive_webhook(service: &Service, headers: &HeaderMap, body: &[u8]) -> Result<()> {
    let now = service.clock.now();
    let event = service.provider.verify_webhook(headers, body, now).map_err(|error| {
        tracing::warn!(%error, "a webhook was rejected");
        Error::state("webhook_rejected", "the signature is not valid")
    })?;
    let (kind, object) = match &event.kind {
        WebhookEventKind::PaymentPaid => ("payment_paid", event.object_id),
        WebhookEventKind::PaymentChargedBack => ("payment_charged_back", event.object_id),
        WebhookEventKind::TransferPaid
        | WebhookEventKind::TransferFailed
        | WebhookEventKind::TransferReversed => {
            // Kept by our reference, which we know before the provider has an id for it. One that says
            // none is found by the sweep; all others are settlements.
            match event.reference.filter(|reference| reference.starts_with(REFERENCE_PREFIX)) {
                Some(reference) => (TRANSFER, reference),
                None => return Ok(()),
            }
        }
        WebhookEventKind::Other(_) => return Ok(()),
    };
    inbox::insert(service.db.write(), event.id, kind, object, now).await?;
    service.wake.payments.wake();
    Ok(())
}

/// Works off what webhooks brought. A payment that cannot be looked at now is looked at again.
///
/// # Errors
/// When the database fails.
pub async fn work_off_inbox(service: &Service) -> anyhow::Result<()> {
    for event in inbox::waiting(service.db.read(), INBOX_BATCH).await? {
        let taken = match event.kind.as_str() {
            TRANSFER => take_transfer(service, &event.object_id).await,
            _ => take_by_id(service, &event.object_id).await,
        };
        match taken {
            Ok(()) => {
                inbox::handled(service.db.write(), &event.event_id, service.clock.now()).await?;
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(object = event.object_id, error, "an event could not be taken yet");
            }
        }
    }
    Ok(())
}

/// Reads the provider's list from where the last sweep ended: what webhooks lost is found here.
///
/// # Errors
/// When the provider does not answer or the database fails; the next sweep goes on from there.
pub async fn sweep_payments(service: &Service) -> anyhow::Result<()> {
    let mut position = inbox::position(service.db.read(), SWEEP).await?;
    for _ in 0..PAGES_PER_SWEEP {
        let page = service.provider.payments(position.as_deref()).await?;
        for payment in &page.items {
            take(service, payment).await.with_context(|| format!("payment {}", payment.id))?;
        }
        if let Some(cursor) = page.cursor.filter(|cursor| position.as_ref() != Some(cursor)) {
            inbox::set_position(service.db.write(), SWEEP, cursor.clone()).await?;
            position = Some(cursor);
        }
        if !page.has_more {
            break;
        }
    }
    Ok(())
}

async fn take_transfer(service: &Service, reference: &str) -> anyhow::Result<()> {
    match service.provider.transfer_by_reference(reference).await? {
        Some(transfer) => Ok(observe_withdrawal::record(service, &transfer).await?),
        None => {
            tracing::warn!(reference, "the provider does not know a transfer it told of");
            Ok(())
        }
    }
}

/// Takes what the provider says of a payment now.
pub(super) async fn take_by_id(service: &Service, payment_id: &str) -> anyhow::Result<()> {
    match service.provider.payment(payment_id).await? {
        Some(payment) => take(service, &payment).await,
        None => {
            tracing::warn!(payment = payment_id, "the provider does not know a payment it told of");
            Ok(())
        }
    }
}

/// Takes what a payment means, once.
async fn take(service: &Service, payment: &Payment) -> anyhow::Result<()> {
    let meaning = match meaning(payment) {
        Ok(Meaning::Nothing) => return Ok(()),
        Ok(meaning) => meaning,
        // Not an error of the sweep: the same object would stop it for ever.
        Err(problem) => {
            tracing::error!(payment = payment.id, problem, "the provider's payment cannot be");
            return Ok(());
        }
    };
    let taken_back = payment.charged_back_minor.saturating_add(payment.refunded_minor);
    if top_up::is_posted(service.db.read(), &payment.id).await?
        && charge_back::so_far(service.db.read(), &payment.id).await? >= taken_back
    {
        return Ok(());
    }
    let now = service.clock.now();
    let tx = service.db.begin("take_payment").await?;
    let reference = payment.reference.parse::<TopUpId>().ok();
    let found = match reference {
        Some(id) => top_up::lock(&tx, id).await?,
        None => None,
    };
    match meaning {
        Meaning::Nothing => {}
        Meaning::Failed => {
            if let Some(row) = found {
                let (id, from, to) = (TopUpId(row.id), TopUpState::Pending, TopUpState::Failed);
                top_up::advance(&tx, id, from, to, "the payment failed", now).await?;
            }
        }
        Meaning::Received { gross, cost_minor } => {
            let found = found.filter(|row| row.currency == gross.currency.as_str());
            let id = found.as_ref().map(|row| TopUpId(row.id));
            if let Some(row) = &found {
                host::lock(&tx, HostId(row.host_id)).await?;
            }
            let is_new =
                top_up::insert_payment(&tx, &payment.id, id, gross, cost_minor, now).await?;
            let posting = match &found {
                _ if !is_new => None,
                Some(row) => {
                    credit(&tx, row, now).await?;
                    let host = HostId(row.host_id);
                    Some(books::top_up(service.mode(), host, &payment.id, gross, cost_minor))
                }
                None => Some(unmatched(service, payment, gross, cost_minor)),
            };
            let mut payee = found.map(|row| HostId(row.host_id));
            if let Some(posting) = posting {
                ledger::post(&tx, &posting, now).await?;
                if let Some(host) = payee {
                    host_debt::repay(service, &tx, host, (posting.op_id, gross), now).await?;
                }
            }
            if payee.is_none() {
                // Whoever assigns it at this moment, or has, decides whose loss it is.
                suspense::lock_payment(&tx, &payment.id).await?;
                payee = suspense::host_of(&tx, &payment.id).await?;
            }
            host_debt::take_back(service, &tx, payee, payment, gross, now).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

async fn credit(tx: &platform::Tx, row: &top_up::Model, now: jiff::Timestamp) -> Result<()> {
    let from = row.state()?;
    // A checkout can be paid twice; the second payment is the host's money all the same.
    if from.may_become(TopUpState::Paid) {
        top_up::advance(tx, TopUpId(row.id), from, TopUpState::Paid, "the provider says paid", now)
            .await?;
    }
    Ok(())
}

fn unmatched(
    service: &Service,
    payment: &Payment,
    gross: ledger::Money,
    cost_minor: i64,
) -> Posting {
    tracing::error!(payment = payment.id, %gross, "a payment belongs to no top-up of ours");
    books::unmatched(service.mode(), &payment.id, gross, cost_minor)
}
