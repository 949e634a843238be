//! Draws: the commitment, the frozen leaves, and who was drawn.

use draw::{
    drawing::Outcome,
    fixed::{Digest, Hex, LeafId, PublicKey, Signature},
    leaf::{LEAF_BYTES, Leaf},
    manifest::Manifest,
    transcript::BeaconRecord,
};
use jiff::Timestamp;
use platform::Tx;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, QueryOrder as _, entity::prelude::*, sea_query::Expr,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::Result,
    ids::{EntryId, GiveawayId},
};

/// The first draw over a giveaway's entries, and the only one yet.
pub const FIRST_GENERATION: i32 = 0;

/// Leaves in one row: below a megabyte, which both engines read and write at a go.
const LEAVES_PER_ROW: usize = 16_384;

/// Picks in one statement, below the number of variables that it may have.
const PICKS_PER_STATEMENT: usize = 1_000;

/// A commitment, and the draw that follows it. Once written, the commitment never changes, and the
/// draw is drawn once: the database refuses anything else.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "draw")]
pub struct Model {
    /// The giveaway.
    #[sea_orm(primary_key, auto_increment = false)]
    pub giveaway_id: Uuid,
    /// 0 for the first draw over these entries.
    #[sea_orm(primary_key, auto_increment = false)]
    pub generation: i32,
    /// The manifest's canonical JSON, as signed.
    pub manifest: String,
    /// Its hash, in hexadecimal digits.
    pub manifest_hash: String,
    /// The instance's signature over it, in hexadecimal digits.
    pub signature: String,
    /// The key that signed, in hexadecimal digits.
    pub public_key: String,
    /// The round that decides.
    pub round: i64,
    /// When it was committed to, Unix milliseconds.
    pub sealed_at: i64,
    /// Once drawn: chain, round and signature of the beacon, as JSON.
    pub beacon: Option<String>,
    /// Once drawn: the random words consumed.
    pub words: Option<i64>,
    /// Once drawn: how many of them were rejected.
    pub rejected: Option<i64>,
    /// When it was drawn, Unix milliseconds.
    pub drawn_at: Option<i64>,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Rows of many leaves.
pub mod leaves {
    use sea_orm::entity::prelude::*;

    /// Up to 16,384 leaves of 53 bytes, in order.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "draw_leaves")]
    pub struct Model {
        /// The giveaway.
        #[sea_orm(primary_key, auto_increment = false)]
        pub giveaway_id: Uuid,
        /// The generation.
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i32,
        /// Its place among the rows of this draw.
        #[sea_orm(primary_key, auto_increment = false)]
        pub part: i32,
        /// The leaves.
        pub leaves: Vec<u8>,
    }

    /// Of a draw.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Who was drawn, in order.
pub mod pick {
    use sea_orm::entity::prelude::*;

    /// A leaf that was drawn, and whose it is.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "draw_pick")]
    pub struct Model {
        /// The giveaway.
        #[sea_orm(primary_key, auto_increment = false)]
        pub giveaway_id: Uuid,
        /// The generation.
        #[sea_orm(primary_key, auto_increment = false)]
        pub generation: i32,
        /// Its place in the order drawn: the first picks win the units, the rest are alternates.
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i32,
        /// The leaf.
        pub leaf_id: Uuid,
        /// The entry behind it.
        pub entry_id: Uuid,
    }

    /// Of a draw.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Model {
    /// The manifest.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn manifest(&self) -> Result<Manifest> {
        self.json("manifest", &self.manifest)
    }

    /// The manifest's hash.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn manifest_hash(&self) -> Result<Digest> {
        self.hex("manifest_hash", &self.manifest_hash)
    }

    /// The instance's signature over the manifest.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn signature(&self) -> Result<Signature> {
        self.hex("signature", &self.signature)
    }

    /// The key that signed.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn public_key(&self) -> Result<PublicKey> {
        self.hex("public_key", &self.public_key)
    }

    /// The round that decides.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn round(&self) -> Result<u64> {
        u64::try_from(self.round).map_err(|_| self.corrupt("round", "negative"))
    }

    /// The beacon's round, once drawn.
    ///
    /// # Errors
    /// For a corrupt row.
    pub fn beacon(&self) -> Result<Option<BeaconRecord>> {
        self.beacon.as_deref().map(|json| self.json("beacon", json)).transpose()
    }

    /// Random words consumed and rejected, once drawn.
    pub fn words(&self) -> Option<(u64, u64)> {
        let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        Some((count(self.words)?, count(self.rejected)?))
    }

    fn json<T: DeserializeOwned>(&self, column: &str, json: &str) -> Result<T> {
        serde_json::from_str(json).map_err(|error| self.corrupt(column, error))
    }

    fn hex<const N: usize>(&self, column: &str, digits: &str) -> Result<Hex<N>> {
        digits.parse().map_err(|error| self.corrupt(column, error))
    }

    fn corrupt(&self, column: &str, problem: impl std::fmt::Display) -> crate::error::Error {
        let draw = GiveawayId(self.giveaway_id);
        anyhow::anyhow!("{column} of the draw of {draw}: {problem}").into()
    }
}

