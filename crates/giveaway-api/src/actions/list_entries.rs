//! A host looks through the entries of a giveaway.

use draw::{codes::Country, leaf::Reason};
use jiff::Timestamp;
use platform::clock::from_millis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::eligibility::judge,
    error::{Error, Result},
    ids::{EntryId, GiveawayId, HostId},
    service::Service,
    store::{entry, giveaway},
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
    let giveaway = giveaway::find(service.db.read(), id)
        .await?
        .filter(|giveaway| giveaway.host_id == host.0)
        .ok_or(Error::NotFound("giveaway"))?;
    let rules = giveaway.eligibility()?;
    let entries = entry::page(service.db.read(), id, after, limit).await?;
    Ok(entries
        .into_iter()
        .map(|entry| {
            let country: Option<Country> = entry.country.as_deref().and_then(|c| c.parse().ok());
            let birth_year = entry.birth_year.and_then(|year| year.try_into().ok());
            EntryView {
                id: entry.entry_id(),
                reason: judge(&rules, country, birth_year, entry.verified_at.is_some()),
                email: entry.address,
                name: entry.name,
                country: entry.country,
                birth_year: entry.birth_year,
                source: entry.source,
                referred_by: entry.referred_by,
                verified_at: entry.verified_at.map(from_millis),
                created_at: from_millis(entry.created_at),
            }
        })
        .collect())
}
