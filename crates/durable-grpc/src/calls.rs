//! The entry point: submits calls, waits for their ends, inspects and repairs.

mod builder;
mod inspect;
mod running;

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tonic::{Code, Status};
use tracing::{Instrument as _, Span};

pub use self::builder::{BuildError, CallsBuilder};
pub(crate) use self::running::{Running, RunningGuard, Stop};
use crate::{
    channel::DurableChannel,
    descriptors::Methods,
    direct::DirectChannel,
    gate::{Gate, Gates},
    headers,
    id::CallId,
    limits::{
        DEFAULT_DEADLINE, DETACHED_EXPIRY, KEYED_EXPIRY, MAX_KEY_BYTES, MAX_MESSAGE_BYTES,
        MAX_METADATA_BYTES,
    },
    mac::{Covered, Identity, MacKey},
    options::DurableOptions,
    outcome::{self, not_accepted},
    raw::{RawCall, RawReply},
    store::{CallState, CallStore, Ended, Hints, NewCall, Policy, StoreError, Submitted},
    target::Target,
    trace::{Joined, TRACEPARENT, TRACESTATE},
    waiters::{Waiter, Waiters},
};

/// Durable calls over one store. Cheap to clone; all clones share waiters and housekeeping.
#[derive(Clone)]
pub struct Calls {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn CallStore>,
    pub(crate) waiters: Waiters,
    pub(crate) running: Running,
    pub(crate) gates: Gates,
    /// Wakes housekeeping when a hint came without a record, or hints may have been lost.
    recheck: Arc<Notify>,
    methods: Methods,
    forwarded: HashSet<HeaderName>,
    mac_key: Option<MacKey>,
    attempt_timeout: Duration,
}

/// How far a call was brought on behalf of its caller.
pub(crate) enum Placed {
    /// It is persisted, and the caller does not wait.
    Detached(CallId),
    /// It has ended.
    Ended(CallId, Arc<Ended>),
}

/// A call that has passed all checks.
pub(crate) struct Prepared {
    call: NewCall,
    deadline: Duration,
    span: Span,
}

/// What it takes to find a call by its key, after the call itself has gone to the store.
struct Named {
    id: CallId,
    lane: Arc<str>,
    method: Arc<str>,
    key: Arc<str>,
    hash: [u8; 32],
}

impl Named {
    fn by(call: &NewCall) -> Option<Self> {
        let NewCall { id, lane, method, key, hash, .. } = call;
        let key = key.clone()?;
        let (lane, method) = (lane.clone(), method.clone());
        Some(Self { id: *id, lane, method, key, hash: *hash })
    }
}

impl Calls {
    /// Builds durable calls over a store.
    pub fn builder(store: impl CallStore) -> CallsBuilder {
        Self::builder_shared(Arc::new(store))
    }

    /// Builds durable calls over a store that something else uses as well.
    pub fn builder_shared(store: Arc<dyn CallStore>) -> CallsBuilder {
        CallsBuilder::new(store)
    }

    /// A channel for generated clients, through the lane of one target service.
    #[must_use]
    pub fn channel(&self, lane: &str) -> DurableChannel {
        DurableChannel::new(self.clone(), lane)
    }

    /// A channel for queries, straight to the target that executes the calls of this lane: nothing is
    /// persisted, nothing is retried. Queries to a target in trouble are refused at once, with
    /// UNAVAILABLE and the time after which to come again; clones share what they know of it. A
    /// target in this process always takes queries.
    #[must_use]
    pub fn direct(&self, lane: &str, target: &Target) -> DirectChannel {
        DirectChannel::guarded(self, lane, target.clone())
    }

    /// Makes a call by encoded bytes and waits for its answer.
    ///
    /// # Errors
    /// The callee's refusal, or a status of the library; [`outcome`](crate::outcome()) tells them apart.
    pub async fn call_raw(&self, call: RawCall) -> Result<RawReply, Status> {
        match self.place_traced(self.prepare_raw(call, false)?).await? {
            Placed::Ended(id, ended) => ended.reply(id),
            Placed::Detached(id) => Err(outcome::deadline_exceeded(id)),
        }
    }

    /// Makes a call by encoded bytes and returns once it is persisted. A key that exists already
    /// gives the id of its call, whatever became of it.
    ///
    /// # Errors
    /// A status of the library: the call was not accepted, or has other bytes under its key.
    pub async fn submit_raw(&self, call: RawCall) -> Result<CallId, Status> {
        match self.place_traced(self.prepare_raw(call, true)?).await? {
            Placed::Detached(id) | Placed::Ended(id, _) => Ok(id),
        }
    }

    fn prepare_raw(&self, call: RawCall, detached: bool) -> Result<Prepared, Status> {
        let options = call.options(detached);
        let lane = call.lane.into();
        self.prepare(lane, &call.method, call.payload, &call.metadata.into_headers(), options)
    }

