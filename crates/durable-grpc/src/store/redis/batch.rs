//! Groups what concurrent callers want into one script call. What gathers while a call is on its way
//! goes into the next one; a lone caller finds nothing on its way and is served at once.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot;

use super::{Lane, Shared, lock};
use crate::store::StoreError;

/// The most items of one script call: other clients of the server wait while it runs.
const MAX_ITEMS: usize = 128;
/// The most bytes of messages of one script call, except where a single item has more.
const MAX_BYTES: usize = 1024 * 1024;
/// How many script calls of a kind and lane are on their way at a time.
const MAX_FLIGHTS: usize = 1;

/// One kind of operation that is grouped.
pub(super) trait Batch: Sized + Send + 'static {
    /// What one caller wants.
    type Item: Send + 'static;
    /// What it gets.
    type Output: Send + 'static;

    /// The lane's group of this kind.
    fn of(lane: &Lane) -> &Batcher<Self>;

    /// The bytes of messages that an item brings.
    fn bytes(item: &Self::Item) -> usize;

    /// Runs one script call; one result for each item, in their order.
    fn run(
        shared: &Arc<Shared>,
        lane: &Arc<Lane>,
        items: Vec<Self::Item>,
    ) -> impl Future<Output = Vec<Result<Self::Output, StoreError>>> + Send;
}

/// The items of one lane that wait for their script call.
pub(super) struct Batcher<B: Batch> {
    queue: Mutex<Queue<B>>,
}

struct Queue<B: Batch> {
    waiting: VecDeque<(B::Item, Reply<B>)>,
    flights: usize,
}

type Reply<B> = oneshot::Sender<Result<<B as Batch>::Output, StoreError>>;

impl<B: Batch> Default for Batcher<B> {
    fn default() -> Self {
        Self { queue: Mutex::new(Queue { waiting: VecDeque::new(), flights: 0 }) }
    }
}

/// Hands items over, and waits for their results. A caller that goes away takes nothing back.
pub(super) async fn run<B: Batch>(
    shared: &Arc<Shared>,
    lane: &Arc<Lane>,
    items: impl IntoIterator<Item = B::Item>,
) -> Vec<Result<B::Output, StoreError>> {
    let mut replies = Vec::new();
    let depart = {
        let mut queue = lock(&B::of(lane).queue);
        for item in items {
            let (reply, result) = oneshot::channel();
            queue.waiting.push_back((item, reply));
            replies.push(result);
        }
        let depart = !queue.waiting.is_empty() && queue.flights < MAX_FLIGHTS;
        queue.flights += usize::from(depart);
        depart
    };
    if depart {
        tokio::spawn(fly::<B>(shared.clone(), lane.clone()));
    }
    let mut results = Vec::with_capacity(replies.len());
    for reply in replies {
        results.push(reply.await.unwrap_or(Err(StoreError::Closed)));
    }
    results
}

/// One script call after another until nothing waits. A task of its own: a caller that goes away
/// must not take the items of others with it.
async fn fly<B: Batch>(shared: Arc<Shared>, lane: Arc<Lane>) {
    let mut flight = Flight { queue: &B::of(&lane).queue, landed: false };
    loop {
        let (mut items, mut replies) = (Vec::new(), Vec::new());
        {
            let mut queue = lock(flight.queue);
            let mut bytes = 0;
            while let Some((item, _)) = queue.waiting.front() {
                bytes += B::bytes(item);
                if !items.is_empty() && (items.len() >= MAX_ITEMS || bytes > MAX_BYTES) {
                    break;
                }
                let Some((item, reply)) = queue.waiting.pop_front() else { break };
                items.push(item);
                replies.push(reply);
            }
            if items.is_empty() {
                // Under the same lock as the look: who comes after it departs anew.
                queue.flights -= 1;
                flight.landed = true;
                return;
            }
        }
        let results = B::run(&shared, &lane, items).await;
        for (reply, result) in replies.into_iter().zip(results) {
            // Whoever has gone away needs no result.
            _ = reply.send(result);
        }
    }
}

/// Makes room also when the task ends by a panic or with its runtime, or nobody would depart again.
struct Flight<'a, B: Batch> {
    queue: &'a Mutex<Queue<B>>,
    landed: bool,
}

impl<B: Batch> Drop for Flight<'_, B> {
    fn drop(&mut self) {
        if !self.landed {
            lock(self.queue).flights -= 1;
        }
    }
}
