//! What answers show of rows.

use ledger::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    actions::payout_destination::NextDestination,
    domain::{
        authorisation::AuthorisationState,
        card::CardState,
        ids::{
            AuthorisationId, CardId, EscrowId, MerchantId, ProductId, RedemptionId, ReversalId,
            SagaId, SettlementId,
        },
        product::ProductState,
        settlement::{LineKind, SettlementState, provider_ref},
    },
    error::Result,
    store::{
        authorisation::Authorisation, escrow::Escrow, line, line::Line, merchant::Merchant,
        product::Product, redemption::Redemption, reversal::Reversal, settlement::Settlement, time,
    },
};

/// A time as answers show it: RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(ms: i64) -> String {
    format!("{:.3}", time(ms))
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// What to give as `after` for the next page; null on the last.
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` of `rows`, which were read with one more than that.
    pub(crate) fn of<R>(
        mut rows: Vec<R>,
        limit: u64,
        cursor: impl Fn(&R) -> String,
        show: impl Fn(R) -> Result<T>,
    ) -> Result<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(&cursor);
        Ok(Self { items: rows.into_iter().map(show).collect::<Result<_>>()?, next })
    }
}

/// A merchant, to itself and to administrators.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MerchantView {
    /// Its id.
    id: MerchantId,
    /// As shown to people.
    name: String,
    /// Where we write to.
    #[schema(format = "email")]
    email: String,
    /// Where it is paid, in the provider's terms.
    payout_destination: String,
    /// Where it will be paid, while that is cooling off.
    next_payout_destination: Option<NextDestination>,
    /// Transfers to it wait for an operator.
    blocked: bool,
    /// Since when its cards are void.
    #[schema(format = DateTime)]
    closed_at: Option<String>,
    /// What its next settlements come to.
    due: Vec<Money>,
}

impl MerchantView {
    pub(crate) fn new(
        merchant: Merchant,
        next_payout_destination: Option<NextDestination>,
        due: Vec<Money>,
    ) -> Self {
        Self {
            id: merchant.id,
            name: merchant.name,
            email: merchant.email,
            payout_destination: merchant.payout_destination,
            next_payout_destination,
            blocked: merchant.blocked_at.is_some(),
            closed_at: merchant.closed_at.map(rfc3339),
            due,
        }
    }
}

/// A product, to its merchant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductView {
    /// Its id.
    id: ProductId,
    /// As shown to people.
    name: String,
    /// Of its cards.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
    /// The smallest value of a card, in minor units.
    min_minor: i64,
    /// The largest value of a card, in minor units.
    max_minor: i64,
    /// Days until a card expires; null for never.
    validity_days: Option<i32>,
    /// Whether prizes can be made of it.
    state: ProductState,
}

impl ProductView {
    pub(crate) fn new(product: Product) -> Self {
        Self {
            id: product.id,
            name: product.name,
            currency: product.currency,
            min_minor: product.min_minor,
            max_minor: product.max_minor,
            validity_days: product.validity_days,
            state: product.state,
        }
    }
}

/// A card with its code, to the one person who may see it. No `Debug`: the code is money.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealView {
    /// The card.
    pub(crate) card_id: CardId,
    /// Where it stands.
    pub(crate) state: CardState,
    /// The code that a till takes.
    pub(crate) code: String,
    /// What it was worth at first.
    pub(crate) value: Money,
    /// What can be spent.
    pub(crate) available: Money,
    /// Where it can be spent.
    pub(crate) merchant_name: String,
    /// What kind of card it is.
    pub(crate) product_name: String,
    /// When it expires; null for never.
    #[schema(format = DateTime)]
    pub(crate) expires_at: Option<String>,
    /// The same as a QR code, an SVG image.
    pub(crate) qr_svg: String,
}

/// What a card has left.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BalanceView {
    /// The card.
    pub(crate) card_id: CardId,
    /// Where it stands.
    pub(crate) state: CardState,
    /// What it was worth at first.
    pub(crate) value: Money,
    /// What can be spent.
    pub(crate) available: Money,
    /// Where it can be spent.
    pub(crate) merchant_name: String,
    /// What kind of card it is.
    pub(crate) product_name: String,
    /// When it expires; null for never.
    #[schema(format = DateTime)]
    pub(crate) expires_at: Option<String>,
}

/// A redemption, to its merchant.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RedemptionView {
    /// Its id.
    pub(crate) id: RedemptionId,
    /// What was taken off the card.
    pub(crate) amount: Money,
    /// What of that was taken back.
    pub(crate) reversed: Money,
    /// The card.
    pub(crate) card: RedeemedCard,
    /// The till's own name for it.
    pub(crate) external_id: String,
    /// When.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// The card of a redemption.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct RedeemedCard {
    /// Its id.
    pub(crate) id: CardId,
    /// What it has left right after the redemption; later it may be something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) available: Option<Money>,
}

impl RedemptionView {
    pub(crate) fn new(redemption: Redemption, available: Option<Money>) -> Result<Self> {
        Ok(Self {
            id: redemption.id,
            amount: redemption.amount()?,
            reversed: redemption.reversed()?,
            card: RedeemedCard { id: redemption.card_id, available },
            at: rfc3339(redemption.created_at),
            external_id: redemption.external_id,
        })
    }
}

/// An authorisation, to its merchant.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct AuthorisationView {
    /// Its id.
    pub(crate) id: AuthorisationId,
    /// Where it stands.
    pub(crate) state: AuthorisationState,
    /// What is set aside.
    pub(crate) amount: Money,
    /// Of which card.
    pub(crate) card_id: CardId,
    /// The till's own name for it.
    pub(crate) external_id: String,
    /// What it was captured as.
    pub(crate) redemption_id: Option<RedemptionId>,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

impl AuthorisationView {
    pub(crate) fn new(row: Authorisation) -> Result<Self> {
        Ok(Self {
            id: row.id,
            state: row.state,
            amount: row.amount()?,
            card_id: row.card_id,
            external_id: row.external_id,
            redemption_id: row.redemption_id,
            expires_at: rfc3339(row.expires_at),
            at: rfc3339(row.created_at),
        })
    }
}

/// A reversal, to its merchant.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReversalView {
    /// Its id.
    pub(crate) id: ReversalId,
    /// What was taken back.
    pub(crate) redemption_id: RedemptionId,
    /// How much of it.
    pub(crate) amount: Money,
    /// When.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

impl ReversalView {
    pub(crate) fn new(reversal: &Reversal) -> Result<Self> {
        Ok(Self {
            id: reversal.id,
            redemption_id: reversal.redemption_id,
            amount: crate::store::money(reversal.amount_minor, &reversal.currency)?,
            at: rfc3339(reversal.created_at),
        })
    }
}

/// A settlement, to its merchant and to administrators.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettlementView {
    /// Its id.
    pub(crate) id: SettlementId,
    /// Who is paid.
    pub(crate) merchant_id: MerchantId,
    /// Where it stands.
    pub(crate) state: SettlementState,
    /// How much.
    pub(crate) total: Money,
    /// How many lines it consists of.
    pub(crate) lines_count: i64,
    /// The reference of its latest transfer.
    pub(crate) provider_ref: String,
    /// When it was asked for.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When its state changed last.
    #[schema(format = DateTime)]
    pub(crate) changed_at: String,
}

impl SettlementView {
    pub(crate) fn new(settlement: Settlement) -> Result<Self> {
        Ok(Self {
            id: settlement.id,
            merchant_id: settlement.merchant_id,
            state: settlement.state,
            total: settlement.total()?,
            lines_count: settlement.lines_count,
            provider_ref: provider_ref(settlement.id, settlement.attempt),
            created_at: rfc3339(settlement.created_at),
            changed_at: rfc3339(settlement.changed_at),
        })
    }
}

/// One line of a settlement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    /// What it stands for.
    kind: LineKind,
    /// The redemption or reversal; an adjustment has only a number of its own.
    id: String,
    /// What it comes to; below zero for what is given back.
    amount: Money,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

impl LineView {
    pub(crate) fn new(row: Line) -> Result<Self> {
        let id = match row.kind {
            LineKind::Redemption => RedemptionId(row.id).to_string(),
            LineKind::Reversal => ReversalId(row.id).to_string(),
            LineKind::Adjustment => row.id.to_string(),
        };
        Ok(Self { kind: row.kind, id, amount: line::amount(&row)?, at: rfc3339(row.created_at) })
    }
}

/// An escrow that waits for its saga, to administrators.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PendingEscrowView {
    /// Its id.
    id: EscrowId,
    /// The attempt to publish.
    saga_id: SagaId,
    /// Of which kind its card will be.
    product_id: Option<ProductId>,
    /// What its card will be worth.
    value: Money,
    /// Since when it waits.
    #[schema(format = DateTime)]
    reserved_at: String,
}

impl PendingEscrowView {
    pub(crate) fn new(escrow: Escrow) -> Result<Self> {
        Ok(Self {
            id: escrow.id,
            saga_id: escrow.saga_id,
            product_id: escrow.product_id,
            value: escrow.value()?,
            reserved_at: rfc3339(escrow.created_at),
        })
    }
}
