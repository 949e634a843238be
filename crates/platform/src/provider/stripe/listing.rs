//! The port's listings, out of Stripe's lists of objects and of events (see `cursor`).

use std::collections::HashSet;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::de::DeserializeOwned;

use super::{StripeProvider, cursor::Cursor, event::Event, exchange::Answer, wire::List};
use crate::provider::{Page, ProviderError};

/// Objects asked for at once: the most that Stripe gives.
const OBJECTS_PER_PAGE: &str = "100";

/// Events asked for at once. Each may cost one or two further requests.
const EVENTS_PER_PAGE: &str = "50";

/// Changed objects fetched at a time; Stripe allows 25 requests a second in test mode.
const FETCHES: usize = 4;

/// What the port lists.
#[async_trait]
pub(super) trait Listed: Sized + Send {
    /// The object as Stripe lists it.
    type Wire: DeserializeOwned + Send;

    /// Where it is listed, below `/v1`.
    const PATH: &'static str;

    /// What is expanded in a listed object.
    const EXPAND: &'static [&'static str];

    /// The events that may change it.
    const EVENTS: &'static [&'static str];

    /// Stripe's id, which a list is continued from.
    fn id(wire: &Self::Wire) -> &str;

    /// Makes it from what was listed; none is left out.
    async fn complete(
        provider: &StripeProvider,
        wire: Self::Wire,
    ) -> Result<Option<Self>, ProviderError>;

    /// Fetches one that has changed; none is left out.
    async fn fetch(provider: &StripeProvider, id: &str) -> Result<Option<Self>, ProviderError>;
}

/// Which side of an event is asked for.
enum Side<'a> {
    Newest { limit: &'a str },
    After(&'a str),
}

/// The page after `after`.
pub(super) async fn page<T: Listed>(
    provider: &StripeProvider,
    after: Option<&str>,
) -> Result<Page<T>, ProviderError> {
    // A cursor of another provider is as good as none.
    let page = match after.and_then(|after| after.parse().ok()) {
        Some(Cursor::Events { after: Some(event) }) => {
            events_page::<T>(provider, Side::After(&event)).await?
        }
        Some(Cursor::Events { after: None }) => {
            let page = events_page::<T>(provider, Side::Newest { limit: EVENTS_PER_PAGE }).await?;
            // More than a page, and the oldest cannot be reached from the newest: list anew.
            page.filter(|page| !page.has_more)
        }
        Some(Cursor::Objects { mark, last }) => {
            objects_page::<T>(provider, mark, Some(&last)).await?
        }
        None => None,
    };
    if let Some(page) = page {
        // Unchanged when the page is empty.
        let cursor = page.cursor.or_else(|| after.map(str::to_owned));
        return Ok(Page { cursor, ..page });
    }
    if let Some(after) = after {
        tracing::warn!(
            list = T::PATH,
            cursor = after,
            "stripe does not know the place of a listing any more: it begins anew"
        );
    }
    let newest = events::<T>(provider, Side::Newest { limit: "1" }).await?;
    let mark = newest.and_then(|newest| newest.data.into_iter().next()).map(|event| event.id);
    let page = objects_page::<T>(provider, mark, None).await?;
    page.ok_or_else(|| ProviderError::Unknown {
        reason: "stripe misses something in a list that names nothing".to_owned(),
    })
}

async fn objects_page<T: Listed>(
    provider: &StripeProvider,
    mark: Option<String>,
    last: Option<&str>,
) -> Result<Option<Page<T>>, ProviderError> {
    let mut query = vec![("limit", OBJECTS_PER_PAGE)];
    query.extend(T::EXPAND.iter().map(|field| ("expand[]", *field)));
    query.extend(last.map(|last| ("starting_after", last)));
    let Some(answer) = known(provider.exchange.get(&["v1", T::PATH], &query).await?)? else {
        return Ok(None);
    };
    let List { data, has_more } = answer.json::<List<T::Wire>>()?;
    let cursor = match data.last().filter(|_| has_more) {
        Some(last) => Cursor::Objects { mark, last: T::id(last).to_owned() },
        None => Cursor::Events { after: mark },
    };
    let mut items = Vec::with_capacity(data.len());
    for object in data {
        items.extend(T::complete(provider, object).await?);
    }
    // After the last object the events wait.
    Ok(Some(Page { items, cursor: Some(cursor.to_string()), has_more: true }))
}

async fn events_page<T: Listed>(
    provider: &StripeProvider,
    side: Side<'_>,
) -> Result<Option<Page<T>>, ProviderError> {
    let Some(List { data, has_more }) = events::<T>(provider, side).await? else {
        return Ok(None);
    };
    let cursor =
        data.first().map(|newest| Cursor::Events { after: Some(newest.id.clone()) }.to_string());
    // Each object once, in the order of its last change on this page.
    let mut seen = HashSet::new();
    let mut changed: Vec<&str> = data.iter().filter_map(Event::subject).collect();
    changed.retain(|id| seen.insert(*id));
    changed.reverse();
    let fetches: Vec<_> = changed.into_iter().map(|id| T::fetch(provider, id)).collect();
    let items: Vec<Option<T>> =
        futures::stream::iter(fetches).buffered(FETCHES).try_collect().await?;
    let items = items.into_iter().flatten().collect();
    Ok(Some(Page { items, has_more: has_more && cursor.is_some(), cursor }))
}

/// Stripe lists newest first in either direction; `ending_before` gives the events that follow the
/// named one immediately, and `has_more` says whether there are still newer ones.
async fn events<T: Listed>(
    provider: &StripeProvider,
    side: Side<'_>,
) -> Result<Option<List<Event>>, ProviderError> {
    let mut query: Vec<_> = T::EVENTS.iter().map(|kind| ("types[]", *kind)).collect();
    query.extend(match side {
        Side::Newest { limit } => vec![("limit", limit)],
        Side::After(event) => vec![("limit", EVENTS_PER_PAGE), ("ending_before", event)],
    });
    let answer = known(provider.exchange.get(&["v1", "events"], &query).await?)?;
    Ok(answer.map(|answer| answer.json()).transpose()?)
}

/// The answer, unless Stripe does not know what the request named.
fn known(answer: Answer) -> Result<Option<Answer>, ProviderError> {
    if answer.is_missing() { Ok(None) } else { Ok(Some(answer.success()?)) }
}
