//! Calls that must happen because state changed. An action writes them in the transaction that
//! changes the state; the relay of `durable-grpc` submits them under the same key and the same
//! bytes and keeps the row until the call is answered. A crash anywhere between is harmless.

use async_trait::async_trait;
pub use durable_grpc::Answer;
use durable_grpc::{OutboxRow, OutboxSource, SourceError};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _,
    PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};
use sea_orm_migration::prelude::*;
use uuid::Uuid;

use crate::{Clock, Db, Tx};

/// A call to be made once the transaction that writes it has committed.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// The lane of the target service.
    pub lane: &'static str,
    /// Full method path, `/package.Service/Method`.
    pub method: &'static str,
    /// Identifies the call for ever: at most one row, and one execution, per key.
    pub key: String,
    /// What the answer is about, for [`Answers::answered`]: an id of this service.
    pub subject: Uuid,
    /// The encoded request. Stored, so that a repeat sends the same bytes.
    pub payload: Vec<u8>,
    /// Not before this time, Unix milliseconds; 0 for now.
    pub not_before_ms: i64,
}

/// Writes a call. A second one with the same key changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn enqueue<C: ConnectionTrait>(tx: &C, call: NewCall, now_ms: i64) -> Result<(), DbErr> {
    let row = entity::ActiveModel {
        id: Set(Uuid::now_v7()),
        lane: Set(call.lane.to_owned()),
        method: Set(call.method.to_owned()),
        key: Set(call.key),
        subject: Set(call.subject),
        payload: Set(call.payload),
        due_ms: Set(Ord::max(call.not_before_ms, now_ms)),
        created_ms: Set(now_ms),
        attempts: Set(0),
        note: Set(None),
    };
    entity::Entity::insert(row)
        .on_conflict(OnConflict::column(entity::Column::Key).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// What a service does with the answers to its calls.
#[async_trait]
pub trait Answers: Send + Sync + 'static {
    /// Applies an answer, in the transaction that also removes the row: atomically, so once.
    /// An error keeps the row, and the answer is replayed later.
    async fn answered(&self, tx: &Tx, call: &Call, answer: &Answer) -> anyhow::Result<()>;

    /// Hears that the answer to this call is committed: the moment to wake whoever looks for what
    /// it changed. May be missed when the process dies; nothing may depend on it.
    fn committed(&self, _call: &Call) {}
}

/// A stored call.
pub type Call = entity::Model;

/// The rows of one service's database as a source for `durable_grpc`'s relay.
pub struct SqlOutbox<A> {
    db: Db,
    clock: Clock,
    answers: A,
}

impl<A: Answers> SqlOutbox<A> {
    /// A source that hands answers to `answers`.
    pub fn new(db: Db, clock: Clock, answers: A) -> Self {
        Self { db, clock, answers }
    }

    async fn apply(&self, row: &OutboxRow, answer: &Answer) -> anyhow::Result<()> {
        let id: Uuid = row.id.parse()?;
        let method = row.method.rsplit('/').next().unwrap_or_default();
        let tx = self.db.begin(format!("answer_{method}")).await?;
        let Some(call) = entity::Entity::find_by_id(id).lock_exclusive().one(&tx).await? else {
            return Ok(());
        };
        self.answers.answered(&tx, &call, answer).await?;
        entity::Entity::delete_by_id(id).exec(&tx).await?;
        tx.commit().await?;
        self.answers.committed(&call);
        Ok(())
    }
}

#[async_trait]
impl<A: Answers> OutboxSource for SqlOutbox<A> {
    async fn due(&self, limit: usize, excluding: &[String]) -> Result<Vec<OutboxRow>, SourceError> {
        let excluded: Vec<Uuid> = excluding.iter().filter_map(|id| id.parse().ok()).collect();
        let mut query = entity::Entity::find()
            .filter(entity::Column::DueMs.lte(self.clock.now_ms()))
            .order_by_asc(entity::Column::DueMs)
            .order_by_asc(entity::Column::Id)
            .limit(limit as u64);
        if !excluded.is_empty() {
            query = query.filter(entity::Column::Id.is_not_in(excluded));
        }
        let calls = query.all(self.db.read()).await?;
        Ok(calls
            .into_iter()
            .map(|call| OutboxRow {
                id: call.id.to_string(),
                lane: call.lane,
                method: call.method,
                key: call.key,
                payload: call.payload.into(),
            })
            .collect())
    }

