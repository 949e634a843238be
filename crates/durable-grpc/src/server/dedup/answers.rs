//! Who executes which call right now, and what was answered lately.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderValue, Request};
use tokio::{sync::watch, time::Instant};
use tonic::Code;

use super::Answer;
use crate::{
    headers::{self, MAC},
    id::CallId,
    limits::KEPT_ANSWER_OVERHEAD,
    server::DurableCall,
};

/// What has to agree for two deliveries to be of one call.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    id: CallId,
    method: String,
    key: Option<String>,
    mac: Option<HeaderValue>,
}

impl Identity {
    pub(super) fn of<B>(call: &DurableCall, request: &Request<B>) -> Self {
        Self {
            id: call.id,
            method: request.uri().path().to_owned(),
            key: call.key.clone(),
            mac: request.headers().get(MAC).cloned(),
        }
    }
}

/// What becomes known of a first delivery: its answer, or, when the sender is dropped, that it has
/// none.
type Outcome = watch::Receiver<Option<Arc<Answer>>>;

/// Where a delivery stands.
pub(super) enum Place {
    /// It executes the call.
    First(First),
    /// Somebody else does.
    Behind(Outcome),
    /// Somebody else has.
    Answered(Arc<Answer>),
}

#[derive(Debug)]
pub(super) struct Answers {
    keep: Duration,
    keep_bytes: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    calls: HashMap<Arc<Identity>, Call>,
    /// The kept answers in the order in which they end: each is kept for the same time.
    kept: VecDeque<(Instant, Arc<Identity>)>,
    bytes: usize,
}

#[derive(Debug)]
enum Call {
    UnderWay(Outcome),
    Kept(Arc<Answer>),
}

impl Answers {
    pub(super) fn new(keep: Duration, keep_bytes: usize) -> Self {
        Self { keep, keep_bytes, known: Mutex::default() }
    }

    pub(super) fn enter(self: &Arc<Self>, identity: &Arc<Identity>) -> Place {
        let mut known = self.known();
        known.forget(Instant::now(), self.keep_bytes);
        match known.calls.get(identity) {
            Some(Call::Kept(answer)) => Place::Answered(answer.clone()),
            Some(Call::UnderWay(outcome)) => Place::Behind(outcome.clone()),
            None => {
                let (tell, outcome) = watch::channel(None);
                known.calls.insert(identity.clone(), Call::UnderWay(outcome));
                Place::First(First { answers: self.clone(), identity: identity.clone(), tell })
            }
        }
    }

    /// How many calls are known.
    #[cfg(test)]
    pub(super) fn counted(&self) -> usize {
        self.known().calls.len()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn keep(&mut self, identity: Arc<Identity>, answer: Arc<Answer>, until: Instant) {
        self.bytes += answer.weight();
        self.calls.insert(identity.clone(), Call::Kept(answer));
        self.kept.push_back((until, identity));
    }

    /// Lets go of what has been kept long enough, and of the oldest beyond the limit.
    fn forget(&mut self, now: Instant, most_bytes: usize) {
        while let Some((until, identity)) = self.kept.front() {
            if *until > now && self.bytes <= most_bytes {
                return;
            }
            if let Some(Call::Kept(answer)) = self.calls.remove(identity) {
                self.bytes -= answer.weight();
            }
            self.kept.pop_front();
        }
    }
}

impl Answer {
    fn weight(&self) -> usize {
        let metadata = headers::size(&self.headers) + headers::size(&self.trailers);
        self.body.len() + metadata + KEPT_ANSWER_OVERHEAD
    }
}

/// The delivery that executes a call. Dropped without an answer, it makes room for the next.
pub(super) struct First {
    answers: Arc<Answers>,
    identity: Arc<Identity>,
    tell: watch::Sender<Option<Arc<Answer>>>,
}

impl First {
    /// Gives the answer to whoever waits, and keeps it if it stands for an effect.
    pub(super) fn answered(self, answer: Answer) -> Arc<Answer> {
        let answer = Arc::new(answer);
        let Answers { keep, keep_bytes, .. } = *self.answers;
        if answer.code == Code::Ok && answer.weight() <= keep_bytes && !keep.is_zero() {
            let now = Instant::now();
            let mut known = self.answers.known();
            known.keep(self.identity.clone(), answer.clone(), now + keep);
            known.forget(now, keep_bytes);
        }
        self.tell.send_replace(Some(answer.clone()));
        answer
    }
}

impl Drop for First {
    fn drop(&mut self) {
        let mut known = self.answers.known();
        // Nobody else enters or leaves this place while it is under way.
        if let Some(Call::UnderWay(_)) = known.calls.get(&self.identity) {
            known.calls.remove(&self.identity);
        }
    }
}
