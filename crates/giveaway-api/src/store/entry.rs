//! Entries: one per giveaway and canonical address.

use draw::fixed::{Digest, Hex, LeafId, Salt};
use jiff::Timestamp;
use platform::Tx;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr, FromQueryResult, QueryOrder as _, QuerySelect as _,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

use crate::{
    domain::{
        eligibility::Facts,
        entry::{Applicant, Source},
    },
    error::Result,
    ids::{EntryId, GiveawayId},
};

/// Facts read at a time when entries are frozen: a few megabytes.
const FREEZE_PAGE: u64 = 16_384;

/// An entry. Times are Unix milliseconds. What leads back to a person is null once it was erased.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entry")]
pub struct Model {
    /// Time-ordered: it tells when somebody entered, and is shown to the host only.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The giveaway.
    pub giveaway_id: Uuid,
    /// The canonical address.
    pub address: Option<String>,
    /// Where mail goes.
    pub mailbox: Option<String>,
    /// The name, for greetings.
    pub name: Option<String>,
    /// The canonical address of who told them of the giveaway.
    pub referred_by: Option<String>,
    /// What hides the address in the commitment.
    pub salt: Option<Vec<u8>>,
    /// The random id of the leaf.
    pub leaf_id: Uuid,
    /// The commitment to the person, 32 bytes.
    pub person: Vec<u8>,
    /// Two letters, where given.
    pub country: Option<String>,
    /// The year of birth, where given.
    pub birth_year: Option<i32>,
    /// How it came in.
    pub source: String,
    /// When the address was verified.
    pub verified_at: Option<i64>,
    /// When this person was written to last.
    pub mailed_at: i64,
    /// When it came in.
    pub created_at: i64,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An entry holds an address and a salt, which have no place in a log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("id", &self.entry_id()).finish_non_exhaustive()
    }
}

impl Model {
    /// Its id, typed.
    pub fn entry_id(&self) -> EntryId {
        EntryId(self.id)
    }

    /// The id of its leaf.
    pub fn leaf(&self) -> LeafId {
        Hex(*self.leaf_id.as_bytes())
    }

    /// The salt, unless the person was erased.
    pub fn salt(&self) -> Option<Salt> {
        self.salt.as_deref().and_then(|salt| salt.try_into().ok()).map(Salt)
    }
}

/// An entry to be written, with the randomness of its leaf.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Its id.
    pub id: EntryId,
    /// Who enters.
    pub applicant: Applicant,
    /// How it came in.
    pub source: Source,
    /// Whether the address is verified already.
    pub verified: bool,
    /// The random id of the leaf.
    pub leaf_id: LeafId,
    /// What hides the address in the commitment.
    pub salt: Salt,
    /// The commitment.
    pub person: Digest,
}

/// What is known of somebody who had entered before.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Known {
    /// The entry.
    pub id: Uuid,
    /// The canonical address.
    pub address: String,
    /// Two letters, where given.
    pub country: Option<String>,
    /// The year of birth, where given.
    pub birth_year: Option<i32>,
    /// When the address was verified.
    pub verified_at: Option<i64>,
    /// When this person was written to last.
    pub mailed_at: i64,
}

/// Writes those whose address has no entry in this giveaway yet, and returns the ids of those. Rows
/// are written in the order of their addresses, so that two writers never wait for each other in a
/// circle.
///
/// # Errors
/// When the database fails.
pub async fn insert_new(
    tx: &Tx,
    giveaway: GiveawayId,
    entries: &[NewEntry],
    now: Timestamp,
) -> Result<Vec<EntryId>, DbErr> {
    let mut ordered: Vec<&NewEntry> = entries.iter().collect();
    ordered.sort_unstable_by_key(|entry| &entry.applicant.address.canonical);
    let rows = ordered.into_iter().map(|entry| row(giveaway, entry, now.as_millisecond()));
    let person_is_known =
        OnConflict::columns([Column::GiveawayId, Column::Address]).do_nothing().to_owned();
    let ids =
        Entity::insert_many(rows).on_conflict(person_is_known).exec_with_returning_keys(tx).await?;
    Ok(ids.into_iter().map(EntryId).collect())
}

/// Those of these addresses that have an entry, locked until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock_known(
    tx: &Tx,
    giveaway: GiveawayId,
    addresses: impl IntoIterator<Item = &str>,
) -> Result<Vec<Known>, DbErr> {
    Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::Address,
            Column::Country,
            Column::BirthYear,
            Column::VerifiedAt,
            Column::MailedAt,
        ])
        .filter(Column::GiveawayId.eq(giveaway.0))
        .filter(Column::Address.is_in(addresses))
        .order_by_asc(Column::Address)
        .lock_exclusive()
        .into_model::<Known>()
        .all(tx)
        .await
}

/// Marks entries as verified that were not; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn verify<C: ConnectionTrait>(
    tx: &C,
    ids: impl IntoIterator<Item = Uuid>,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let verified = Entity::update_many()
        .col_expr(Column::VerifiedAt, Expr::value(now.as_millisecond()))
        .filter(Column::Id.is_in(ids))
        .filter(Column::VerifiedAt.is_null())
        .exec(tx)
        .await?;
    Ok(verified.rows_affected)
}

