//! Asked by giftcard-api about escrows that are reserved for long: what did the saga decide? One
//! that has not decided is aborted, durably, before the answer.

use contracts::giveaway::resolve_escrows_response::Decision;

use super::drive_saga;
use crate::{
    domain::saga::SagaState,
    error::{Error, Result},
    ids::{GiveawayId, SagaId},
    service::Service,
    store::{giveaway, saga},
};

/// The decision about a saga's escrows. A saga that we do not know never came to a decision, and
/// never will: its escrows may be cancelled.
///
/// # Errors
/// A text that is no saga's id.
pub async fn resolve_escrows(service: &Service, saga_id: &str) -> Result<Decision> {
    let id: SagaId =
        saga_id.parse().map_err(|error| Error::field("/saga_id", format!("{error}")))?;
    let Some(saga) = saga::find(service.db.read(), id).await? else {
        tracing::warn!(saga = %id, "escrows of an unknown saga are to be cancelled");
        return Ok(Decision::Aborted);
    };
    let tx = service.db.begin("resolve_escrows").await?;
    giveaway::lock(&tx, GiveawayId(saga.giveaway_id)).await?;
    let saga = saga::lock(&tx, id).await?.ok_or(Error::NotFound("saga"))?;
    Ok(match saga.state()? {
        SagaState::Committed | SagaState::Confirmed => Decision::Committed,
        SagaState::Compensating | SagaState::Compensated => Decision::Aborted,
        SagaState::Reserving => {
            drive_saga::turn_back(service, &tx, id, "undecided for too long").await?;
            tx.commit().await?;
            service.wake.sagas.wake();
            Decision::Aborted
        }
    })
}
