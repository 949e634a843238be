//! `GET|POST|DELETE /v1/test/faults`.

use axum::body::Bytes;
use axum::extract::State;
use serde_json::json;

use super::request::body;
use crate::bank::Bank;
use crate::domain::fault::FaultOrder;
use crate::error::BankError;
use crate::operation::Answer;
use crate::store::faults;

/// A fault that keeps a request longer than this only keeps a test from ending.
const MAX_DELAY_MS: u32 = 60 * 60 * 1_000;

/// Orders a fault.
pub(super) async fn order(State(bank): State<Bank>, bytes: Bytes) -> Result<Answer, BankError> {
    let order: FaultOrder = body(&bytes)?;
    if order.count == 0 {
        let reason = "needs to be at least 1".to_owned();
        return Err(BankError::Invalid { field: "count", reason });
    }
    if order.delay_ms.is_some_and(|delay_ms| delay_ms > MAX_DELAY_MS) {
        let reason = format!("needs to be at most {MAX_DELAY_MS}");
        return Err(BankError::Invalid { field: "delay_ms", reason });
    }
    if let Some(target) = order.on.filter(|target| !order.fault.can_strike(*target)) {
        return Err(BankError::FaultMisplaced { fault: order.fault, target });
    }
    let answer = Answer::new(201, &json!(order));
    if bank.store().write(move |tx| faults::order(tx, &order)).await? {
        Ok(answer)
    } else {
        let reason = "too many are waiting to strike".to_owned();
        Err(BankError::Invalid { field: "fault", reason })
    }
}

/// Lists what is still to strike, and how often yet.
pub(super) async fn list(State(bank): State<Bank>) -> Result<Answer, BankError> {
    let waiting = bank.store().read(faults::list).await?;
    Ok(Answer::new(200, &json!({"items": waiting})))
}

/// Forgets all that is still to strike.
pub(super) async fn clear(State(bank): State<Bank>) -> Result<Answer, BankError> {
    bank.store().write(|tx| faults::clear(tx)).await?;
    Ok(Answer::new(200, &json!({"items": []})))
}