    /// Checks a call and gives it an id, a hash and a policy.
    pub(crate) fn prepare(
        &self,
        lane: Arc<str>,
        method: &str,
        payload: Bytes,
        headers: &HeaderMap,
        options: DurableOptions,
    ) -> Result<Prepared, Status> {
        let (method, traits) = self.inner.methods.get(method);
        if traits.streaming {
            let message = format!("{method} is streaming; durable calls are unary");
            return Err(not_accepted(Code::Unimplemented, message));
        }
        if !is_method_path(&method) {
            let message = format!("method {method:?} is not of the form /package.Service/Method");
            return Err(not_accepted(Code::InvalidArgument, message));
        }
        check_key(options.key.as_deref())?;
        if payload.len() > MAX_MESSAGE_BYTES {
            let message =
                format!("message has {} bytes, at most {MAX_MESSAGE_BYTES} fit", payload.len());
            return Err(not_accepted(Code::OutOfRange, message));
        }
        let trace = Joined::for_caller(headers);
        let mut metadata = self.forwarded(headers);
        for value in trace.state() {
            metadata.append(TRACESTATE, value.clone());
        }
        let metadata_bytes = headers::size(&metadata);
        if metadata_bytes > MAX_METADATA_BYTES {
            let message =
                format!("metadata has {metadata_bytes} bytes, at most {MAX_METADATA_BYTES} fit");
            return Err(not_accepted(Code::OutOfRange, message));
        }
        let deadline =
            options.deadline.or_else(|| headers::grpc_timeout(headers)).unwrap_or(DEFAULT_DEADLINE);
        let policy = Policy {
            idempotent: traits.idempotent,
            detached: options.detached,
            attempt_timeout: options.attempt_timeout.unwrap_or(self.inner.attempt_timeout),
            expires_in: options.expires_in.unwrap_or(if options.key.is_some() {
                KEYED_EXPIRY
            } else if options.detached {
                DETACHED_EXPIRY
            } else {
                deadline
            }),
            max_attempts: options.max_attempts,
        };
        metadata.insert(TRACEPARENT, trace.context().header_value());
        let (id, hash) = (CallId::generate(), Sha256::digest(&payload).into());
        if let Some(mac_key) = &self.inner.mac_key {
            let identity = Identity::of(options.key.as_deref(), id);
            let covered = Covered { lane: &lane, method: &method, identity, hash: &hash };
            metadata.insert(headers::MAC, mac_key.seal(&covered));
        }
        let call = NewCall {
            id,
            lane,
            method,
            key: options.key.map(Into::into),
            hash,
            metadata,
            payload,
            policy,
            not_before: options.not_before,
        };
        let span = trace.call_span(&call);
        Ok(Prepared { call, deadline, span })
    }

    /// [`place`](Self::place) within the span of the call.
    pub(crate) async fn place_traced(&self, mut prepared: Prepared) -> Result<Placed, Status> {
        let span = std::mem::replace(&mut prepared.span, Span::none());
        self.place(prepared).instrument(span).await
    }

    /// Submits a call and, unless it is detached, waits until it has ended or the caller's deadline
    /// has passed.
    async fn place(&self, prepared: Prepared) -> Result<Placed, Status> {
        let Prepared { call, deadline, .. } = prepared;
        let (own, keyed, detached) = (call.id, call.key.is_some(), call.policy.detached);
        let (called_at, method) = (Instant::now(), call.method.clone());
        let gate = self.inner.gates.of(&call.lane);
        // Registered before the submission: an end that comes at once is not missed.
        let waiter = (!detached).then(|| self.inner.waiters.register(own));
        let mut deadline = std::pin::pin!(sleep_until(far(deadline)));
        let submitted = tokio::select! {
            biased;
            submitted = self.submit(&gate, call) => submitted?,
            // Under a key it may be another call, and nobody has said which.
            () = &mut deadline => return Err(outcome::not_submitted_in_time((!keyed).then_some(own))),
        };
        gate.metrics.submitted(&submitted);
        let id = match submitted {
            Submitted::Mismatch(id) => return Err(outcome::mismatch(id)),
            Submitted::Ended(id, ended) => return Ok(Placed::Ended(id, ended)),
            Submitted::Accepted(id) | Submitted::Attached(id) => id,
        };
        let Some(waiter) = waiter else { return Ok(Placed::Detached(id)) };
        let end = async { if id == own { Ok(waiter.await) } else { self.attach(id).await } };
        let ended = tokio::select! {
            biased;
            ended = end => ended?,
            () = &mut deadline => return Err(outcome::deadline_exceeded(id)),
        };
        gate.metrics.replied(&method, called_at.elapsed());
        Ok(Placed::Ended(id, ended))
    }

