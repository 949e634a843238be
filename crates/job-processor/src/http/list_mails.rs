//! `GET /dev/mail` and `GET /dev/mail.json`

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use platform::{
    http::{Json, Problem},
    pages::Frame,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app,
    store::mailbox::{self, Mail},
};

/// Mails of one page.
const PAGE: u64 = 50;
/// Most mails of one JSON answer, as in all lists.
const MAX_LIMIT: u64 = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    to: String,
    template: String,
    after: Option<Uuid>,
    limit: Option<u64>,
}

impl Wanted {
    fn query(&self, limit: u64) -> mailbox::Query {
        mailbox::Query {
            recipient: self.to.trim().to_lowercase(),
            template: self.template.clone(),
            after: self.after,
            // One more tells whether there is a next page.
            limit: limit + 1,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Listed {
    items: Vec<Item>,
    next: Option<Uuid>,
}

#[derive(Serialize)]
struct Item {
    id: Uuid,
    mail_id: String,
    template: String,
    to: String,
    subject: String,
    text: String,
    sent_at: jiff::Timestamp,
}

#[derive(Template)]
#[template(path = "mails.html")]
struct Page<'a> {
    frame: Frame,
    to: &'a str,
    mails: Vec<Row>,
    next: Option<Uuid>,
}

struct Row {
    id: Uuid,
    recipient: String,
    subject: String,
    at: String,
}

pub(super) async fn page(
    State(app): State<Arc<app::State>>,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, Problem> {
    let (mails, next) = load(&app, &wanted, PAGE).await?;
    let mails = mails
        .into_iter()
        .map(|mail| Row {
            id: mail.id,
            recipient: mail.recipient,
            subject: mail.subject,
            at: super::for_people(mail.at),
        })
        .collect();
    super::render(&Page { frame: Frame::new(true), to: wanted.to.trim(), mails, next })
}

pub(super) async fn json(
    State(app): State<Arc<app::State>>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Listed>, Problem> {
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, MAX_LIMIT);
    let (mails, next) = load(&app, &wanted, limit).await?;
    let items = mails
        .into_iter()
        .map(|mail| Item {
            id: mail.id,
            mail_id: mail.mail_id,
            template: mail.template,
            to: mail.recipient,
            subject: mail.subject,
            text: mail.text,
            sent_at: platform::clock::from_millis(mail.at),
        })
        .collect();
    Ok(Json(Listed { items, next }))
}

async fn load(
    app: &app::State,
    wanted: &Wanted,
    limit: u64,
) -> Result<(Vec<Mail>, Option<Uuid>), Problem> {
    let mut mails =
        mailbox::list(app.db.read(), &wanted.query(limit)).await.map_err(Problem::unexpected)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = mails.len() > shown;
    mails.truncate(shown);
    let next = mails.last().filter(|_| more).map(|mail| mail.id);
    Ok((mails, next))
}
