//! Sends mails: each once as far as a mail server can tell.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use contracts::giveaway::{MailSubject, RenderedMail};
use futures::StreamExt as _;
use tokio::time::Instant;

use crate::{
    app::{Delivery, State as App},
    domain::{
        error::Error,
        mail::{MAX_MAIL_ID, MAX_SUBJECTS, State, Tried},
    },
    smtp::{self, Smtp},
    store::{
        mailbox,
        mails::{self, Record},
    },
};

/// How long one call goes on beginning to send. An attempt is given ten seconds; a batch that a
/// slow server does not take in that time is gone on with in the next attempt.
const BUDGET: Duration = Duration::from_secs(3);

/// How long a batch waits for its turn before it asks to be called again. Rendering, sending and
/// this together stay below the ten seconds.
const TURN: Duration = Duration::from_secs(2);

/// A batch to send.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// Who renders.
    pub(crate) owner: String,
    pub(crate) template: String,
    pub(crate) subjects: Vec<MailSubject>,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// Handed over, by this call or an earlier one.
    pub(crate) sent: u32,
    /// Subjects that the owner no longer knows.
    pub(crate) skipped: u32,
}

/// Sends what has not been sent before.
///
/// # Errors
/// [`Error::Later`] and [`Error::Continue`] when a repeat is to do the rest.
pub(crate) async fn send_mails(app: &App, batch: Batch) -> Result<Done, Error> {
    check(&batch)?;
    // Taken before the records are read: who sent before us has recorded it by then.
    let Some(_permit) = app.under_way.permit(&batch.subjects) else {
        return Err(Error::Later("some of these mails are being sent right now".into()));
    };
    let ids = batch.subjects.iter().map(|subject| subject.mail_id.as_str());
    let known = mails::states(app.db.read(), ids).await?;
    let mut done = Done::default();
    let mut open = Vec::new();
    for subject in &batch.subjects {
        match known.get(&subject.mail_id) {
            Some(State::Sent) => done.sent += 1,
            Some(State::Failed) => {}
            Some(State::Undelivered) | None => open.push(subject.clone()),
        }
    }
    if open.is_empty() {
        return Ok(done);
    }
    if let Delivery::Kept = app.delivery {
        keep(app, &batch, open).await?;
        return Ok(done);
    }
    let turn = tokio::time::timeout(TURN, app.batches.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(Error::Continue) };
    let rendered = render(app, &batch, &open).await?;
    let gone: Vec<&MailSubject> =
        open.iter().filter(|subject| !rendered.contains_key(&subject.mail_id)).collect();
    done.skipped = count(gone.len());
    // A mail that waited for a mail server and lost its subject meanwhile would wait for ever.
    let given_up = gone
        .into_iter()
        .filter(|subject| known.contains_key(&subject.mail_id))
        .map(|subject| failed(subject, "the subject is gone"))
        .collect();
    mails::record(app.db.write(), &batch.owner, &batch.template, given_up, app.clock.now_ms())
        .await?;
    done.sent += match &app.delivery {
        Delivery::Smtp(smtp) => send_by_smtp(app, smtp, &batch, &open, rendered).await?,
        Delivery::Mailbox | Delivery::Kept => {
            put_into_mailbox(app, &batch, &open, rendered).await?
        }
    };
    Ok(done)
}

fn check(batch: &Batch) -> Result<(), Error> {
    if batch.subjects.len() > MAX_SUBJECTS {
        return Err(Error::invalid(
            "too_many_subjects",
            format!("subjects: {} given, at most {MAX_SUBJECTS} fit", batch.subjects.len()),
        ));
    }
    let mut seen = HashSet::new();
    for MailSubject { mail_id, .. } in &batch.subjects {
        if mail_id.is_empty() || mail_id.len() > MAX_MAIL_ID {
            return Err(Error::invalid(
                "mail_id_invalid",
                format!("subjects.mail_id: must have 1 to {MAX_MAIL_ID} bytes"),
            ));
        }
        if !seen.insert(mail_id) {
            return Err(Error::invalid(
                "mail_id_repeated",
                format!("subjects.mail_id: `{mail_id}` is given twice"),
            ));
        }
    }
    Ok(())
}

