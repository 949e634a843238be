//! Group commit for entries: whoever comes while a transaction is under way shares the next one, so
//! that thousands of entries a second cost a few hundred commits. Somebody who comes alone does not
//! wait for others.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use contracts::mail;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use super::{
    admit_entries::{Admitted, admit, lock_window},
    mails,
};
use crate::{
    error::{Error, Result},
    ids::{EntryId, GiveawayId},
    service::Service,
    store::entry::{self, NewEntry},
};

/// Entries in one transaction: enough that the commit costs little per entry, few enough that it
/// takes milliseconds, and far below the number of variables a statement may have.
const BATCH_MAX: usize = 512;

/// Entries that wait. At the rate we promise that is two seconds; beyond it, being told to come
/// again is better than waiting longer.
const WAITING_MAX: usize = 10_000;

/// Somebody who enters again is written to again, but not more often than this: nobody shall be able
/// to fill another person's mailbox.
const WRITE_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// Entries on their way into the database.
#[derive(Debug, Default)]
pub struct EntryQueue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Whether a task is at work that will also take what comes now.
    draining: bool,
}

#[derive(Debug)]
struct Job {
    giveaway: GiveawayId,
    entry: NewEntry,
    answer: oneshot::Sender<Result<()>>,
}

/// Enters somebody, together with whoever else is entering. Returns once that is durable, and does
/// not tell whether they had entered before.
///
/// # Errors
/// When the giveaway takes no entries, or too many are waiting.
pub(crate) async fn submit(
    service: &Arc<Service>,
    giveaway: GiveawayId,
    entry: NewEntry,
) -> Result<()> {
    let (answer, answered) = oneshot::channel();
    let start = {
        let mut waiting = service.entries.waiting();
        if waiting.jobs.len() >= WAITING_MAX {
            return Err(Error::Unavailable("too many people are entering at this moment".into()));
        }
        waiting.jobs.push_back(Job { giveaway, entry, answer });
        !std::mem::replace(&mut waiting.draining, true)
    };
    if start {
        // In a task of its own: the one who started it may hang up, the others stay on the line.
        service.shutdown.spawn(drain(service.clone()));
    }
    answered.await.unwrap_or_else(|_| Err(not_stored()))
}

impl EntryQueue {
    /// A panic elsewhere leaves the queue itself in order, so it stays in use.
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next entries, or none; then the next one to come starts a new task.
    fn next_batch(&self) -> Vec<Job> {
        let mut waiting = self.waiting();
        let size = waiting.jobs.len().min(BATCH_MAX);
        waiting.draining = size > 0;
        waiting.jobs.drain(..size).collect()
    }
}

async fn drain(service: Arc<Service>) {
    loop {
        let batch = service.entries.next_batch();
        if batch.is_empty() {
            return;
        }
        let mut by_giveaway: BTreeMap<GiveawayId, Vec<Job>> = BTreeMap::new();
        for job in batch {
            by_giveaway.entry(job.giveaway).or_default().push(job);
        }
        // A transaction each: what is wrong with one giveaway does not concern the others.
        for (giveaway, jobs) in by_giveaway {
            let (entries, answers): (Vec<_>, Vec<_>) =
                jobs.into_iter().map(|job| (job.entry, job.answer)).unzip();
            let outcome = store(&service, giveaway, entries).await;
            tell(answers, outcome);
        }
    }
}

async fn store(service: &Service, id: GiveawayId, entries: Vec<NewEntry>) -> Result<()> {
    let now = service.clock.now();
    let tx = service.db.begin("admit_entries").await?;
    let (giveaway, window) = lock_window(&tx, id).await?;
    window.entry(now)?;
    let admitted = admit(&tx, &giveaway, entries, now).await?;
    write_to(&tx, id, &admitted, now).await?;
    tx.commit().await?;
    service.wake_relay();
    Ok(())
}

/// Everybody gets a mail, known or not: the answer to the form is the same for all, and the mail
/// tells only the owner of the address.
async fn write_to(
    tx: &platform::Tx,
    id: GiveawayId,
    admitted: &Admitted,
    now: Timestamp,
) -> Result<()> {
    let mut unconfirmed: Vec<EntryId> = admitted.new.iter().map(|entry| entry.id).collect();
    let mut confirmed = Vec::new();
    for known in &admitted.known {
        let last = platform::clock::from_millis(known.mailed_at);
        if now.duration_since(last) >= WRITE_AGAIN_AFTER {
            let list = if known.verified_at.is_some() { &mut confirmed } else { &mut unconfirmed };
            list.push(EntryId(known.id));
        }
    }
    mails::to_entries(tx, id, mail::CONFIRM_ENTRY, &unconfirmed, now).await?;
    mails::to_entries(tx, id, mail::RECEIPT, &confirmed, now).await?;
    let again: Vec<_> = unconfirmed.iter().skip(admitted.new.len()).chain(&confirmed).collect();
    if !again.is_empty() {
        entry::mailed(tx, again.into_iter().map(|id| id.0), now).await?;
    }
    Ok(())
}

/// Gives everybody of a batch its outcome. An error that nobody can do anything about is logged
/// here, once for all of them.
fn tell(answers: Vec<oneshot::Sender<Result<()>>>, outcome: Result<()>) {
    let error = match &outcome {
        Ok(()) | Err(Error::State { .. } | Error::NotFound(_)) => None,
        Err(error) => Some(error),
    };
    if let Some(error) = error {
        tracing::error!(entries = answers.len(), %error, "entries were not stored");
    }
    for answer in answers {
        let told = match &outcome {
            Ok(()) => Ok(()),
            Err(Error::State { code, message }) => Err(Error::state(code, message.clone())),
            Err(Error::NotFound(what)) => Err(Error::NotFound(what)),
            Err(_) => Err(not_stored()),
        };
        // Whoever has hung up does not need it.
        let _ = answer.send(told);
    }
}

fn not_stored() -> Error {
    Error::Unavailable("the entry could not be stored".into())
}
