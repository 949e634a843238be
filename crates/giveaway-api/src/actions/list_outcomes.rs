//! What has become of each prize of a giveaway, in the order of the prizes. Publishing and cancelling
//! go prize by prize, and may get through with some before others.

use std::collections::HashMap;

use ledger::Money;
use sea_orm::prelude::Uuid;
use serde::Serialize;
use utoipa::ToSchema;

use super::draft_giveaway::owned;
use crate::{
    domain::{
        giveaway::{ReturnState, UnitState},
        outcome::{Outcome, outcome},
    },
    error::Result,
    ids::{EscrowId, GiveawayId, HostId, ProductId, SagaId, UnitId},
    service::Service,
    store::{
        escrow_return,
        saga::{self, batch},
        unit,
    },
};

/// One prize, and what has become of its funds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UnitOutcome {
    /// The prize. Once an attempt to publish has turned back, no giveaway has it any more.
    pub unit_id: UnitId,
    /// Its funds.
    pub escrow_id: EscrowId,
    /// The product of its card.
    pub product_id: ProductId,
    /// Its value.
    pub value: Money,
    /// What has become of the funds.
    pub outcome: Outcome,
    /// Why it could not be reserved, if its own batch was what failed.
    pub refusal: Option<String>,
}

/// What has become of each prize in the latest attempt to publish; nothing before the first one.
///
/// # Errors
/// An unknown giveaway, or one of another host.
pub async fn list_outcomes(
    service: &Service,
    host: HostId,
    id: GiveawayId,
) -> Result<Vec<UnitOutcome>> {
    let giveaway = owned(service, host, id).await?;
    let conn = service.db.read();
    let Some(saga_id) = giveaway.saga_id.map(SagaId) else { return Ok(Vec::new()) };
    let Some(saga) = saga::find(conn, saga_id).await? else { return Ok(Vec::new()) };
    let mut units: HashMap<Uuid, UnitState> = HashMap::new();
    for row in unit::of_giveaway(conn, id).await? {
        units.insert(row.id, row.state()?);
    }
    let mut returns: HashMap<Uuid, ReturnState> = HashMap::new();
    for row in escrow_return::of_giveaway(conn, id).await? {
        returns.insert(row.escrow_id, row.state.parse()?);
    }
    let mut batches: HashMap<Uuid, batch::Model> = HashMap::new();
    for row in batch::of_saga(conn, saga_id).await? {
        batches.insert(row.id, row);
    }
    let state = saga.state()?;
    let currency = saga.currency.parse().map_err(anyhow::Error::from)?;
    let mut outcomes = Vec::new();
    // Escrows are named in the order of the prizes.
    for item in saga::items(conn, saga_id).await? {
        // Items refer to their batches.
        let Some(batch) = batches.get(&item.batch_id) else { continue };
        let returned = returns.get(&item.escrow_id).copied();
        let unit = units.get(&item.unit_id).copied();
        outcomes.push(UnitOutcome {
            unit_id: UnitId(item.unit_id),
            escrow_id: EscrowId(item.escrow_id),
            product_id: ProductId(item.product_id),
            value: Money::new(item.value_minor, currency),
            outcome: outcome(state, batch.state()?, returned, unit),
            refusal: batch.refusal.clone(),
        });
    }
    Ok(outcomes)
}