    /// Submits a call if its lane takes calls. A call that its key names already needs no room and no
    /// live worker to be answered, so it is found even when the lane does not.
    async fn submit(&self, gate: &Gate, call: NewCall) -> Result<Submitted, Status> {
        let (store, id) = (&*self.inner.store, call.id);
        let _admitted = match gate.admit(store, call.policy.detached).await {
            Ok(admitted) => admitted,
            Err(refused) => return self.find(Named::by(&call), refused).await,
        };
        let named = Named::by(&call);
        let submitted = store.submit(vec![call]).await.pop().unwrap_or(Err(StoreError::Closed));
        match submitted {
            Err(full @ StoreError::LaneFull { .. }) => {
                self.find(named, outcome::store_failed(&full, id, true)).await
            }
            submitted => {
                submitted.map_err(|error| outcome::store_failed(&error, id, named.is_some()))
            }
        }
    }

    /// What the submission of a call would find under its key; the refusal if it would be executed.
    async fn find(&self, named: Option<Named>, refused: Status) -> Result<Submitted, Status> {
        let Some(named) = named else { return Err(refused) };
        let found = self.inner.store.lookup_key(&named.lane, &named.method, &named.key).await;
        let found = found.map_err(|error| outcome::store_failed(&error, named.id, true))?;
        let Some(view) = found else { return Err(refused) };
        match view.state {
            _ if view.hash != named.hash => Ok(Submitted::Mismatch(view.id)),
            CallState::Waiting | CallState::Running => Ok(Submitted::Attached(view.id)),
            // It may have been executed before: that it is not accepted now would say too much.
            CallState::Ended(ended) if ended.kind.runs_again() && ended.may_have_executed => {
                Err(outcome::of_earlier_run(refused, view.id))
            }
            CallState::Ended(ended) if ended.kind.runs_again() => Err(refused),
            CallState::Ended(ended) => Ok(Submitted::Ended(view.id, ended)),
        }
    }

    /// Waits for the end of a call that exists already.
    async fn attach(&self, id: CallId) -> Result<Arc<Ended>, Status> {
        let waiter: Waiter = self.inner.waiters.register(id);
        // Looked up after registering: an end before the registration is found here, a later one
        // wakes the waiter.
        let found = self.inner.store.lookup(vec![id]).await;
        match found.map_err(|error| lookup_failed(&error, id))?.pop().flatten() {
            None => Err(not_found(id)),
            Some(view) => match view.state {
                CallState::Ended(ended) => Ok(ended),
                CallState::Waiting | CallState::Running => Ok(waiter.await),
            },
        }
    }

    fn forwarded(&self, headers: &HeaderMap) -> HeaderMap {
        let mut kept = HeaderMap::new();
        for (name, value) in headers {
            if self.inner.forwarded.contains(name) {
                kept.append(name.clone(), value.clone());
            }
        }
        kept
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Hints for Inner {
    fn ended(&self, calls: Vec<(CallId, Option<Arc<Ended>>)>) {
        let mut incomplete = false;
        for (id, ended) in calls {
            match ended {
                Some(ended) => self.waiters.wake(id, &ended),
                None => incomplete = true,
            }
        }
        if incomplete {
            self.recheck.notify_one();
        }
    }

    fn cancelled(&self, calls: Vec<CallId>) {
        for id in calls {
            self.running.cancel(id);
        }
    }

    fn resync(&self) {
        self.recheck.notify_one();
    }
}

impl Inner {
    fn as_hints(self: &Arc<Self>) -> Weak<dyn Hints> {
        let weak: Weak<Self> = Arc::downgrade(self);
        weak
    }
}

fn is_method_path(path: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .is_some_and(|(service, method)| !service.is_empty() && !method.is_empty())
        && path.parse::<http::uri::PathAndQuery>().is_ok()
}

fn check_key(key: Option<&str>) -> Result<(), Status> {
    match key.map(str::len) {
        Some(0) => Err(not_accepted(Code::InvalidArgument, "key is empty")),
        Some(length) if length > MAX_KEY_BYTES => {
            let message = format!("key has {length} bytes, at most {MAX_KEY_BYTES} are allowed");
            Err(not_accepted(Code::InvalidArgument, message))
        }
        _ => Ok(()),
    }
}

/// The instant so far from now; a deadline beyond all reckoning becomes a day.
fn far(deadline: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(deadline).unwrap_or(now + Duration::from_hours(24))
}

fn lookup_failed(error: &StoreError, id: CallId) -> Status {
    let message = format!("call store: {error}");
    outcome::status(Code::Unavailable, message, outcome::Outcome::Unknown, Some(id))
}

fn not_found(id: CallId) -> Status {
    let message = format!("call {id} is not known, or no longer");
    outcome::status(Code::NotFound, message, outcome::Outcome::Unknown, Some(id))
}
