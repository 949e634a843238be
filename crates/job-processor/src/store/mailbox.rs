//! Mails that can be read, in demo mode.

use contracts::giveaway::RenderedMail;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, LikeExpr},
};
use uuid::Uuid;

/// A mail in the mailbox.
pub(crate) type Mail = entity::Model;

/// Which mails are wanted, newest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Part of the recipient's address, in lower case; empty for all.
    pub(crate) recipient: String,
    /// Only mails of this template; empty for all.
    pub(crate) template: String,
    /// Only mails older than this one.
    pub(crate) after: Option<Uuid>,
    pub(crate) limit: u64,
}

/// Puts mails into the mailbox.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    template: &str,
    mails: Vec<RenderedMail>,
    now_ms: i64,
) -> Result<(), DbErr> {
    if mails.is_empty() {
        return Ok(());
    }
    let rows = mails.into_iter().map(|mail| entity::ActiveModel {
        id: Set(Uuid::now_v7()),
        mail_id: Set(mail.mail_id),
        template: Set(template.to_owned()),
        recipient_folded: Set(mail.to.to_lowercase()),
        recipient: Set(mail.to),
        subject: Set(mail.subject),
        text: Set(mail.text),
        html: Set(mail.html),
        at: Set(now_ms),
    });
    entity::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}

/// One page of mails.
pub(crate) async fn list<C: ConnectionTrait>(conn: &C, query: &Query) -> Result<Vec<Mail>, DbErr> {
    let mut select = entity::Entity::find();
    if !query.recipient.is_empty() {
        let pattern = LikeExpr::new(format!("%{}%", escape_like(&query.recipient))).escape('\\');
        select = select.filter(Expr::col(entity::Column::RecipientFolded).like(pattern));
    }
    if !query.template.is_empty() {
        select = select.filter(entity::Column::Template.eq(query.template.as_str()));
    }
    if let Some(after) = query.after {
        select = select.filter(entity::Column::Id.lt(after));
    }
    select.order_by_desc(entity::Column::Id).limit(query.limit).all(conn).await
}

/// One mail.
pub(crate) async fn find<C: ConnectionTrait>(conn: &C, id: Uuid) -> Result<Option<Mail>, DbErr> {
    entity::Entity::find_by_id(id).one(conn).await
}

fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// The table.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mailbox")]
    pub(crate) struct Model {
        /// Time-ordered, so that it is also the cursor.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique)]
        pub mail_id: String,
        pub template: String,
        pub recipient: String,
        /// In lower case, for the search.
        pub recipient_folded: String,
        pub subject: String,
        pub text: String,
        pub html: String,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl std::fmt::Debug for Model {
        /// Neither the address nor the text, which holds links, belongs in a log.
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Mail").field("id", &self.id).finish_non_exhaustive()
        }
    }
}
