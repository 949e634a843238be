//! Which mails were handed over, by their ids. No address is kept here.

use std::collections::HashMap;

use contracts::giveaway::MailSubject;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use crate::domain::mail::State;

/// A mail that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) subject: MailSubject,
    pub(crate) state: State,
    /// Why it failed.
    pub(crate) reason: Option<String>,
}

/// A mail that waits for a mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) owner: String,
    pub(crate) template: String,
    pub(crate) subject: MailSubject,
}

/// How many mails stand where, as far as an operator should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) undelivered: u64,
    pub(crate) failed: u64,
}

/// What is recorded about these mails.
pub(crate) async fn states<C: ConnectionTrait>(
    conn: &C,
    mail_ids: impl Iterator<Item = &str>,
) -> Result<HashMap<String, State>, DbErr> {
    let rows =
        entity::Entity::find().filter(entity::Column::MailId.is_in(mail_ids)).all(conn).await?;
    rows.into_iter()
        .map(|row| {
            let state = State::ALL.into_iter().find(|state| state.name() == row.state);
            let state = state.ok_or_else(|| DbErr::Type(format!("mail state `{}`", row.state)))?;
            Ok((row.mail_id, state))
        })
        .collect()
}

/// Records what became of mails. Atomic; a mail that was sent or has failed keeps that record.
pub(crate) async fn record<C: ConnectionTrait>(
    conn: &C,
    owner: &str,
    template: &str,
    records: Vec<Record>,
    now_ms: i64,
) -> Result<(), DbErr> {
    use entity::Column as C;
    if records.is_empty() {
        return Ok(());
    }
    let rows = records.into_iter().map(|record| entity::ActiveModel {
        mail_id: Set(record.subject.mail_id),
        owner: Set(owner.to_owned()),
        template: Set(template.to_owned()),
        subject_id: Set(record.subject.subject_id),
        state: Set(record.state.name().to_owned()),
        reason: Set(record.reason),
        at: Set(now_ms),
    });
    entity::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(C::MailId)
                .update_columns([C::State, C::Reason, C::At])
                .action_and_where(
                    Expr::col((entity::Entity, C::State)).eq(State::Undelivered.name()),
                )
                .to_owned(),
        )
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// The mails that have waited longest for a mail server.
pub(crate) async fn undelivered<C: ConnectionTrait>(
    conn: &C,
    limit: u64,
) -> Result<Vec<Waiting>, DbErr> {
    let rows = entity::Entity::find()
        .filter(entity::Column::State.eq(State::Undelivered.name()))
        .order_by_asc(entity::Column::At)
        .order_by_asc(entity::Column::MailId)
        .limit(limit)
        .all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Waiting {
            owner: row.owner,
            template: row.template,
            subject: MailSubject { mail_id: row.mail_id, subject_id: row.subject_id },
        })
        .collect())
}

/// Counts for the operator.
pub(crate) async fn counts<C: ConnectionTrait>(conn: &C) -> Result<Counts, DbErr> {
    let rows: Vec<(String, i64)> = entity::Entity::find()
        .select_only()
        .column(entity::Column::State)
        .column_as(entity::Column::MailId.count(), "n")
        .filter(entity::Column::State.is_in([State::Undelivered.name(), State::Failed.name()]))
        .group_by(entity::Column::State)
        .into_tuple()
        .all(conn)
        .await?;
    let of = |state: State| {
        let n = rows.iter().find(|(name, _)| name == state.name()).map_or(0, |(_, n)| *n);
        u64::try_from(n).unwrap_or(0)
    };
    Ok(Counts { undelivered: of(State::Undelivered), failed: of(State::Failed) })
}

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sent_mail")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub mail_id: String,
        pub owner: String,
        pub template: String,
        pub subject_id: String,
        pub state: String,
        pub reason: Option<String>,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
