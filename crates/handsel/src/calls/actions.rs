//! List, show, replay, discard, stats: over an open queue, whoever has it open.

use anyhow::Context as _;
use durable_grpc::{
    CallId, Calls, DeadLetterFilter,
    store::{CallState, CallView},
};

use super::views::{Call, Lane, Page};

/// Dead letters on a page, at most; as in every list of the HTTP API.
pub(super) const PAGE: u16 = 100;

/// Which page of the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Only those of this lane.
    pub(super) lane: Option<String>,
    /// Only those after this one.
    pub(super) after: Option<CallId>,
    /// At most so many.
    pub(super) limit: u16,
}

/// It was asked, and the answer is no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Nothing has this id.
    #[error("{0}")]
    NotFound(String),
    /// The call is no dead letter.
    #[error("{0}")]
    NotDead(String),
}

/// A page of dead letters, oldest first.
///
/// # Errors
/// When the queue does not answer.
pub(super) async fn list(calls: &Calls, wanted: &Wanted) -> anyhow::Result<Page> {
    let limit = usize::from(wanted.limit);
    let filter = DeadLetterFilter {
        lane: wanted.lane.clone(),
        after: wanted.after,
        // One more tells whether there is a next page.
        limit: limit + 1,
    };
    let found = calls.dead_letters(filter).await.context("the dead letters cannot be listed")?;
    let mut items: Vec<_> = found.iter().map(Call::from).collect();
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|call| call.id.clone());
    Ok(Page { items, next })
}

/// One call.
///
/// # Errors
/// [`Refusal::NotFound`], or the queue does not answer.
pub(super) async fn show(calls: &Calls, id: CallId) -> anyhow::Result<Call> {
    let call = find(calls, id).await?;
    // Only dead letters keep their message and the time of their death. A page sorts by id, so the one
    // that is looked for is the first after whatever comes just before it.
    let filter = DeadLetterFilter { lane: None, after: before(id), limit: 1 };
    let letter = calls.dead_letters(filter).await.context("the dead letters cannot be read")?;
    let letter = letter.iter().find(|letter| letter.call.id == id);
    Ok(letter.map_or_else(|| Call::from(&call), Call::from))
}

/// Runs a dead letter again.
///
/// # Errors
/// [`Refusal`], or the queue does not answer.
pub(super) async fn replay(calls: &Calls, id: CallId) -> anyhow::Result<()> {
    let replayed = calls.replay(id).await.context("the call cannot be replayed")?;
    if replayed { Ok(()) } else { Err(not_dead(calls, id).await?.into()) }
}

/// Ends a dead letter for good.
///
/// # Errors
/// [`Refusal`], or the queue does not answer.
pub(super) async fn discard(calls: &Calls, id: CallId) -> anyhow::Result<()> {
    let discarded = calls.discard(id).await.context("the call cannot be discarded")?;
    if discarded { Ok(()) } else { Err(not_dead(calls, id).await?.into()) }
}

/// How each lane stands, by name.
///
/// # Errors
/// When the queue does not answer.
pub(super) async fn stats(calls: &Calls) -> anyhow::Result<Vec<Lane>> {
    let stats = calls.stats().await.context("the lanes cannot be read")?;
    let mut lanes: Vec<_> = stats.into_iter().map(Lane::from).collect();
    lanes.sort_by(|one, other| one.lane.cmp(&other.lane));
    Ok(lanes)
}

async fn find(calls: &Calls, id: CallId) -> anyhow::Result<CallView> {
    let found = calls.lookup(id).await.context("the call cannot be looked up")?;
    let missing =
        format!("call {id} is not known, or no longer: what has ended is kept for a while");
    found.ok_or_else(|| Refusal::NotFound(missing).into())
}

/// Why a call is no dead letter.
async fn not_dead(calls: &Calls, id: CallId) -> anyhow::Result<Refusal> {
    let state = match find(calls, id).await?.state {
        CallState::Waiting => "it waits for its turn",
        CallState::Running => "it is running",
        CallState::Ended(ended) => {
            return Ok(Refusal::NotDead(format!(
                "call {id} is no dead letter: it has ended as {}",
                ended.kind.name()
            )));
        }
    };
    Ok(Refusal::NotDead(format!("call {id} is no dead letter: {state}")))
}

/// The id just before this one, in the order in which ids sort.
fn before(id: CallId) -> Option<CallId> {
    let number = u128::from_be_bytes(*id.as_bytes()).checked_sub(1)?;
    Some(CallId::from_bytes(number.to_be_bytes()))
}
