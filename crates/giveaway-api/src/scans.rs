//! Due times are rows: the loops that look for them, once a second and when woken. Every step
//! compare-and-sets, so it does no harm if more than one instance looks.

use std::{sync::Arc, time::Duration};

use contracts::{lane, method, room};
use durable_grpc::{RawCall, Relay};
use ledger::idempotency;
use platform::{
    outbox::SqlOutbox,
    rooms::{self, Position},
    scan::{Scans, Waker},
};

use crate::{
    actions::{
        commit_draw::commit_due,
        draw_winners::draw_due,
        drive_saga,
        lapse_winners::lapse_winners,
        lifecycle,
        report_counts::report_counts,
        send_withdrawal::send_due,
        sweep_top_ups::sweep_top_ups,
        sweep_withdrawals::sweep_withdrawals,
        take_answers::TakeAnswers,
        take_payments::{sweep_payments, work_off_inbox},
    },
    service::Service,
};

/// Idempotency records removed in one run: a commit that holds nobody up.
const RECORDS_PER_RUN: u32 = 1_000;

/// How often they are looked for.
const RECORDS_EVERY: Duration = Duration::from_secs(60 * 60);

/// How long somebody may have been away and still hear what they missed: who comes later reads the
/// giveaway's page anew.
const NEWS_KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Starts every loop and the relay of the outbox. All of them end with the shutdown.
pub(crate) fn start(service: &Arc<Service>) {
    start_relay(service);
    let wake = &service.wake;
    each(service, "lifecycle", &wake.lifecycle, |service| async move {
        Ok(lifecycle::move_due(&service).await?)
    });
    each(service, "sagas", &wake.sagas, |service| async move { drive_saga::sweep(&service).await });
    each(
        service,
        "winners",
        &wake.winners,
        |service| async move { Ok(lapse_winners(&service).await?) },
    );
    each(service, "draws", &wake.draws, |service| async move {
        let committed = commit_due(&service).await;
        draw_due(&service).await?;
        Ok(committed?)
    });
    each(
        service,
        "counts",
        &wake.counts,
        |service| async move { Ok(report_counts(&service).await?) },
    );
    each(
        service,
        "payments",
        &wake.payments,
        |service| async move { work_off_inbox(&service).await },
    );
    each(service, "rooms", service.db.news(), |service| async move {
        rooms::announce(&service.db, &service.calls, &service.shutdown, announcement).await
    });
    each(service, "withdrawals", &wake.withdrawals, |service| async move {
        Ok(send_due(&service).await?)
    });
    let every = Duration::from_secs(service.config.payment_sweep_seconds.into());
    now_and_then(service, "payment sweep", every, |service| async move {
        sweep_payments(&service).await
    });
    now_and_then(
        service,
        "top-up sweep",
        every,
        |service| async move { sweep_top_ups(&service).await },
    );
    now_and_then(service, "withdrawal sweep", every, |service| async move {
        sweep_withdrawals(&service).await
    });
    now_and_then(service, "old records", RECORDS_EVERY, |service| async move {
        let now = service.clock.now();
        idempotency::sweep(service.db.write(), now, RECORDS_PER_RUN).await?;
        Ok(())
    });
    now_and_then(service, "old news", RECORDS_EVERY, |service| async move {
        let before = service.clock.now_ms() - NEWS_KEPT_MS;
        let batch = u64::from(RECORDS_PER_RUN);
        while rooms::forget(service.db.write(), before, batch).await? == batch {}
        Ok(())
    });
}

/// The call that says which rooms have news.
fn announcement(rooms: Vec<Position>) -> RawCall {
    let positions = rooms.into_iter().map(|at| (at.room, at.seq));
    RawCall::new(lane::REALTIME, method::PUBLISH, room::publication(positions))
}

fn start_relay(service: &Arc<Service>) {
    let source =
        SqlOutbox::new(service.db.clone(), service.clock.clone(), TakeAnswers(service.clone()));
    let relay = Relay::builder(&service.calls, Arc::new(source)).spawn();
    let stop = (service.shutdown.clone(), relay.clone());
    service.shutdown.spawn(async move {
        let (shutdown, relay) = stop;
        shutdown.requested().await;
        relay.shutdown().await;
    });
    // Started once per service; a second start would only find the place taken.
    let _ = service.relay.set(relay);
}

/// A loop over what is due.
fn each<F, Fut>(service: &Arc<Service>, name: &'static str, waker: &Waker, run: F)
where
    F: Fn(Arc<Service>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let scanned = service.clone();
    scans(service).spawn(name, waker.clone(), move || run(scanned.clone()));
}

/// A loop that runs once per period of the service's clock, the first time at once.
fn now_and_then<F, Fut>(service: &Arc<Service>, name: &'static str, every: Duration, run: F)
where
    F: Fn(Arc<Service>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    let mut next_ms = i64::MIN;
    let service = service.clone();
    scans(&service.clone()).spawn(name, Waker::new(), move || {
        let now_ms = service.clock.now_ms();
        let due = now_ms >= next_ms;
        if due {
            next_ms = now_ms.saturating_add(every_ms);
        }
        let run = due.then(|| run(service.clone()));
        async move {
            match run {
                Some(run) => run.await,
                None => Ok(()),
            }
        }
    });
}

fn scans(service: &Service) -> Scans {
    Scans {
        service: "giveaway",
        clock: service.clock.clone(),
        shutdown: service.shutdown.clone(),
        leases: service.roles.leases.clone(),
    }
}
