//! Accounts.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, ExprTrait as _, QueryOrder as _, QuerySelect as _,
    SqlErr, entity::prelude::*, sea_query::Expr,
};

use crate::{domain::address::Address, ids::AccountId};

/// An account.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account")]
pub struct Model {
    /// `acc_…`
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The canonical address: nobody has two accounts.
    pub person: String,
    /// Where mail goes.
    pub mailbox: String,
    /// What the person or the business is called.
    pub name: String,
    /// The password's hash.
    pub password: String,
    /// Counts changes of the password and of what proves the address.
    pub credentials: i32,
    /// When the address was proven, Unix milliseconds.
    pub verified_at: Option<i64>,
    /// The TOTP secret.
    pub totp_sealed: Option<Vec<u8>>,
    /// The key that sealed it.
    pub totp_key_id: Option<String>,
    /// Since when signing in needs a code.
    pub totp_since: Option<i64>,
    /// The step of the last code that was taken.
    pub totp_last_step: i64,
    /// When it was made.
    pub created_at: i64,
    /// Since when nobody signs in.
    pub disabled_at: Option<i64>,
}

/// Its sessions and roles refer to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Neither an address nor a hash has a place in a log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("account::Model").field("id", &self.account_id()).finish_non_exhaustive()
    }
}

impl Model {
    /// Its id.
    pub fn account_id(&self) -> AccountId {
        AccountId(self.id)
    }

    /// Whether signing in needs a code.
    pub fn has_totp(&self) -> bool {
        self.totp_since.is_some()
    }

    /// Whether somebody may sign in.
    pub fn is_usable(&self) -> bool {
        self.disabled_at.is_none() && self.verified_at.is_some()
    }
}

/// What a new account begins with.
pub struct New<'a> {
    /// Its id.
    pub id: AccountId,
    /// Whose it is.
    pub address: &'a Address,
    /// What the person or the business is called.
    pub name: String,
    /// The password's hash.
    pub password: String,
    /// When the address was proven, if it was.
    pub verified_at: Option<Timestamp>,
}

/// Writes an account. False when the person has one already; the transaction is then broken on
/// PostgreSQL and has to be given up.
///
/// # Errors
/// When the database fails.
pub async fn insert<C: ConnectionTrait>(
    tx: &C,
    new: New<'_>,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        id: Set(new.id.0),
        person: Set(new.address.canonical.as_str().to_owned()),
        mailbox: Set(new.address.mailbox.clone()),
        name: Set(new.name),
        password: Set(new.password),
        credentials: Set(1),
        verified_at: Set(new.verified_at.map(Timestamp::as_millisecond)),
        totp_sealed: Set(None),
        totp_key_id: Set(None),
        totp_since: Set(None),
        totp_last_step: Set(0),
        created_at: Set(now.as_millisecond()),
        disabled_at: Set(None),
    };
    match Entity::insert(row).exec_without_returning(tx).await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The account of this id.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: AccountId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// Those of these ids.
///
/// # Errors
/// When the database fails.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    ids: Vec<AccountId>,
) -> Result<Vec<Model>, DbErr> {
    let ids = ids.into_iter().map(|id| id.0);
    Entity::find().filter(Column::Id.is_in(ids)).all(conn).await
}

/// The account of a canonical address.
///
/// # Errors
/// When the database fails.
pub async fn of_person<C: ConnectionTrait>(conn: &C, person: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Person.eq(person)).one(conn).await
}

/// The same, held until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock_person<C: ConnectionTrait>(tx: &C, person: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Person.eq(person)).lock_exclusive().one(tx).await
}

/// Holds an account until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock<C: ConnectionTrait>(tx: &C, id: AccountId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).lock_exclusive().one(tx).await
}

