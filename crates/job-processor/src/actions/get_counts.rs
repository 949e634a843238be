//! Reads the counters of one giveaway.

use contracts::processor::Count;

use crate::{app::State, domain::error::Error, store};

/// The counters of one giveaway; none for one that nobody has counted yet.
pub(crate) async fn get_counts(app: &State, giveaway_id: &str) -> Result<Vec<Count>, Error> {
    Ok(store::counts::of_giveaway(app.db.read(), giveaway_id).await?)
}
