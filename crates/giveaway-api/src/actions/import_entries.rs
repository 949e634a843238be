//! A host brings entries that were collected elsewhere, as a file.

use std::{
    io::{self, Read},
    sync::Arc,
};

use contracts::mail;
use serde::Serialize;
use tokio::{io::AsyncRead, sync::mpsc};
use tokio_util::io::SyncIoBridge;
use utoipa::ToSchema;

use super::{
    admit_entries::{Admitted, admit, candidate, lock_window, window},
    enter::this_year,
    mails,
};
use crate::{
    domain::{
        entry::Source,
        import::{Numbered, Report, Row, Rows, Tally, Unreadable},
    },
    error::{Error, Result},
    ids::{EntryId, GiveawayId, HostId},
    service::Service,
    store::{entry::NewEntry, giveaway},
};

/// Rows in one transaction: the writer is free for others in between.
const ROWS_PER_CHUNK: usize = 1_000;

/// Chunks that are read ahead of the database: one to write, one to wait.
const CHUNKS_AHEAD: usize = 2;

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Imported {
    /// What the file amounts to.
    #[serde(flatten)]
    pub report: Report,
    /// Persons who had not entered before.
    pub persons_new: u64,
    /// Persons who had entered before, and whose address is verified only now.
    pub persons_newly_verified: u64,
}

/// Reads a CSV file as it comes and enters everybody in it, some rows at a time. A row that is
/// malformed is listed and skipped. A file that breaks off, or the same file again, can simply be
/// sent once more: nobody is entered twice.
///
/// # Errors
/// A header that is not as it should be, before anything is written; a giveaway that takes no
/// entries.
pub async fn import_entries(
    service: &Arc<Service>,
    host: HostId,
    id: GiveawayId,
    file: impl AsyncRead + Send + Unpin + 'static,
) -> Result<Imported> {
    let giveaway = giveaway::find(service.db.read(), id)
        .await?
        .filter(|giveaway| giveaway.host_id == host.0)
        .ok_or(Error::NotFound("giveaway"))?;
    window(&giveaway)?.import(service.clock.now())?;
    let eligibility = giveaway.rules()?.eligibility;

    let (chunks, mut waiting) = mpsc::channel(CHUNKS_AHEAD);
    let year = this_year(service);
    let file = SyncIoBridge::new(file);
    let reading = tokio::task::spawn_blocking(move || read(file, year, &chunks));
    let (mut persons_new, mut persons_newly_verified) = (0, 0);
    while let Some(rows) = waiting.recv().await {
        let admitted = store(service, id, rows).await?;
        persons_new += admitted.new.len() as u64;
        persons_newly_verified += admitted.newly_verified.len() as u64;
    }
    let tally = reading.await.map_err(anyhow::Error::from)?.map_err(refused)?;
    let report = tally.report(&eligibility);
    Ok(Imported { report, persons_new, persons_newly_verified })
}

/// Reads the file on a thread that may block, and sends its rows in chunks. When nobody takes them
/// any more, whoever took them has an error of its own, and how far the file was read tells nothing.
fn read(
    file: impl Read,
    this_year: u16,
    chunks: &mpsc::Sender<Vec<Row>>,
) -> Result<Tally, Unreadable> {
    let mut rows = Rows::open(file)?;
    let mut tally = Tally::new();
    let mut chunk = Vec::with_capacity(ROWS_PER_CHUNK);
    while let Some(Numbered { line, row }) = rows.next(this_year)? {
        match row {
            Ok(row) => {
                tally.row(&row);
                chunk.push(row);
            }
            Err(reason) => tally.malformed(line, reason),
        }
        if chunk.len() == ROWS_PER_CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(ROWS_PER_CHUNK));
            if chunks.blocking_send(full).is_err() {
                return Ok(tally);
            }
        }
    }
    // Refused only when nobody listens, as above.
    let _ = chunks.blocking_send(chunk);
    Ok(tally)
}

async fn store(service: &Service, id: GiveawayId, rows: Vec<Row>) -> Result<Admitted> {
    let candidates: Vec<NewEntry> = rows
        .into_iter()
        .map(|row| candidate(id, row.applicant, Source::Import, row.verified))
        .collect();
    if candidates.is_empty() {
        return Ok(Admitted::default());
    }
    let now = service.clock.now();
    let tx = service.db.begin("import_entries").await?;
    let (giveaway, window) = lock_window(&tx, id).await?;
    window.import(now)?;
    let admitted = admit(&tx, &giveaway, candidates, now).await?;
    // Whoever is verified gets the receipt. The others are asked to confirm, as after the form;
    // without that they could never win.
    let ids = |verified| {
        let of_kind = move |entry: &&NewEntry| entry.verified == verified;
        admitted.new.iter().filter(of_kind).map(|entry| entry.id)
    };
    let receipts: Vec<EntryId> = ids(true).chain(admitted.newly_verified.iter().copied()).collect();
    let unconfirmed: Vec<EntryId> = ids(false).collect();
    mails::to_entries(&tx, id, mail::RECEIPT, &receipts, now).await?;
    mails::to_entries(&tx, id, mail::CONFIRM_ENTRY, &unconfirmed, now).await?;
    tx.commit().await?;
    service.wake_relay();
    Ok(admitted)
}

fn refused(unreadable: Unreadable) -> Error {
    match unreadable {
        Unreadable::Header(header) => Error::field("", header.to_string()),
        Unreadable::Cut(error) if is_too_large(&error) => {
            Error::field("", "the file is too large; send it in parts, each with the header")
        }
        Unreadable::Cut(_) => Error::field(
            "",
            "the file could not be read to its end; what came before was entered, send it again",
        ),
    }
}

fn is_too_large(error: &csv::Error) -> bool {
    matches!(error.kind(), csv::ErrorKind::Io(io) if io.kind() == io::ErrorKind::FileTooLarge)
}
