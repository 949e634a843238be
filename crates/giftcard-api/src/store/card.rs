//! Cards.

use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, ExprTrait as _,
    IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Value,
    sea_query::Expr,
};

use super::{event, money, time};
use crate::domain::{
    card::{CardState, Standing},
    ids::{CardId, EscrowId, MerchantId},
};
use ledger::Money;

pub(crate) use entity::Model as Card;

/// The table. A check keeps the value equal to the sum of its parts.
pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    use crate::domain::{
        card::CardState,
        ids::{CardId, EscrowId, MerchantId, ProductId, WinnerId},
    };

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "card")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: CardId,
        pub escrow_id: EscrowId,
        pub winner_id: WinnerId,
        pub merchant_id: MerchantId,
        pub product_id: ProductId,
        pub currency: String,
        pub value_minor: i64,
        pub available_minor: i64,
        pub authorised_minor: i64,
        pub redeemed_minor: i64,
        pub voided_minor: i64,
        pub expired_minor: i64,
        pub state: CardState,
        /// HMAC-SHA256 of the code: how a typed code is found.
        pub code_lookup: Vec<u8>,
        /// The code under XChaCha20-Poly1305: how it is shown again.
        pub code_sealed: Vec<u8>,
        /// The key that sealed it.
        pub code_key_id: String,
        pub expires_at: Option<i64>,
        pub revealed_at: Option<i64>,
        pub issued_at: i64,
        pub changed_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// Neither the sealed code nor its lookup belongs into a log.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Card")
                .field("id", &self.id)
                .field("state", &self.state)
                .finish_non_exhaustive()
        }
    }
}

use entity::{Column, Entity};

impl Card {
    /// What the card was issued with.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn value(&self) -> anyhow::Result<Money> {
        money(self.value_minor, &self.currency)
    }

    /// What can be redeemed.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn available(&self) -> anyhow::Result<Money> {
        money(self.available_minor, &self.currency)
    }

    /// What decides whether it can be redeemed.
    ///
    /// # Errors
    /// When the row is corrupt.
    pub(crate) fn standing(&self) -> anyhow::Result<Standing> {
        Ok(Standing {
            state: self.state,
            available: self.available()?,
            expires_at: self.expires_at.map(time),
        })
    }
}

/// Writes a card that was issued.
pub(crate) async fn insert(tx: &impl ConnectionTrait, card: Card) -> Result<(), DbErr> {
    let (id, at) = (card.id, card.issued_at);
    Entity::insert(card.into_active_model()).exec_without_returning(tx).await?;
    event::record_one(tx, id, None, CardState::Active, "issued", at).await
}

/// The card of this id.
pub(crate) async fn find(conn: &impl ConnectionTrait, id: CardId) -> Result<Option<Card>, DbErr> {
    Entity::find_by_id(id).one(conn).await
}

/// The card of this id, locked until the transaction ends.
pub(crate) async fn lock(tx: &impl ConnectionTrait, id: CardId) -> Result<Option<Card>, DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(tx).await
}

/// The cards of these ids.
pub(crate) async fn find_many(
    conn: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = CardId>,
) -> Result<Vec<Card>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids)).order_by_asc(Column::Id).all(conn).await
}

/// The card that an escrow became.
pub(crate) async fn of_escrow(
    conn: &impl ConnectionTrait,
    escrow: EscrowId,
) -> Result<Option<Card>, DbErr> {
    Entity::find().filter(Column::EscrowId.eq(escrow)).one(conn).await
}

/// The card with this code.
pub(crate) async fn by_lookup(
    conn: &impl ConnectionTrait,
    lookup: &[u8; 32],
) -> Result<Option<Card>, DbErr> {
    Entity::find().filter(Column::CodeLookup.eq(lookup.as_slice())).one(conn).await
}

/// Takes an amount from a card of the merchant that is active, not expired and has it: one
/// statement that decides and changes, so that concurrent tills never spend the same money.
pub(crate) async fn redeem(
    tx: &impl ConnectionTrait,
    id: CardId,
    merchant: MerchantId,
    amount: Money,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let minor = amount.minor;
    // What is authorised may come back, so a card with some of it is not exhausted.
    let nothing_left =
        Expr::col(Column::AvailableMinor).eq(minor).and(Expr::col(Column::AuthorisedMinor).eq(0));
    let state: Expr = Expr::case(nothing_left, Expr::value(CardState::Exhausted))
        .finally(Expr::value(CardState::Active))
        .into();
    let changed = Entity::update_many()
        .col_expr(Column::AvailableMinor, Expr::col(Column::AvailableMinor).sub(minor))
        .col_expr(Column::RedeemedMinor, Expr::col(Column::RedeemedMinor).add(minor))
        .col_expr(Column::State, state)
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(id))
        .filter(spendable(merchant, amount, now_ms))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Sets an amount of a card aside, under the conditions of [`redeem`].
pub(crate) async fn authorise(
    tx: &impl ConnectionTrait,
    id: CardId,
    merchant: MerchantId,
    amount: Money,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let minor = amount.minor;
    let changed = Entity::update_many()
        .col_expr(Column::AvailableMinor, Expr::col(Column::AvailableMinor).sub(minor))
        .col_expr(Column::AuthorisedMinor, Expr::col(Column::AuthorisedMinor).add(minor))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(id))
        .filter(spendable(merchant, amount, now_ms))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Takes what was authorised of a card that the caller has locked: `captured` of it was redeemed,
