//! The loops that look for what is due. Due times are rows, so whatever a crash left undone is
//! found by the next run; a wake-up only makes it prompt.

use contracts::{lane, method, room};
use durable_grpc::{Calls, RawCall};
use platform::{
    Shutdown,
    rooms::{self, Position},
    scan::{Scans, Waker},
};

use crate::{
    actions::{
        end_authorisation::expire_authorisations, expire_cards::expire_cards, forget_keys,
        resolve_escrows, send_settlement, settle_all, sweep_transfers, take_events,
        void_card::void_closed,
    },
    error::Result,
    service::{Service, Shared},
    store::schedule,
};

/// Starts every scan. They end with the shutdown.
pub(crate) fn spawn(service: &Shared, calls: &Calls, shutdown: &Shutdown) {
    let scans = Scans {
        service: "giftcard",
        clock: service.clock.clone(),
        shutdown: shutdown.clone(),
        leases: service.roles.leases.clone(),
    };
    let wakers = &service.wakers;
    each(
        service,
        &scans,
        "settlements",
        wakers.settlements.clone(),
        |service: Shared| async move { send_settlement::send_due(&service).await },
    );
    each(service, &scans, "provider events", wakers.inbox.clone(), |service: Shared| async move {
        take_events::handle_due(&service).await
    });
    each(service, &scans, "settlement schedule", Waker::new(), |service: Shared| async move {
        scheduled(&service).await
    });
    each(service, &scans, "old escrows", Waker::new(), |service: Shared| async move {
        resolve_escrows::ask(&service).await
    });
    let (announced, calls, stop) = (service.clone(), calls.clone(), shutdown.clone());
    scans.spawn("rooms", service.db.news().clone(), move || {
        let (service, calls, stop) = (announced.clone(), calls.clone(), stop.clone());
        async move { rooms::announce(&service.db, &calls, &stop, announcement).await }
    });
    each(service, &scans, "voids", wakers.voids.clone(), |service: Shared| async move {
        void_closed(&service).await
    });
    each(service, &scans, "expiry", Waker::new(), |service: Shared| async move {
        expire_authorisations(&service).await?;
        expire_cards(&service).await
    });
}

/// The call that says which rooms have news.
fn announcement(rooms: Vec<Position>) -> RawCall {
    let positions = rooms.into_iter().map(|at| (at.room, at.seq));
    RawCall::new(lane::REALTIME, method::PUBLISH, room::publication(positions))
}

/// What has a period of its own: each period is claimed by one instance.
async fn scheduled(service: &Service) -> Result<()> {
    let config = &service.config.settlement;
    let sweep_ms = i64::from(config.sweep_seconds) * 1_000;
    // The first sweep comes at once: what the provider shows may be what a crash left behind.
    if is_due(service, sweep_transfers::NAME, (0, sweep_ms)).await? {
        sweep_transfers::sweep_transfers(service).await?;
    }
    let every_ms = i64::from(config.every_seconds) * 1_000;
    if every_ms > 0 && is_due(service, settle_all::NAME, (every_ms, every_ms)).await? {
        settle_all::settle_all(service).await?;
    }
    if is_due(service, forget_keys::NAME, (0, forget_keys::EVERY_MS)).await? {
        forget_keys::forget_keys(service).await?;
    }
    Ok(())
}

/// Claims a period of some work. `first_ms` is how long the very first one lasts.
async fn is_due(
    service: &Service,
    name: &'static str,
    (first_ms, every_ms): (i64, i64),
) -> Result<bool> {
    let now_ms = service.now_ms();
    Ok(schedule::claim(service.db.write(), name, now_ms, (first_ms, every_ms)).await?)
}

fn each<F, Fut>(service: &Shared, scans: &Scans, name: &'static str, waker: Waker, work: F)
where
    F: Fn(Shared) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let shared = service.clone();
    scans.spawn(name, waker, move || {
        let (shared, work) = (shared.clone(), work.clone());
        async move { work(shared).await.map_err(anyhow::Error::from) }
    });
}
