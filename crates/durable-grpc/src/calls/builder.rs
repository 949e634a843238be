//! Putting durable calls together.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use http::HeaderName;
use tokio::sync::Notify;

use super::{Calls, Inner, Running};
use crate::{
    breaker::BreakerOptions,
    descriptors::Methods,
    gate::{self, Gates, LaneLimits},
    headers, housekeeping,
    limits::DEFAULT_ATTEMPT_TIMEOUT,
    mac::MacKey,
    store::CallStore,
    trace::{TRACEPARENT, TRACESTATE},
    waiters::Waiters,
};

/// Collects what [`Calls`] needs.
pub struct CallsBuilder {
    store: Arc<dyn CallStore>,
    methods: Result<Methods, prost::DecodeError>,
    forwarded: Vec<String>,
    mac_key: Option<MacKey>,
    attempt_timeout: Duration,
    breaker: Option<BreakerOptions>,
    limits: LaneLimits,
    limits_of: HashMap<String, LaneLimits>,
}

impl CallsBuilder {
    pub(super) fn new(store: Arc<dyn CallStore>) -> Self {
        Self {
            store,
            methods: Ok(Methods::default()),
            forwarded: Vec::new(),
            mac_key: None,
            attempt_timeout: DEFAULT_ATTEMPT_TIMEOUT,
            breaker: Some(BreakerOptions::default()),
            limits: LaneLimits::default(),
            limits_of: HashMap::new(),
        }
    }

    /// Adds an encoded `FileDescriptorSet`. It says which methods are idempotent
    /// (`option idempotency_level`) and which stream. A method in no descriptor set counts as unary
    /// and not idempotent.
    #[must_use]
    pub fn descriptors(mut self, descriptor_set: &[u8]) -> Self {
        self.methods = self.methods.and_then(|mut methods| {
            methods.add(descriptor_set)?;
            Ok(methods)
        });
        self
    }

    /// Seals every call with this key, so that callees behind a
    /// [`VerifyLayer`](crate::server::VerifyLayer) can tell it from one that somebody else wrote into
    /// the store.
    #[must_use]
    pub fn mac_key(mut self, key: MacKey) -> Self {
        self.mac_key = Some(key);
        self
    }

    /// Lets these request headers travel with the call, besides the trace context. They are stored:
    /// never list a secret. `authorization` is refused.
    #[must_use]
    pub fn forward_metadata<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.forwarded.extend(names.into_iter().map(Into::into));
        self
    }

    /// How long one attempt may take unless the call says otherwise. The default is 10 s.
    #[must_use]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// How breakers behave, here and in the workers of these calls.
    #[must_use]
    pub fn breaker(mut self, options: BreakerOptions) -> Self {
        self.breaker = Some(options);
        self
    }

    /// Lets calls through whatever became of those before, and also when nobody is there to execute
    /// them; workers go on trying. The limits of the lanes stay in force.
    #[must_use]
    pub fn without_breaker(mut self) -> Self {
        self.breaker = None;
        self
    }

    /// How much may wait in each lane.
    #[must_use]
    pub const fn limits(mut self, limits: LaneLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How much may wait in this lane, instead.
    #[must_use]
    pub fn lane_limits(mut self, lane: impl Into<String>, limits: LaneLimits) -> Self {
        self.limits_of.insert(lane.into(), limits);
        self
    }

    /// Starts. Must be called within a tokio runtime, which then runs the housekeeping until the
    /// last clone of the result is dropped.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Calls, BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let forwarded = self
            .forwarded
            .iter()
            .map(|name| forwardable(name))
            .collect::<Result<HashSet<_>, _>>()?;
        let recheck = Arc::new(Notify::new());
        let inner = Arc::new(Inner {
            store: self.store,
            waiters: Waiters::default(),
            running: Running::default(),
            gates: Gates::new(self.breaker.clone(), self.limits, self.limits_of),
            recheck: recheck.clone(),
            methods: self.methods?,
            forwarded,
            mac_key: self.mac_key,
            attempt_timeout: self.attempt_timeout,
        });
        inner.store.watch(inner.as_hints());
        runtime.spawn(housekeeping::run(Arc::downgrade(&inner), recheck));
        runtime.spawn(gate::run(Arc::downgrade(&inner), self.breaker));
        Ok(Calls { inner })
    }
}

/// Why durable calls cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The bytes are not a descriptor set.
    #[error("descriptors are not an encoded FileDescriptorSet: {0}")]
    Descriptors(#[from] prost::DecodeError),
    /// The header may not be stored, or belongs to one hop or to the library.
    #[error("metadata {0:?} cannot be forwarded with a durable call")]
    Metadata(String),
    /// There is no tokio runtime here.
    #[error("durable calls have to be built within a tokio runtime")]
    NoRuntime,
}

fn forwardable(name: &str) -> Result<HeaderName, BuildError> {
    let refused = || BuildError::Metadata(name.to_owned());
    let name = HeaderName::try_from(name.to_ascii_lowercase()).map_err(|_| refused())?;
    let secret = matches!(name.as_str(), "authorization" | "proxy-authorization" | "cookie");
    let of_grpc = name.as_str().starts_with("grpc-") || matches!(name.as_str(), "te" | "host");
    let of_hop = matches!(name.as_str(), "content-type" | "content-length" | "connection");
    // The trace context travels with every call, but not as it came.
    let of_trace = name == TRACEPARENT || name == TRACESTATE;
    if secret || of_grpc || of_hop || of_trace || headers::is_reserved(&name) {
        return Err(refused());
    }
    Ok(name)
}
