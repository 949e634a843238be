//! A giveaway as its host sees it: everything.

use std::collections::HashMap;

use jiff::Timestamp;
use ledger::Money;
use platform::clock::from_millis;
use serde::Serialize;
use utoipa::ToSchema;

use super::draft_giveaway::owned;
use crate::{
    domain::{
        draft::Form,
        giveaway::{GiveawayState, UnitState},
        saga::SagaState,
        winner::WinnerState,
    },
    error::{Error, Result},
    ids::{
        CardId, EntryId, EscrowId, GiveawayId, HostId, PrizeId, ProductId, SagaId, UnitId, WinnerId,
    },
    service::Service,
    store::{
        entry_count::{self, Counts},
        giveaway, prize, saga, unit, winner,
    },
};

/// A giveaway in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GiveawaySummary {
    /// Its id.
    pub id: GiveawayId,
    /// Where it stands.
    pub state: GiveawayState,
    /// Its name.
    pub title: String,
    /// Of its prizes.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
    /// When entries are taken from, once that is fixed.
    pub opens_at: Option<Timestamp>,
    /// When entries are taken until.
    pub closes_at: Timestamp,
    /// When winners are drawn, once that is fixed.
    pub draw_at: Option<Timestamp>,
    /// When it was drafted.
    pub created_at: Timestamp,
}

/// A giveaway with everything about it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct GiveawayView {
    /// Its id.
    pub id: GiveawayId,
    /// Where it stands.
    pub state: GiveawayState,
    /// What its host wrote.
    #[serde(flatten)]
    pub draft: Form,
    /// When entries are frozen, once that is fixed.
    pub freeze_at: Option<Timestamp>,
    /// When winners are drawn, once that is fixed.
    pub draw_at: Option<Timestamp>,
    /// The beacon's round, once that is fixed.
    pub round: Option<i64>,
    /// The hash of the rules, once they are locked.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub rules_hash: Option<String>,
    /// How many have entered.
    pub counts: Counts,
    /// The prizes one by one, once they are being funded.
    pub units: Vec<UnitView>,
    /// The latest attempt to publish it.
    pub saga: Option<SagaView>,
    /// How its winners stand.
    pub winners: WinnerCounts,
    /// Where everybody can see it.
    #[schema(format = "uri")]
    pub public_url: String,
    /// When it was drafted.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
}

/// One prize.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnitView {
    /// Its id.
    pub id: UnitId,
    /// Which line of the prizes.
    pub prize_id: PrizeId,
    /// Its funds.
    pub escrow_id: EscrowId,
    /// Where it stands.
    pub state: UnitState,
}

/// An attempt to publish.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SagaView {
    /// Its id.
    pub id: SagaId,
    /// What it publishes.
    pub giveaway_id: GiveawayId,
    /// Where it stands.
    pub state: SagaState,
    /// Why it turned back.
    pub reason: Option<String>,
    /// Whether somebody should look at it.
    pub needs_operator: bool,
    /// When it stops trying to reserve.
    pub deadline_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
}

/// How many winners stand where.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct WinnerCounts {
    /// May claim.
    pub selected: u32,
    /// Have claimed.
    pub claimed: u32,
    /// Let their time pass.
    pub lapsed: u32,
    /// Did not want it.
    pub declined: u32,
    /// Were disqualified.
    pub disqualified: u32,
}

/// A winner as the host sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WinnerView {
    /// Its id.
    pub id: WinnerId,
    /// The prize.
    pub unit: UnitId,
    /// The entry.
    pub entry: EntryId,
    /// The leaf that was drawn.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    pub leaf: String,
    /// The place in the order drawn, from 0.
    pub rank: i32,
    /// Where the winner stands.
    pub state: WinnerState,
    /// Until when the prize can be claimed.
    pub claim_until: Timestamp,
    /// The card, once it is issued.
    pub card_id: Option<CardId>,
}

/// A host's giveaways, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list_giveaways(
    service: &Service,
    host: HostId,
    after: Option<GiveawayId>,
    limit: u64,
) -> Result<Vec<GiveawaySummary>> {
    let rows = giveaway::list(service.db.read(), host, after, limit).await?;
    rows.into_iter()
        .map(|row| {
            Ok(GiveawaySummary {
                id: row.giveaway_id(),
                state: row.state()?,
                opens_at: row.opens_at.map(from_millis),
                closes_at: from_millis(row.closes_at),
                draw_at: row.draw_at.map(from_millis),
                created_at: from_millis(row.created_at),
                title: row.title,
                currency: row.currency,
            })
        })
        .collect()
}

/// How many have entered these giveaways, which are the host's own; those without an entry are left out.
///
/// # Errors
/// When the database fails.
pub async fn count_entries(
    service: &Service,
    ids: &[GiveawayId],
) -> Result<HashMap<GiveawayId, Counts>> {
    let ids = ids.iter().map(|id| id.0);
    let counts = entry_count::read_many(service.db.read(), ids).await?;
    Ok(counts.into_iter().map(|(id, counts)| (GiveawayId(id), counts)).collect())
}

