//! Sends the mails that were kept while no mail server was configured.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::send_mails::{Batch, send_mails};
use crate::{
    app::State,
    domain::{error::Error, mail::MAX_SUBJECTS},
    store,
};

/// No batch is begun later in a run: the lease under which it sends must not end before the last one does.
const BUDGET: Duration = Duration::from_secs(30);

/// Sends one batch per owner and template; the next run goes on. A mail server that is still away
/// is tried again then.
pub(crate) async fn deliver_kept_mails(app: &State) -> anyhow::Result<()> {
    let waiting = store::mails::undelivered(app.db.read(), MAX_SUBJECTS as u64).await?;
    let mut batches: BTreeMap<(String, String), Vec<_>> = BTreeMap::new();
    for mail in waiting {
        batches.entry((mail.owner, mail.template)).or_default().push(mail.subject);
    }
    let began = Instant::now();
    for ((owner, template), subjects) in batches {
        if began.elapsed() >= BUDGET {
            break;
        }
        match send_mails(app, Batch { owner, template, subjects }).await {
            Ok(_) | Err(Error::Continue) => {}
            Err(Error::Later(reason)) => tracing::warn!(reason, "kept mails still wait"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
