//! A host looks through the entries of a giveaway.

use std::collections::HashMap;

use draw::{codes::Country, leaf::Reason, rules::Eligibility};
use jiff::Timestamp;
use platform::clock::from_millis;
use serde::Serialize;
use utoipa::ToSchema;

use super::draft_giveaway::owned;
use crate::{
    domain::eligibility::judge,
    error::Result,
    ids::{EntryId, GiveawayId, HostId},
    service::Service,
    store::entry,
};

/// An entry, as its host sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// Its id.
    pub id: EntryId,
    /// The canonical address; null once the person was erased.
    #[schema(format = "email")]
    pub email: Option<String>,
    /// The name, where given.
    pub name: Option<String>,
    /// The country, where given.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    /// The year of birth, where given.
    pub birth_year: Option<i32>,
    /// `form` or `import`.
    #[schema(pattern = "^(form|import)$")]
    pub source: String,
    /// The canonical address of who told them of the giveaway.
    pub referred_by: Option<String>,
    /// When the address was verified.
    pub verified_at: Option<Timestamp>,
    /// When the entry came in.
    pub created_at: Timestamp,
    /// Why it would have no weight if it were frozen now; `none` if it takes part.
    #[schema(value_type = String, pattern = "^(none|unverified|birth_year|country|disqualified)$")]
    pub reason: Reason,
}

/// A page of a giveaway's entries, in the order they came in.
///
/// # Errors
/// When the giveaway is not this host's.
pub async fn list_entries(
    service: &Service,
    host: HostId,
    id: GiveawayId,
    after: Option<EntryId>,
    limit: u64,
) -> Result<Vec<EntryView>> {
    let rules = owned(service, host, id).await?.eligibility()?;
    let entries = entry::page(service.db.read(), id, after, limit).await?;
    Ok(entries.into_iter().map(|entry| view(&rules, entry)).collect())
}

/// Some entries of a giveaway by their ids. Those of other giveaways are left out.
///
/// # Errors
/// When the giveaway is not this host's.
pub async fn find_entries(
    service: &Service,
    host: HostId,
    id: GiveawayId,
    wanted: &[EntryId],
) -> Result<HashMap<EntryId, EntryView>> {
    let rules = owned(service, host, id).await?.eligibility()?;
    let entries = entry::find_many(service.db.read(), wanted.iter().copied()).await?;
    let own = entries.into_iter().filter(|entry| entry.giveaway_id == id.0);
    Ok(own.map(|entry| (entry.entry_id(), view(&rules, entry))).collect())
}

fn view(rules: &Eligibility, entry: entry::Model) -> EntryView {
    let country: Option<Country> = entry.country.as_deref().and_then(|c| c.parse().ok());
    let birth_year = entry.birth_year.and_then(|year| year.try_into().ok());
    EntryView {
        id: entry.entry_id(),
        reason: judge(rules, country, birth_year, entry.verified_at.is_some()),
        email: entry.address,
        name: entry.name,
        country: entry.country,
        birth_year: entry.birth_year,
        source: entry.source,
        referred_by: entry.referred_by,
        verified_at: entry.verified_at.map(from_millis),
        created_at: from_millis(entry.created_at),
    }
}
