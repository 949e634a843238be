//! How many entries a giveaway has, kept up to date by whoever adds or verifies one.

use std::collections::HashMap;

use contracts::room::Kind;
use platform::Tx;
use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbErr, ExprTrait as _,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::GiveawayId;

/// The counts of one giveaway.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entry_count")]
pub struct Model {
    /// The giveaway.
    #[sea_orm(primary_key, auto_increment = false)]
    pub giveaway_id: Uuid,
    /// Entries, one per person.
    pub entries: i64,
    /// Of those, with a verified address.
    pub verified: i64,
    /// Of those, qualified under the rules.
    pub eligible: i64,
}

/// Of a giveaway.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    fn counts(&self) -> Counts {
        Counts { entries: self.entries, verified: self.verified, eligible: self.eligible }
    }
}

/// How many entries there are, or how many came on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Entries, one per person.
    pub entries: i64,
    /// Of those, with a verified address.
    pub verified: i64,
    /// Of those, qualified under the rules.
    pub eligible: i64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        Self {
            entries: self.entries + more.entries,
            verified: self.verified + more.verified,
            eligible: self.eligible + more.eligible,
        }
    }
}

/// The counts of a giveaway; zeros before the first entry.
///
/// # Errors
/// When the database fails.
pub async fn read<C: ConnectionTrait>(conn: &C, giveaway: GiveawayId) -> Result<Counts, DbErr> {
    let row = Entity::find_by_id(giveaway.0).one(conn).await?;
    Ok(row.map_or_else(Counts::default, |row| row.counts()))
}

/// The counts of some giveaways that have entries.
///
/// # Errors
/// When the database fails.
pub async fn read_many<C: ConnectionTrait>(
    conn: &C,
    giveaways: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Counts>, DbErr> {
    let rows = Entity::find().filter(Column::GiveawayId.is_in(giveaways)).all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.giveaway_id, row.counts())).collect())
}

/// Adds to the counts of a giveaway, which are seen by everybody who looks at it.
///
/// # Errors
/// When the database fails.
pub async fn add(tx: &Tx, giveaway: GiveawayId, more: Counts) -> Result<(), DbErr> {
    if more == Counts::default() {
        return Ok(());
    }
    tx.outdates(Kind::Giveaway.room(giveaway));
    let sum = |column: Column, n: i64| (column, Expr::col((Entity, column)).add(n));
    let sums = [
        sum(Column::Entries, more.entries),
        sum(Column::Verified, more.verified),
        sum(Column::Eligible, more.eligible),
    ];
    let mut update = Entity::update_many().filter(Column::GiveawayId.eq(giveaway.0));
    for (column, sum) in sums.clone() {
        update = update.col_expr(column, sum);
    }
    if update.exec(tx).await?.rows_affected == 1 {
        return Ok(());
    }
    // The first entries. The update comes first because the check of the table also looks at a row
    // that is not inserted in the end, and an increase need not be a possible count.
    let row = ActiveModel {
        giveaway_id: Set(giveaway.0),
        entries: Set(more.entries),
        verified: Set(more.verified),
        eligible: Set(more.eligible),
    };
    let add = OnConflict::column(Column::GiveawayId).values(sums).to_owned();
    Entity::insert(row).on_conflict(add).exec_without_returning(tx).await?;
    Ok(())
}