/// the rest is available again. A card that has value again is active, one that has none left is
/// exhausted.
pub(crate) async fn end_authorisation(
    tx: &impl ConnectionTrait,
    card: &Card,
    authorised: Money,
    captured: Money,
    expires_at: Option<i64>,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let back = authorised.minor - captured.minor;
    let is_empty = card.available_minor + back == 0;
    let to = match card.state {
        CardState::Active if is_empty && card.authorised_minor == authorised.minor => {
            CardState::Exhausted
        }
        CardState::Exhausted | CardState::Expired if !is_empty => CardState::Active,
        state => state,
    };
    let changed = Entity::update_many()
        .col_expr(Column::AvailableMinor, Expr::col(Column::AvailableMinor).add(back))
        .col_expr(Column::AuthorisedMinor, Expr::col(Column::AuthorisedMinor).sub(authorised.minor))
        .col_expr(Column::RedeemedMinor, Expr::col(Column::RedeemedMinor).add(captured.minor))
        .col_expr(Column::State, Expr::value(to))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(card.id))
        .filter(Column::State.eq(card.state))
        .filter(Column::AuthorisedMinor.gte(authorised.minor))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    if to != card.state {
        let reason = "an authorisation ended";
        event::record_one(tx, card.id, Some(card.state), to, reason, now_ms).await?;
    }
    Ok(true)
}

/// A card of the merchant that is active, not expired, and has the amount.
fn spendable(merchant: MerchantId, amount: Money, now_ms: i64) -> Condition {
    Condition::all()
        .add(Column::MerchantId.eq(merchant))
        .add(Column::Currency.eq(amount.currency.as_str()))
        .add(Column::State.eq(CardState::Active))
        .add(Column::AvailableMinor.gte(amount.minor))
        .add(Column::ExpiresAt.is_null().or(Column::ExpiresAt.gt(now_ms)))
}

/// Gives an amount back to a card that the caller has locked, and leaves it active.
pub(crate) async fn give_back(
    tx: &impl ConnectionTrait,
    card: &Card,
    amount: Money,
    expires_at: Option<i64>,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let minor = amount.minor;
    let changed = Entity::update_many()
        .col_expr(Column::AvailableMinor, Expr::col(Column::AvailableMinor).add(minor))
        .col_expr(Column::RedeemedMinor, Expr::col(Column::RedeemedMinor).sub(minor))
        .col_expr(Column::State, Expr::value(CardState::Active))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(card.id))
        .filter(Column::State.eq(card.state))
        .filter(Column::RedeemedMinor.gte(minor))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    if card.state != CardState::Active {
        let (from, to) = (Some(card.state), CardState::Active);
        event::record_one(tx, card.id, from, to, "reversed", now_ms).await?;
    }
    Ok(true)
}

/// Cards whose time is over, the longest first.
pub(crate) async fn due_to_expire(
    conn: &impl ConnectionTrait,
    now_ms: i64,
    limit: u64,
) -> Result<Vec<CardId>, DbErr> {
    let cards: Vec<Card> = Entity::find()
        .filter(Column::ExpiresAt.lte(now_ms))
        .filter(Column::State.is_in([CardState::Active, CardState::Exhausted]))
        .order_by_asc(Column::ExpiresAt)
        .limit(limit)
        .all(conn)
        .await?;
    Ok(cards.into_iter().map(|card| card.id).collect())
}

/// Expires a card that the caller has locked: only what is available is taken.
pub(crate) async fn expire(
    tx: &impl ConnectionTrait,
    card: &Card,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::ExpiredMinor, Expr::col(Column::ExpiredMinor).add(card.available_minor))
        .col_expr(Column::AvailableMinor, Expr::value(0_i64))
        .col_expr(Column::State, Expr::value(CardState::Expired))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(card.id))
        .filter(Column::State.eq(card.state))
        .filter(Column::AvailableMinor.eq(card.available_minor))
        .filter(Column::ExpiresAt.lte(now_ms))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    event::record_one(tx, card.id, Some(card.state), CardState::Expired, "time is over", now_ms)
        .await?;
    Ok(true)
}

/// Voids a card that the caller has locked and that no till has set anything aside of: what is
/// available is taken.
pub(crate) async fn void(
    tx: &impl ConnectionTrait,
    card: &Card,
    reason: &'static str,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::VoidedMinor, Expr::col(Column::VoidedMinor).add(card.available_minor))
        .col_expr(Column::AvailableMinor, Expr::value(0_i64))
        .col_expr(Column::State, Expr::value(CardState::Voided))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(card.id))
        .filter(Column::State.eq(card.state))
        .filter(Column::AvailableMinor.eq(card.available_minor))
        .filter(Column::AuthorisedMinor.eq(0))
        .exec(tx)
        .await?;
    if changed.rows_affected != 1 {
        return Ok(false);
    }
    event::record_one(tx, card.id, Some(card.state), CardState::Voided, reason, now_ms).await?;
    Ok(true)
}

/// Moves what was redeemed of a voided card, which the caller has locked, to what was voided of it:
/// a voided card is never opened again.
pub(crate) async fn void_reversed(
    tx: &impl ConnectionTrait,
    card: &Card,
    amount: Money,
    now_ms: i64,
) -> Result<bool, DbErr> {
    let minor = amount.minor;
    let changed = Entity::update_many()
        .col_expr(Column::RedeemedMinor, Expr::col(Column::RedeemedMinor).sub(minor))
        .col_expr(Column::VoidedMinor, Expr::col(Column::VoidedMinor).add(minor))
        .col_expr(Column::ChangedAt, Expr::value(now_ms))
        .filter(Column::Id.eq(card.id))
        .filter(Column::State.eq(CardState::Voided))
        .filter(Column::RedeemedMinor.gte(minor))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Notes that the code was shown; the first time stays.
pub(crate) async fn revealed(
    tx: &impl ConnectionTrait,
    id: CardId,
    now_ms: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::RevealedAt, Expr::value(Value::from(now_ms)))
        .filter(Column::Id.eq(id))
        .filter(Column::RevealedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}
