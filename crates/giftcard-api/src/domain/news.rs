//! What is told to those who watch: every event of the rooms `merchant:…`, named once.

use contracts::room::Kind;
use platform::rooms::Event;
use serde_json::json;

use super::{
    ids::{MerchantId, SettlementId},
    settlement::SettlementState,
};

/// `settlement`: one was begun, or went from one state to the next.
pub(crate) fn settlement(
    merchant: MerchantId,
    id: SettlementId,
    state: SettlementState,
    at_ms: i64,
) -> Event {
    let data = json!({ "settlement": id, "state": state });
    Event { room: Kind::Merchant.room(merchant), name: "settlement", data, at_ms }
}
