//! One file per use case: load, decide, save.

pub(crate) mod deliver_kept_mails;
pub(crate) mod get_counts;
pub(crate) mod record_counts;
pub(crate) mod send_mails;

use std::sync::Arc;

use platform::{Shutdown, scan};

use crate::app::{Delivery, State};

/// Starts what happens without a call: mails that waited go out once there is a mail server, and
/// old batch notes are forgotten.
pub(crate) fn spawn_background(state: &Arc<State>, shutdown: &Shutdown) {
    let clock = &state.clock;
    if !matches!(state.delivery, Delivery::Kept) {
        let app = state.clone();
        scan::spawn("kept mails", clock.clone(), scan::Waker::new(), shutdown, move || {
            let app = app.clone();
            async move { deliver_kept_mails::deliver_kept_mails(&app).await }
        });
    }
    let app = state.clone();
    let mut forgetting = record_counts::Forgetting::default();
    scan::spawn("count batches", clock.clone(), scan::Waker::new(), shutdown, move || {
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
