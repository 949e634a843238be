//! What the provider pushes: a row first, for ever, then a look at the provider's own object. An
//! event says only what to look at; it proves nothing about money.

use http::HeaderMap;
use platform::provider::{WebhookError, WebhookEventKind};

use super::observe_transfer::record;
use crate::{
    error::Result,
    service::Service,
    store::inbox::{self, ProviderEvent},
};

/// Events acted on in one run of the scan.
const EVENTS_PER_RUN: u64 = 100;

/// How long to wait before looking again when the provider does not answer.
const LOOK_AGAIN_MS: i64 = 5_000;

/// Takes in what the provider pushed, as it was received. Answered with success also when it was
/// received before or does not concern us, or it would be pushed again.
///
/// # Errors
/// The inner result: it was not signed by the provider.
pub(crate) async fn receive(
    service: &Service,
    headers: &HeaderMap,
    raw_body: &[u8],
) -> Result<Result<(), WebhookError>> {
    let now = service.clock.now();
    let event = match service.provider.verify_webhook(headers, raw_body, now) {
        Ok(event) => event,
        Err(error) => return Ok(Err(error)),
    };
    let concerns_us = matches!(
        event.kind,
        WebhookEventKind::TransferPaid
            | WebhookEventKind::TransferFailed
            | WebhookEventKind::TransferReversed
    );
    let now_ms = now.as_millisecond();
    let row = ProviderEvent {
        id: event.id,
        object_id: event.object_id,
        reference: event.reference.filter(|_| concerns_us),
        received_at: now_ms,
        handled_at: (!concerns_us).then_some(now_ms),
        due_at: now_ms,
    };
    if inbox::insert(service.db.write(), row).await? {
        service.wakers.inbox.wake();
    }
    Ok(Ok(()))
}

/// Acts on the events that were not acted on yet.
///
/// # Errors
/// When the database fails; what is not handled stays due.
pub(crate) async fn handle_due(service: &Service) -> Result<()> {
    for event in inbox::due(service.db.read(), service.now_ms(), EVENTS_PER_RUN).await? {
        let handled = match &event.reference {
            // A transfer without our reference is found by the sweep of the provider's list.
            None => true,
            // One event that cannot be acted on must not hold up those behind it.
            Some(reference) => look_at(service, reference).await.unwrap_or_else(|error| {
                tracing::error!(reference, error = format!("{error:#}"), "event is put off");
                false
            }),
        };
        let now_ms = service.now_ms();
        if handled {
            inbox::handled(service.db.write(), &event.id, now_ms).await?;
        } else {
            inbox::put_off(service.db.write(), &event.id, now_ms + LOOK_AGAIN_MS).await?;
        }
    }
    Ok(())
}

async fn look_at(service: &Service, reference: &str) -> Result<bool> {
    match service.provider.transfer_by_reference(reference).await {
        Ok(Some(transfer)) => {
            record(service, &transfer).await?;
            Ok(true)
        }
        // It will show up in the list, or the event was about nothing of ours.
        Ok(None) => Ok(true),
        Err(error) => {
            tracing::warn!(reference, %error, "the transfer of an event cannot be looked up yet");
            Ok(false)
        }
    }
}
