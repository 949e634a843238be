//! Where hosts are paid out to, and whether they may be.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, QueryOrder as _, Statement, entity::prelude::*,
    sea_query::Expr,
};

use super::host;
use crate::ids::HostId;

/// A destination that a host named. Rows are never changed; a later one takes the place of those before.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payout_destination")]
pub struct Model {
    /// Time-ordered.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose.
    pub host_id: Uuid,
    /// In the provider's terms.
    pub destination: String,
    /// When its cooling-off time is over, Unix milliseconds.
    pub usable_from: i64,
    /// When it was named.
    pub named_at: i64,
}

/// Of a host.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Where somebody is paid has no place in a log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("payout::Model").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Writes a destination.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    host: HostId,
    destination: String,
    usable_from: Timestamp,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        host_id: Set(host.0),
        destination: Set(destination),
        usable_from: Set(usable_from.as_millisecond()),
        named_at: Set(now.as_millisecond()),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}

/// The destination in force: the newest whose time has come, but for those that another one replaced
/// before it had. Whoever names a destination with a stolen token is stopped by naming any other.
///
/// # Errors
/// When the database fails.
pub async fn in_force<C: ConnectionTrait>(
    conn: &C,
    host: HostId,
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let sql = "SELECT * FROM payout_destination d WHERE d.host_id = $1 AND d.usable_from <= $2 \
               AND NOT EXISTS (SELECT 1 FROM payout_destination l WHERE l.host_id = d.host_id \
               AND (l.named_at > d.named_at OR l.named_at = d.named_at AND l.id > d.id) \
               AND l.named_at < d.usable_from) ORDER BY d.named_at DESC, d.id DESC LIMIT 1";
    let values = [host.0.into(), now.as_millisecond().into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    Entity::find().from_raw_sql(statement).one(conn).await
}

/// The destination that was named last, in force or not.
///
/// # Errors
/// When the database fails.
pub async fn last<C: ConnectionTrait>(conn: &C, host: HostId) -> Result<Option<Model>, DbErr> {
    newest(host).one(conn).await
}

fn newest(host: HostId) -> Select<Entity> {
    Entity::find()
        .filter(Column::HostId.eq(host.0))
        .order_by_desc(Column::NamedAt)
        .order_by_desc(Column::Id)
}

/// Lets no further money leave the wallets of whoever is paid at `destination`, or of this host.
///
/// # Errors
/// When the database fails.
pub async fn block<C: ConnectionTrait>(
    tx: &C,
    known: Option<HostId>,
    destination: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    let hosts: Vec<Uuid> = match known {
        Some(host) => vec![host.0],
        None => {
            let rows = Entity::find().filter(Column::Destination.eq(destination)).all(tx).await?;
            rows.into_iter().map(|row| row.host_id).collect()
        }
    };
    host::Entity::update_many()
        .col_expr(host::Column::PayoutsBlockedAt, Expr::value(now.as_millisecond()))
        .filter(host::Column::Id.is_in(hosts))
        .filter(host::Column::PayoutsBlockedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Lets money leave a host's wallets again. False when it might.
///
/// # Errors
/// When the database fails.
pub async fn unblock<C: ConnectionTrait>(conn: &C, host: HostId) -> Result<bool, DbErr> {
    let changed = host::Entity::update_many()
        .col_expr(host::Column::PayoutsBlockedAt, Expr::value(None::<i64>))
        .filter(host::Column::Id.eq(host.0))
        .filter(host::Column::PayoutsBlockedAt.is_not_null())
        .exec(conn)
        .await?;
    Ok(changed.rows_affected == 1)
}
