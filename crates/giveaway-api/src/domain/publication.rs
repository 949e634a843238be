//! What is fixed when a giveaway is published: its units with their escrows, the rules, the round,
//! and the calls that the saga will make, encoded once and for all.

use contracts::{
    giftcard::{CancelEscrowsRequest, ConfirmEscrowsRequest, EscrowItem, ReserveEscrowsRequest},
    types,
};
use draw::{
    beacon::Chain,
    ids::{DrawId, UnitId as DrawUnit},
    moment::Moment,
    rules::{PrizeUnit, RULES_VERSION, Rules, WeightRule},
    schedule,
};
use jiff::Timestamp;
use ledger::Money;
use platform::http::FieldError;
use prost::Message as _;

use super::draft::{Draft, Prize};
use crate::ids::{BatchId, EscrowId, GiveawayId, ProductId, SagaId, UnitId};

/// Escrows in one call: small enough that a refused batch says something, and that a giveaway of a
/// thousand prizes is still reserved by twenty calls in parallel.
const ESCROWS_PER_BATCH: usize = 50;

/// A prize unit as it comes into being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUnit {
    /// Its id.
    pub id: UnitId,
    /// Its funds.
    pub escrow: EscrowId,
    /// Which line of the prizes, from 0.
    pub line: usize,
    /// The product of its card.
    pub product: ProductId,
    /// Its value.
    pub value: Money,
}

/// A batch to be written.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// Its id.
    pub id: BatchId,
    /// The encoded request that reserves it.
    pub reserve_request: Vec<u8>,
    /// The encoded request that confirms it.
    pub confirm_request: Vec<u8>,
    /// The encoded request that cancels it.
    pub cancel_request: Vec<u8>,
    /// Its escrows.
    pub items: Vec<NewItem>,
}

/// An item to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewItem {
    /// The escrow.
    pub escrow: EscrowId,
    /// The unit that it funds.
    pub unit: UnitId,
    /// The product of the card.
    pub product: ProductId,
    /// The value of the card.
    pub value: Money,
}

/// One unit per card, in the order of the lines, each with an escrow of its own.
pub fn units(prizes: &[Prize]) -> Vec<NewUnit> {
    let of_line = |(line, prize): (usize, &Prize)| {
        let (product, value) = (prize.product_id, prize.value);
        (0..prize.units)
            .map(move |_| NewUnit {
                id: UnitId::new(),
                escrow: EscrowId::new(),
                line,
                product,
                value,
            })
            .collect::<Vec<_>>()
    };
    prizes.iter().enumerate().flat_map(of_line).collect()
}

/// The rules, locked from now on.
///
/// # Errors
/// Dates that no longer work out: closing in the past, a draw beyond all calendars.
pub fn rules(
    giveaway: GiveawayId,
    draft: &Draft,
    prizes: &[Prize],
    units: &[NewUnit],
    chain: &Chain,
    now: Timestamp,
) -> Result<Rules, Vec<FieldError>> {
    let wrong = |pointer: &str, detail: &str| vec![FieldError::new(pointer, detail)];
    let closes_at = Moment::from(draft.closes_at);
    let opens_at = draft.opens_at.map_or_else(|| Moment::from(now), Moment::from);
    if draft.closes_at <= now {
        return Err(wrong("/closes_at", "must be in the future"));
    }
    if opens_at >= closes_at {
        return Err(wrong("/opens_at", "must be before closes_at"));
    }
    let draw_at = schedule::draw_at(closes_at, draft.review_seconds, draft.lead_seconds)
        .ok_or_else(|| wrong("/closes_at", "is too far away"))?;
    let currency = draft
        .currency
        .as_str()
        .parse()
        .map_err(|error: draw::codes::CodeError| wrong("/currency", &error.to_string()))?;
    let unit = |unit: &NewUnit| PrizeUnit {
        unit: DrawUnit(unit.id.0),
        description: prizes[unit.line].product_name.clone(),
        value_minor: unit.value.minor.unsigned_abs(),
        currency,
        merchant: prizes[unit.line].merchant_name.clone(),
    };
    let rules = Rules {
        version: RULES_VERSION,
        draw_id: DrawId(giveaway.0),
        title: draft.title.clone(),
        units: units.iter().map(unit).collect(),
        alternates: draft.alternates,
        weight: WeightRule::Equal {},
        eligibility: draft.eligibility.clone(),
        disqualification: draft.grounds.clone(),
        opens_at,
        closes_at,
        review_seconds: draft.review_seconds,
        lead_seconds: draft.lead_seconds,
        draw_at,
        chain: chain.hash(),
        round: chain.round_at_or_after(draw_at),
        further_generation: false,
        claim_seconds: draft.claim_seconds,
    };
    rules.check(chain).map_err(|error| wrong(&format!("/{}", error.field), &error.reason))?;
    Ok(rules)
}

/// The saga's batches, each with the bytes of every call that may be made about it: whoever sends
/// them after a crash sends the same.
pub fn batches(saga: SagaId, units: &[NewUnit]) -> Vec<NewBatch> {
    (0_u32..)
        .zip(units.chunks(ESCROWS_PER_BATCH))
        .map(|(number, units)| {
            let saga_id = saga.to_string();
            let escrow_ids: Vec<String> =
                units.iter().map(|unit| unit.escrow.to_string()).collect();
            let items = units.iter().map(|unit| EscrowItem {
                escrow_id: unit.escrow.to_string(),
                product_id: unit.product.to_string(),
                value: Some(types::Money {
                    minor: unit.value.minor,
                    currency: unit.value.currency.as_str().to_owned(),
                }),
            });
            let reserve = ReserveEscrowsRequest {
                saga_id: saga_id.clone(),
                batch: number,
                items: items.collect(),
            };
            let confirm =
                ConfirmEscrowsRequest { saga_id: saga_id.clone(), escrow_ids: escrow_ids.clone() };
            let cancel = CancelEscrowsRequest { saga_id, escrow_ids };
            let item = |unit: &NewUnit| NewItem {
                escrow: unit.escrow,
                unit: unit.id,
                product: unit.product,
                value: unit.value,
            };
            NewBatch {
                id: BatchId::new(),
                reserve_request: reserve.encode_to_vec(),
                confirm_request: confirm.encode_to_vec(),
                cancel_request: cancel.encode_to_vec(),
                items: units.iter().map(item).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_the_lines_and_batches_hold_all_of_them() {
        let eur = |minor| Money::new(minor, "EUR".parse().unwrap());
        let prize = |minor, units| Prize {
            product_id: ProductId::new(),
            product_name: "Coffee".to_owned(),
            merchant_name: "Beans".to_owned(),
            value: eur(minor),
            units,
        };
        let units = units(&[prize(5_000, 1), prize(1_000, 60)]);
        assert_eq!(units.len(), 61);
        assert_eq!((units[0].line, units[0].value), (0, eur(5_000)));
        let batches = batches(SagaId::new(), &units);
        assert_eq!(batches.iter().map(|batch| batch.items.len()).collect::<Vec<_>>(), [50, 11]);
        let second = ReserveEscrowsRequest::decode(&*batches[1].reserve_request).unwrap();
        assert_eq!((second.batch, second.items.len()), (1, 11));
        assert_eq!(second.items[0].escrow_id, units[50].escrow.to_string());
    }
}