/// Notes that these people are being written to.
///
/// # Errors
/// When the database fails.
pub async fn mailed<C: ConnectionTrait>(
    tx: &C,
    ids: impl IntoIterator<Item = Uuid>,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::MailedAt, Expr::value(now.as_millisecond()))
        .filter(Column::Id.is_in(ids))
        .exec(tx)
        .await?;
    Ok(())
}

/// One entry.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(conn: &C, id: EntryId) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.0).one(conn).await
}

/// Entries by their ids, in no particular order.
///
/// # Errors
/// When the database fails.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    ids: impl IntoIterator<Item = EntryId>,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids.into_iter().map(|id| id.0))).all(conn).await
}

/// The entry of a person.
///
/// # Errors
/// When the database fails.
pub async fn of_person<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
    address: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::GiveawayId.eq(giveaway.0))
        .filter(Column::Address.eq(address))
        .one(conn)
        .await
}

/// A giveaway's entries in the order they came in, from the one after `after` on.
///
/// # Errors
/// When the database fails.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
    after: Option<EntryId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().filter(Column::GiveawayId.eq(giveaway.0));
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.0));
    }
    query.order_by_asc(Column::Id).limit(limit).all(conn).await
}

/// What a freeze needs of every entry of a giveaway, in no particular order.
///
/// # Errors
/// When the database fails or holds what no entry can be.
pub async fn all_facts<C: ConnectionTrait>(conn: &C, giveaway: GiveawayId) -> Result<Vec<Facts>> {
    #[derive(FromQueryResult)]
    struct Row {
        id: Uuid,
        leaf_id: Uuid,
        person: Vec<u8>,
        country: Option<String>,
        birth_year: Option<i32>,
        verified_at: Option<i64>,
    }
    let mut facts = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let rows = Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::LeafId,
                Column::Person,
                Column::Country,
                Column::BirthYear,
                Column::VerifiedAt,
            ])
            .filter(Column::GiveawayId.eq(giveaway.0))
            .filter(Column::Id.gt(after))
            .order_by_asc(Column::Id)
            .limit(FREEZE_PAGE)
            .into_model::<Row>()
            .all(conn)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(facts);
        };
        after = last.id;
        for row in rows {
            let person = <[u8; 32]>::try_from(row.person).map_err(|_| {
                anyhow::anyhow!("{}: the commitment has not 32 bytes", EntryId(row.id))
            })?;
            facts.push(Facts {
                leaf_id: Hex(*row.leaf_id.as_bytes()),
                person: Hex(person),
                country: row.country.as_deref().and_then(|country| country.parse().ok()),
                birth_year: row.birth_year.and_then(|year| year.try_into().ok()),
                verified: row.verified_at.is_some(),
            });
        }
    }
}

/// The ids of all entries with a verified address that can still be written to.
///
/// # Errors
/// When the database fails.
pub async fn verified_ids<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
) -> Result<Vec<EntryId>, DbErr> {
    let ids: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::GiveawayId.eq(giveaway.0))
        .filter(Column::VerifiedAt.is_not_null())
        .filter(Column::Mailbox.is_not_null())
        .order_by_asc(Column::Id)
        .into_tuple()
        .all(conn)
        .await?;
    Ok(ids.into_iter().map(EntryId).collect())
}

/// The entries of these leaves.
///
/// # Errors
/// When the database fails.
pub async fn of_leaves<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
    leaves: impl IntoIterator<Item = LeafId>,
) -> Result<Vec<(LeafId, EntryId)>, DbErr> {
    let found: Vec<(Uuid, Uuid)> = Entity::find()
        .select_only()
        .columns([Column::LeafId, Column::Id])
        .filter(Column::GiveawayId.eq(giveaway.0))
        .filter(Column::LeafId.is_in(leaves.into_iter().map(|leaf| Uuid::from_bytes(leaf.0))))
        .into_tuple()
        .all(conn)
        .await?;
    Ok(found.into_iter().map(|(leaf, id)| (Hex(*leaf.as_bytes()), EntryId(id))).collect())
}

fn row(giveaway: GiveawayId, entry: &NewEntry, now_ms: i64) -> ActiveModel {
    let Applicant { address, name, country, birth_year, referred_by } = &entry.applicant;
    ActiveModel {
        id: Set(entry.id.0),
        giveaway_id: Set(giveaway.0),
        address: Set(Some(address.canonical.as_str().to_owned())),
        mailbox: Set(Some(address.mailbox.clone())),
        name: Set(name.clone()),
        referred_by: Set(referred_by.as_ref().map(|referrer| referrer.as_str().to_owned())),
        salt: Set(Some(entry.salt.0.to_vec())),
        leaf_id: Set(Uuid::from_bytes(entry.leaf_id.0)),
        person: Set(entry.person.0.to_vec()),
        country: Set(country.map(|country| country.as_str().to_owned())),
        birth_year: Set(birth_year.map(i32::from)),
        source: Set(entry.source.as_str().to_owned()),
        verified_at: Set(entry.verified.then_some(now_ms)),
        mailed_at: Set(now_ms),
        created_at: Set(now_ms),
    }
}