/// A host's giveaway.
///
/// # Errors
/// An unknown giveaway, or one of another host.
pub async fn show_giveaway(
    service: &Service,
    host: HostId,
    id: GiveawayId,
) -> Result<GiveawayView> {
    let row = owned(service, host, id).await?;
    let conn = service.db.read();
    let draft = row.draft(&prize::of_giveaway(conn, id).await?)?;
    let saga = match row.saga_id {
        Some(saga) => saga::find(conn, SagaId(saga)).await?.map(saga_view).transpose()?,
        None => None,
    };
    let units = unit::of_giveaway(conn, id).await?;
    Ok(GiveawayView {
        id,
        state: row.state()?,
        draft: Form::from(&draft),
        freeze_at: row.freeze_at.map(from_millis),
        draw_at: row.draw_at.map(from_millis),
        round: row.round,
        rules_hash: row.rules_hash.clone(),
        counts: entry_count::read(conn, id).await?,
        units: units.into_iter().map(unit_view).collect::<Result<_>>()?,
        saga,
        winners: count(&winner::of_giveaway(conn, id).await?)?,
        public_url: format!("{}/g/{id}", service.config.public_url),
        created_at: from_millis(row.created_at),
        changed_at: from_millis(row.changed_at),
    })
}

/// A line of prizes, as it was drafted.
#[derive(Clone, Debug, Serialize)]
pub struct PrizeView {
    /// The card product.
    pub product_id: ProductId,
    /// Its name when it was drafted.
    pub product_name: String,
    /// The merchant's name when it was drafted.
    pub merchant_name: String,
    /// The value of each card.
    pub value: Money,
    /// How many cards.
    pub count: u32,
}

/// The prizes of a host's giveaway, with the names of what can be won.
///
/// # Errors
/// An unknown giveaway, or one of another host.
pub async fn list_prizes(
    service: &Service,
    host: HostId,
    id: GiveawayId,
) -> Result<Vec<PrizeView>> {
    let row = owned(service, host, id).await?;
    let currency = row.currency.parse().map_err(anyhow::Error::from)?;
    let prizes = prize::of_giveaway(service.db.read(), id).await?;
    let view = |prize: prize::Model| PrizeView {
        product_id: ProductId(prize.product_id),
        product_name: prize.product_name,
        merchant_name: prize.merchant_name,
        value: Money::new(prize.value_minor, currency),
        count: prize.units.unsigned_abs(),
    };
    Ok(prizes.into_iter().map(view).collect())
}

/// A host's winners, also those who left, in the order drawn.
///
/// # Errors
/// An unknown giveaway, or one of another host.
pub async fn list_winners(
    service: &Service,
    host: HostId,
    id: GiveawayId,
) -> Result<Vec<WinnerView>> {
    owned(service, host, id).await?;
    let winners = winner::of_giveaway(service.db.read(), id).await?;
    winners
        .into_iter()
        .map(|row| {
            Ok(WinnerView {
                id: row.winner_id(),
                unit: UnitId(row.unit_id),
                entry: EntryId(row.entry_id),
                leaf: row.leaf().to_string(),
                rank: row.rank,
                state: row.state()?,
                claim_until: from_millis(row.claim_until),
                card_id: row.card_id.map(CardId),
            })
        })
        .collect()
}

/// Sagas that have not ended, for the administrator.
///
/// # Errors
/// When the database fails.
pub async fn list_sagas(service: &Service, limit: u64) -> Result<Vec<SagaView>> {
    saga::alive(service.db.read(), limit).await?.into_iter().map(saga_view).collect()
}

/// A saga, as it is shown.
///
/// # Errors
/// For a corrupt row.
pub(crate) fn saga_view(row: saga::Model) -> Result<SagaView> {
    Ok(SagaView {
        id: row.saga_id(),
        giveaway_id: row.giveaway(),
        state: row.state()?,
        needs_operator: row.needs_operator,
        deadline_at: from_millis(row.deadline_at),
        created_at: from_millis(row.created_at),
        reason: row.reason,
    })
}

fn unit_view(row: unit::Model) -> Result<UnitView> {
    Ok(UnitView {
        id: row.unit_id(),
        prize_id: PrizeId(row.prize_id),
        escrow_id: EscrowId(row.escrow_id),
        state: row.state()?,
    })
}

fn count(winners: &[winner::Model]) -> Result<WinnerCounts, Error> {
    let mut counts = WinnerCounts::default();
    for winner in winners {
        *match winner.state()? {
            WinnerState::Selected => &mut counts.selected,
            WinnerState::Claimed => &mut counts.claimed,
            WinnerState::Lapsed => &mut counts.lapsed,
            WinnerState::Declined => &mut counts.declined,
            WinnerState::Disqualified => &mut counts.disqualified,
        } += 1;
    }
    Ok(counts)
}
