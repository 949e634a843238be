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

use crate::ids::{AccountId, EntryId, GiveawayId, InvitationId, WinnerId};

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

/// The same for somebody with an account.
///
/// # Errors
/// When the database fails.
pub(crate) async fn to_account(
    tx: &Tx,
    account: AccountId,
    template: &'static str,
    now: Timestamp,
) -> Result<(), DbErr> {
    ask(tx, account, template, &[account], now).await
}

/// The same for somebody who is invited.
///
/// # Errors
/// When the database fails.
pub(crate) async fn to_invited(
    tx: &Tx,
    invitation: InvitationId,
    template: &'static str,
    now: Timestamp,
) -> Result<(), DbErr> {
    ask(tx, invitation, template, &[invitation], now).await
}

async fn ask<I: Display>(
    tx: &Tx,
    about: impl Into<Uuid>,
    template: &'static str,
    subjects: &[I],
    now: Timestamp,
) -> Result<(), DbErr> {
    let (about, now_ms) = (about.into(), now.as_millisecond());
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
            subject: about,
            payload: request.encode_to_vec(),
            not_before_ms: 0,
        };
        outbox::enqueue(tx, call, now_ms).await?;
    }
    Ok(())
}