/// Writes a commitment with its leaves, which are sorted. A second one for the same draw is a bug
/// that the primary key stops.
///
/// # Errors
/// When the database fails.
pub async fn insert_commitment(
    tx: &Tx,
    giveaway: GiveawayId,
    manifest: &Manifest,
    signature: &Signature,
    public_key: &PublicKey,
    leaves: &[Leaf],
    now: Timestamp,
) -> Result<()> {
    let canonical = String::from_utf8(manifest.canonical())
        .map_err(|_| anyhow::anyhow!("a manifest in canonical form is not text"))?;
    let row = ActiveModel {
        giveaway_id: Set(giveaway.0),
        generation: Set(FIRST_GENERATION),
        manifest: Set(canonical),
        manifest_hash: Set(manifest.hash().to_string()),
        signature: Set(signature.to_string()),
        public_key: Set(public_key.to_string()),
        round: Set(stored(manifest.round)?),
        sealed_at: Set(now.as_millisecond()),
        beacon: Set(None),
        words: Set(None),
        rejected: Set(None),
        drawn_at: Set(None),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    for (part, leaves) in leaves.chunks(LEAVES_PER_ROW).enumerate() {
        let row = leaves::ActiveModel {
            giveaway_id: Set(giveaway.0),
            generation: Set(FIRST_GENERATION),
            part: Set(stored(part)?),
            leaves: Set(leaves.iter().flat_map(Leaf::as_bytes).copied().collect()),
        };
        leaves::Entity::insert(row).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// The first draw of a giveaway, from the commitment on.
///
/// # Errors
/// When the database fails.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((giveaway.0, FIRST_GENERATION)).one(conn).await
}

/// The leaves that were committed to, in order.
///
/// # Errors
/// When the database fails or a row is corrupt.
pub async fn read_leaves<C: ConnectionTrait>(conn: &C, giveaway: GiveawayId) -> Result<Vec<Leaf>> {
    let rows = leaves::Entity::find()
        .filter(leaves::Column::GiveawayId.eq(giveaway.0))
        .filter(leaves::Column::Generation.eq(FIRST_GENERATION))
        .order_by_asc(leaves::Column::Part)
        .all(conn)
        .await?;
    let mut all = Vec::with_capacity(rows.len() * LEAVES_PER_ROW);
    for row in &rows {
        let (leaves, rest) = row.leaves.as_chunks::<LEAF_BYTES>();
        if !rest.is_empty() {
            let part = row.part;
            return Err(anyhow::anyhow!("part {part} of the leaves of {giveaway} is cut").into());
        }
        all.extend(leaves.iter().copied().map(Leaf::from_bytes));
    }
    Ok(all)
}

/// Writes what was drawn, once. False when it had been drawn: nothing was written.
///
/// # Errors
/// When the database fails.
pub async fn record_drawn(
    tx: &Tx,
    giveaway: GiveawayId,
    beacon: &BeaconRecord,
    outcome: &Outcome,
    entry_of: impl Fn(&LeafId) -> Option<EntryId>,
    now: Timestamp,
) -> Result<bool> {
    let drawn = Entity::update_many()
        .col_expr(Column::Beacon, Expr::value(to_json(beacon)?))
        .col_expr(Column::Words, Expr::value(stored::<_, i64>(outcome.words)?))
        .col_expr(Column::Rejected, Expr::value(stored::<_, i64>(outcome.rejected)?))
        .col_expr(Column::DrawnAt, Expr::value(now.as_millisecond()))
        .filter(Column::GiveawayId.eq(giveaway.0))
        .filter(Column::Generation.eq(FIRST_GENERATION))
        .filter(Column::DrawnAt.is_null())
        .exec(tx)
        .await?;
    if drawn.rows_affected != 1 {
        return Ok(false);
    }
    let mut rows = Vec::with_capacity(outcome.picks.len());
    for (position, leaf) in outcome.picks.iter().enumerate() {
        let entry = entry_of(leaf)
            .ok_or_else(|| anyhow::anyhow!("leaf {leaf} of {giveaway} has no entry"))?;
        rows.push(pick::ActiveModel {
            giveaway_id: Set(giveaway.0),
            generation: Set(FIRST_GENERATION),
            position: Set(stored(position)?),
            leaf_id: Set(Uuid::from_bytes(leaf.0)),
            entry_id: Set(entry.0),
        });
    }
    for rows in rows.chunks(PICKS_PER_STATEMENT) {
        pick::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(true)
}

/// Everybody drawn, in order.
///
/// # Errors
/// When the database fails.
pub async fn picks<C: ConnectionTrait>(
    conn: &C,
    giveaway: GiveawayId,
) -> Result<Vec<pick::Model>, DbErr> {
    pick::Entity::find()
        .filter(pick::Column::GiveawayId.eq(giveaway.0))
        .filter(pick::Column::Generation.eq(FIRST_GENERATION))
        .order_by_asc(pick::Column::Position)
        .all(conn)
        .await
}

impl pick::Model {
    /// The leaf.
    pub fn leaf(&self) -> LeafId {
        Hex(*self.leaf_id.as_bytes())
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<String> {
    Ok(serde_json::to_string(value).map_err(anyhow::Error::from)?)
}

/// A count as the database keeps it; one that does not fit is a bug.
fn stored<F, T: TryFrom<F>>(number: F) -> Result<T> {
    T::try_from(number).map_err(|_| anyhow::anyhow!("a number is too large to be stored").into())
}
