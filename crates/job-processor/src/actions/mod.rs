//! One file per use case: load, decide, save.

pub(crate) mod deliver_kept_mails;
pub(crate) mod get_counts;
pub(crate) mod record_counts;
pub(crate) mod send_mails;

use std::{sync::Arc, time::Duration};

use platform::scan::{Scans, Waker};

use crate::app::{Delivery, State};

/// Four times as long as a run begins batches: a mail server cannot be asked whether it has a mail already,
/// so no two instances may send what was kept.
const KEPT_MAILS: Duration = Duration::from_secs(120);

/// Starts what happens without a call: mails that waited go out once there is a mail server, and
/// old batch notes are forgotten.
pub(crate) fn spawn_background(state: &Arc<State>, scans: &Scans) {
    if !matches!(state.delivery, Delivery::Kept) {
        let app = state.clone();
        scans.spawn_alone("kept mails", KEPT_MAILS, move || {
            let app = app.clone();
            async move { deliver_kept_mails::deliver_kept_mails(&app).await }
        });
    }
    let app = state.clone();
    let mut forgetting = record_counts::Forgetting::default();
    scans.spawn("count batches", Waker::new(), move || {
        let due = forgetting.is_due(app.clock.now_ms());
        let app = app.clone();
        async move {
            match due {
                true => record_counts::forget_old_batches(&app).await,
                false => Ok(()),
            }
        }
    });
}