async fn render(
    app: &App,
    batch: &Batch,
    open: &[MailSubject],
) -> Result<HashMap<String, RenderedMail>, Error> {
    let mails = app.owners.render(&batch.owner, &batch.template, open.to_vec()).await?;
    Ok(mails.into_iter().map(|mail| (mail.mail_id.clone(), mail)).collect())
}

async fn keep(app: &App, batch: &Batch, open: Vec<MailSubject>) -> Result<(), Error> {
    let kept = open
        .into_iter()
        .map(|subject| Record { subject, state: State::Undelivered, reason: None })
        .collect();
    let now_ms = app.clock.now_ms();
    mails::record(app.db.write(), &batch.owner, &batch.template, kept, now_ms).await?;
    Ok(())
}

/// Exactly once: the mail and its record are one transaction.
async fn put_into_mailbox(
    app: &App,
    batch: &Batch,
    open: &[MailSubject],
    mut rendered: HashMap<String, RenderedMail>,
) -> Result<u32, Error> {
    let now_ms = app.clock.now_ms();
    let tx = app.db.begin("send_mails").await?;
    // Asked again inside: a repeat of this call may have been faster.
    let known = mails::states(&tx, open.iter().map(|subject| subject.mail_id.as_str())).await?;
    let fresh: Vec<&MailSubject> = open
        .iter()
        .filter(|subject| matches!(known.get(&subject.mail_id), None | Some(State::Undelivered)))
        .filter(|subject| rendered.contains_key(&subject.mail_id))
        .collect();
    let records = fresh.iter().map(|&subject| sent(subject)).collect();
    let delivered: Vec<RenderedMail> =
        fresh.iter().filter_map(|subject| rendered.remove(&subject.mail_id)).collect();
    let n = count(delivered.len());
    mailbox::insert(&tx, &batch.template, delivered, now_ms).await?;
    mails::record(&tx, &batch.owner, &batch.template, records, now_ms).await?;
    tx.commit().await?;
    Ok(n)
}

/// Each mail is recorded as soon as the server has judged it, so that a repeat of the call begins
/// where this one ended.
async fn send_by_smtp(
    app: &App,
    smtp: &Smtp,
    batch: &Batch,
    open: &[MailSubject],
    mut rendered: HashMap<String, RenderedMail>,
) -> Result<u32, Error> {
    let began = Instant::now();
    let work: Vec<(MailSubject, RenderedMail)> = open
        .iter()
        .filter_map(|subject| Some((subject.clone(), rendered.remove(&subject.mail_id)?)))
        .collect();
    let mut tries = futures::stream::iter(work)
        .map(|(subject, mail)| async move {
            if began.elapsed() >= BUDGET {
                return (subject, None);
            }
            let tried = smtp.send(&mail, app.clock.now()).await;
            (subject, Some(tried))
        })
        .buffer_unordered(smtp::CONNECTIONS);
    let mut accepted = 0;
    let mut trouble = None;
    while let Some((subject, tried)) = tries.next().await {
        let record = match tried {
            Some(Tried::Accepted) => {
                accepted += 1;
                sent(&subject)
            }
            Some(Tried::Rejected(reason)) => {
                tracing::warn!(mail_id = subject.mail_id, reason, "mail cannot be delivered");
                failed(&subject, &reason)
            }
            Some(Tried::Later(reason)) => {
                trouble = Some(Error::Later(reason));
                continue;
            }
            None => {
                trouble.get_or_insert(Error::Continue);
                continue;
            }
        };
        let now_ms = app.clock.now_ms();
        mails::record(app.db.write(), &batch.owner, &batch.template, vec![record], now_ms).await?;
    }
    trouble.map_or(Ok(accepted), Err)
}

fn sent(subject: &MailSubject) -> Record {
    Record { subject: subject.clone(), state: State::Sent, reason: None }
}

fn failed(subject: &MailSubject, reason: &str) -> Record {
    Record { subject: subject.clone(), state: State::Failed, reason: Some(reason.to_owned()) }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
