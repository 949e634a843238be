//! Asking for mails: what to write to whom, by ids. The address, the text and the links are asked
//! of us when a mail is sent, so that none of them waits in a queue.

use std::fmt::Display;

use contracts::{giveaway::MailSubject, lane, method, processor::SendMailsRequest};
use jiff::Timestamp;
use platform::{
    Tx,
    outbox::{self, NewCall},
};
use prost::Message as _;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::ids::{EntryId, GiveawayId, WinnerId};

/// How the mail service names us when it asks for a mail's text.
const OWNER: &str = "giveaway";

/// Mails in one call: few enough that a call that fails and is repeated repeats little.
const MAILS_PER_CALL: usize = 100;

/// Asks, in the transaction that gives the reason, for one mail to each of these entries. A mail of
/// the same template at the same moment to the same entry is the same mail, and is sent once.
///
/// # Errors
/// When the database fails.
pub(crate) async fn to_entries(
    tx: &Tx,
    giveaway: GiveawayId,
    template: &'static str,
    entries: &[EntryId],
    now: Timestamp,
) -> Result<(), DbErr> {
    ask(tx, giveaway, template, entries, now).await
}

/// The same for winners.
///
/// # Errors
/// When the database fails.
pub(crate) async fn to_winners(
    tx: &Tx,
    giveaway: GiveawayId,
    template: &'static str,
    winners: &[WinnerId],
    now: Timestamp,
) -> Result<(), DbErr> {
    ask(tx, giveaway, template, winners, now).await
}

async fn ask<I: Display>(
    tx: &Tx,
    giveaway: GiveawayId,
    template: &'static str,
    subjects: &[I],
    now: Timestamp,
) -> Result<(), DbErr> {
    let now_ms = now.as_millisecond();
    for subjects in subjects.chunks(MAILS_PER_CALL) {
        let subject = |subject: &I| MailSubject {
            mail_id: format!("{template}:{subject}:{now_ms}"),
            subject_id: subject.to_string(),
        };
        let request = SendMailsRequest {
            owner: OWNER.to_owned(),
            template: template.to_owned(),
            subjects: subjects.iter().map(subject).collect(),
        };
        let call = NewCall {
            lane: lane::PROCESSOR,
            method: method::SEND_MAILS,
            key: format!("mails:{}", Uuid::now_v7().simple()),
            subject: giveaway.0,
            payload: request.encode_to_vec(),
            not_before_ms: 0,
        };
        outbox::enqueue(tx, call, now_ms).await?;
    }
    Ok(())
}
