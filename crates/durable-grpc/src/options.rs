//! What a caller may ask for on a request.

use std::time::{Duration, SystemTime};

/// Makes a request durable in the way the caller wants. On a channel that is not durable the options
/// have no effect.
pub trait RequestExt {
    /// The options of this request, to be set in a chain.
    fn durable(&mut self) -> &mut DurableOptions;
}

impl<T> RequestExt for tonic::Request<T> {
    fn durable(&mut self) -> &mut DurableOptions {
        // Generated clients forward extensions into the HTTP request, where the channel finds them.
        self.extensions_mut().get_or_insert_default::<DurableOptions>()
    }
}

/// The options of one durable call. A request without any is an unkeyed call that is awaited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DurableOptions {
    pub(crate) key: Option<String>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) detached: bool,
    pub(crate) not_before: Option<SystemTime>,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) attempt_timeout: Option<Duration>,
}

impl DurableOptions {
    /// Names the effect that is wanted, within lane and method. The same key again attaches to the
    /// running call or replays its answer; it never makes a second call. Not empty, at most 512
    /// bytes, and never a secret: keys are stored and shown to operators.
    pub fn key(&mut self, key: impl Into<String>) -> &mut Self {
        self.key = Some(key.into());
        self
    }

    /// How long this caller waits (default 30 s, or what `tonic::Request::set_timeout` says). The
    /// call itself goes on: until then if it is unkeyed, until its own expiry otherwise.
    pub fn deadline(&mut self, deadline: Duration) -> &mut Self {
        self.deadline = Some(deadline);
        self
    }

    /// Return as soon as the call is persisted. The reply is then an empty message; the id of the
    /// call is in its metadata under `durable-call-id`.
    pub fn detached(&mut self) -> &mut Self {
        self.detached = true;
        self
    }

    /// Do not execute the call before this time, by the store's clock.
    pub fn not_before(&mut self, time: SystemTime) -> &mut Self {
        self.not_before = Some(time);
        self
    }

    /// How long the call may be tried, counted from its submission or from `not_before`. The default
    /// is 24 h for a keyed call, 7 days for a detached one, and the deadline otherwise.
    pub fn expires_in(&mut self, duration: Duration) -> &mut Self {
        self.expires_in = Some(duration);
        self
    }

    /// Give up after this many attempts that reached the callee. Without it only the expiry ends the
    /// retries.
    pub fn max_attempts(&mut self, attempts: u32) -> &mut Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// How long one attempt may take, instead of the default of [`Calls`](crate::Calls).
    pub fn attempt_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.attempt_timeout = Some(timeout);
        self
    }
}
