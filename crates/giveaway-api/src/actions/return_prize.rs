//! A prize that nobody gets goes back to the host's wallet: once per escrow, for ever.

use contracts::{giftcard::ReturnEscrowRequest, lane, method};
use jiff::Timestamp;
use platform::{
    Tx,
    outbox::{self, NewCall},
};
use prost::Message as _;

use crate::{
    error::Result,
    ids::{EscrowId, GiveawayId},
    store::{escrow_return, unit},
};

/// Asks for a unit's value back, in the transaction that gives the reason. A second time changes
/// nothing. The answer ends the unit: [`super::take_answers`].
///
/// # Errors
/// When the database fails.
pub(crate) async fn return_prize(
    tx: &Tx,
    unit: &unit::Model,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    let escrow = EscrowId(unit.escrow_id);
    let giveaway = GiveawayId(unit.giveaway_id);
    if escrow_return::insert(tx, escrow, unit.unit_id(), giveaway, reason, now).await? {
        let call = NewCall {
            lane: lane::GIFTCARD,
            method: method::RETURN_ESCROW,
            key: format!("{escrow}:return"),
            subject: unit.escrow_id,
            payload: ReturnEscrowRequest { escrow_id: escrow.to_string() }.encode_to_vec(),
            not_before_ms: 0,
        };
        outbox::enqueue(tx, call, now.as_millisecond()).await?;
    }
    Ok(())
}