/// A new password. Links that were mailed before end with it.
///
/// # Errors
/// When the database fails.
pub async fn set_password<C: ConnectionTrait>(
    tx: &C,
    id: AccountId,
    hash: String,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Password, Expr::value(hash))
        .col_expr(Column::Credentials, Expr::col(Column::Credentials).add(1))
        .filter(Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// The same password, hashed again with the parameters of today; only if it is still that one.
///
/// # Errors
/// When the database fails.
pub async fn rehash<C: ConnectionTrait>(
    conn: &C,
    id: AccountId,
    before: &str,
    hash: String,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Password, Expr::value(hash))
        .filter(Column::Id.eq(id.0))
        .filter(Column::Password.eq(before))
        .exec(conn)
        .await?;
    Ok(())
}

/// Somebody registers once more before the address was proven: their name and mailbox count.
///
/// # Errors
/// When the database fails.
pub async fn begin_again<C: ConnectionTrait>(
    tx: &C,
    id: AccountId,
    address: &Address,
    name: String,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Mailbox, Expr::value(address.mailbox.clone()))
        .col_expr(Column::Name, Expr::value(name))
        .filter(Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// The address is proven. Links that were mailed before end with it.
///
/// # Errors
/// When the database fails.
pub async fn verify<C: ConnectionTrait>(
    tx: &C,
    id: AccountId,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::VerifiedAt, Expr::value(now.as_millisecond()))
        .col_expr(Column::Credentials, Expr::col(Column::Credentials).add(1))
        .filter(Column::Id.eq(id.0))
        .filter(Column::VerifiedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Keeps a TOTP secret, which counts once a code of it was seen.
///
/// # Errors
/// When the database fails.
pub async fn offer_totp<C: ConnectionTrait>(
    tx: &C,
    id: AccountId,
    sealed: Vec<u8>,
    key_id: String,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::TotpSealed, Expr::value(sealed))
        .col_expr(Column::TotpKeyId, Expr::value(key_id))
        .filter(Column::Id.eq(id.0))
        .filter(Column::TotpSince.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Signing in needs a code from now on.
///
/// # Errors
/// When the database fails.
pub async fn begin_totp<C: ConnectionTrait>(
    tx: &C,
    id: AccountId,
    step: i64,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::TotpSince, Expr::value(now.as_millisecond()))
        .col_expr(Column::TotpLastStep, Expr::value(step))
        .filter(Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Takes a code's step, unless it or a later one was taken: of two requests with one code one wins.
///
/// # Errors
/// When the database fails.
pub async fn take_step<C: ConnectionTrait>(
    tx: &C,
    id: AccountId,
    step: i64,
) -> Result<bool, DbErr> {
    let taken = Entity::update_many()
        .col_expr(Column::TotpLastStep, Expr::value(step))
        .filter(Column::Id.eq(id.0))
        .filter(Column::TotpLastStep.lt(step))
        .exec(tx)
        .await?;
    Ok(taken.rows_affected == 1)
}

/// Signing in needs no code any more.
///
/// # Errors
/// When the database fails.
pub async fn end_totp<C: ConnectionTrait>(tx: &C, id: AccountId) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::TotpSince, Expr::value(Option::<i64>::None))
        .col_expr(Column::TotpSealed, Expr::value(Option::<Vec<u8>>::None))
        .col_expr(Column::TotpKeyId, Expr::value(Option::<String>::None))
        .filter(Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Nobody signs in any more. Links that were mailed before end with it.
///
/// # Errors
/// When the database fails.
pub async fn disable<C: ConnectionTrait>(
    tx: &C,
    id: AccountId,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DisabledAt, Expr::value(now.as_millisecond()))
        .col_expr(Column::Credentials, Expr::col(Column::Credentials).add(1))
        .filter(Column::Id.eq(id.0))
        .exec(tx)
        .await?;
    Ok(())
}

/// Accounts in the order in which they were made, from the one after `after` on.
///
/// # Errors
/// When the database fails.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    after: Option<AccountId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find();
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.0));
    }
    query.order_by_asc(Column::Id).limit(limit).all(conn).await
}