    async fn answered(&self, row: &OutboxRow, answer: Answer) -> Result<(), SourceError> {
        self.apply(row, &answer).await.inspect_err(|error| {
            tracing::error!(
                method = row.method,
                key = row.key,
                error = format!("{error:#}"),
                "the answer to a call could not be applied; it will be replayed"
            );
        })?;
        Ok(())
    }

    async fn deferred(&self, row: &OutboxRow, reason: &str) {
        let Ok(id) = row.id.parse::<Uuid>() else { return };
        let noted = entity::Entity::update_many()
            .col_expr(entity::Column::Attempts, Expr::col(entity::Column::Attempts).add(1))
            .col_expr(entity::Column::Note, Expr::value(reason))
            .filter(entity::Column::Id.eq(id))
            .exec(self.db.write())
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, "could not note why a call was put off");
        }
    }
}

/// The oldest calls that have not been answered, for `audit` and the operator.
///
/// # Errors
/// When the database fails.
pub async fn oldest<C: ConnectionTrait>(conn: &C, limit: u64) -> Result<Vec<Call>, DbErr> {
    entity::Entity::find().order_by_asc(entity::Column::CreatedMs).limit(limit).all(conn).await
}

/// How many calls have not been answered.
///
/// # Errors
/// When the database fails.
pub async fn count<C: ConnectionTrait>(conn: &C) -> Result<u64, DbErr> {
    entity::Entity::find().count(conn).await
}

/// The migration of the outbox table, for each service's migrator.
pub fn migration() -> Box<dyn MigrationTrait> {
    Box::new(CreateOutbox)
}

struct CreateOutbox;

impl MigrationName for CreateOutbox {
    fn name(&self) -> &str {
        "m0001_outbox"
    }
}

#[async_trait]
impl MigrationTrait for CreateOutbox {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        use entity::Column as C;
        manager
            .create_table(
                Table::create()
                    .table(entity::Entity)
                    .col(ColumnDef::new(C::Id).uuid().not_null().primary_key())
                    .col(ColumnDef::new(C::Lane).text().not_null())
                    .col(ColumnDef::new(C::Method).text().not_null())
                    .col(ColumnDef::new(C::Key).text().not_null().unique_key())
                    .col(ColumnDef::new(C::Subject).uuid().not_null())
                    .col(ColumnDef::new(C::Payload).blob().not_null())
                    .col(ColumnDef::new(C::DueMs).big_integer().not_null())
                    .col(ColumnDef::new(C::CreatedMs).big_integer().not_null())
                    .col(ColumnDef::new(C::Attempts).integer().not_null())
                    .col(ColumnDef::new(C::Note).text())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("outbox_due")
                    .table(entity::Entity)
                    .col(C::DueMs)
                    .col(C::Id)
                    .to_owned(),
            )
            .await
    }
}

/// The table.
pub mod entity {
    use sea_orm::entity::prelude::*;

    /// A call that has not been answered yet.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        /// Time-ordered.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The lane of the target service.
        pub lane: String,
        /// Full method path.
        pub method: String,
        /// The call's key.
        pub key: String,
        /// What the answer is about.
        pub subject: Uuid,
        /// The encoded request.
        pub payload: Vec<u8>,
        /// Not before this time.
        pub due_ms: i64,
        /// When the state changed.
        pub created_ms: i64,
        /// How often the call was put off.
        pub attempts: i32,
        /// Why it was put off last.
        pub note: Option<String>,
    }

    /// Stands alone.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
