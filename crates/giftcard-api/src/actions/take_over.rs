//! What a process that begins does with what the one before it left behind.

use sea_orm::DbBackend;

use super::sweep_transfers;
use crate::{
    error::Result,
    service::Service,
    store::{attempt, schedule},
};

/// Takes over at once what would otherwise wait for the end of a lease or of a period. Only where
/// one process owns the database: beside other instances the leases are respected. Even a mistake
/// would be harmless, because an attempt is looked up before it is sent again.
///
/// # Errors
/// When the database fails.
pub(crate) async fn take_over(service: &Service) -> Result<()> {
    if service.db.engine() != DbBackend::Sqlite {
        return Ok(());
    }
    let (conn, now_ms) = (service.db.write(), service.now_ms());
    let taken_over = attempt::take_over(conn, now_ms).await?;
    if taken_over > 0 {
        tracing::info!(count = taken_over, "settlements were under way and are taken over");
    }
    schedule::hasten(conn, sweep_transfers::NAME, now_ms).await?;
    Ok(())
}
