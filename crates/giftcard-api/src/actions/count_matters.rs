//! How much waits for a person.

use crate::{
    error::Result,
    service::Service,
    store::{alert, settlement, unmatched},
};

/// More is as much as anybody can look at.
const COUNTED: u64 = 100;

/// What waits for a person; each is counted up to a hundred.
pub(crate) struct Matters {
    pub(crate) alerts: u32,
    pub(crate) failed_settlements: u32,
    pub(crate) unexplained_transfers: u32,
}

/// Counts it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn count_matters(service: &Service) -> Result<Matters> {
    let conn = service.db.read();
    let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    Ok(Matters {
        alerts: number(alert::open(conn, None, COUNTED).await?.len()),
        failed_settlements: number(settlement::failed(conn, COUNTED).await?.len()),
        unexplained_transfers: number(unmatched::open(conn, None, COUNTED).await?.len()),
    })
}
