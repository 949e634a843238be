//! Joins caller, worker and callee into one trace, as W3C Trace Context describes it: the trace's id
//! stays, each part has a span id of its own and names the one before it as its parent.
//!
//! | span | where | parent |
//! |---|---|---|
//! | `durable.call` | the caller, while it submits and waits | whatever the caller was part of |
//! | `durable.attempt` | the worker, once for each attempt | `durable.call` |
//! | `durable.handle` | the callee, while its handler runs | `durable.attempt` |
//!
//! The ids travel whether or not anybody listens. The spans are on the level DEBUG under the target
//! `durable_grpc::trace`; while that is off, they cost a comparison. They hold ids, lane, method and
//! attempt, never metadata or messages.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task_local;
use tracing::{Span, debug_span, field};

use crate::{
    limits::MAX_TRACESTATE_BYTES,
    server::DurableCall,
    store::{NewCall, StoredCall},
};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Says that the trace is recorded. A trace that starts here says so: who starts one cannot know who
/// records further down, and saying no would silence them.
const SAMPLED: u8 = 0b01;
/// Says that the trace's id is random.
const RANDOM: u8 = 0b10;

/// The ids of one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl SpanContext {
    /// The first span of a new trace.
    fn start() -> Self {
        Self { trace_id: rand::random(), span_id: 0, flags: SAMPLED | RANDOM }.child()
    }

    /// Another span of the same trace.
    fn child(self) -> Self {
        // Zero means "none" in both places, and comes up once in 2⁶⁴ and 2¹²⁸ times.
        Self { trace_id: self.trace_id.max(1), span_id: rand::random::<u64>().max(1), ..self }
    }

    /// Reads a `traceparent`. `None` for what is not one; the trace then starts anew.
    fn parse(text: &str) -> Option<Self> {
        const LENGTH: usize = 55;

        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut fields = known.split('-');
        let version = fields.next().and_then(|field| hexadecimal(field, 2))?;
        let trace_id = fields.next().and_then(|field| hexadecimal(field, 32))?;
        let span_id = fields.next().and_then(|field| hexadecimal(field, 16))?;
        let flags = fields.next().and_then(|field| hexadecimal(field, 2))?;
        // Later versions may append fields, version 0 has none.
        let rest_fits = rest.is_empty() || (version > 0 && rest.starts_with('-'));
        if version == 0xff || !rest_fits || fields.next().is_some() || trace_id == 0 || span_id == 0
        {
            return None;
        }
        Some(Self {
            trace_id,
            span_id: u64::try_from(span_id).ok()?,
            flags: u8::try_from(flags).ok()? & (SAMPLED | RANDOM),
        })
    }

    /// The one context among these headers. Several are as good as none.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let only = values.next().filter(|_| values.next().is_none())?;
        Self::parse(only.to_str().ok()?)
    }

    pub(crate) fn header_value(self) -> HeaderValue {
        let Self { trace_id, span_id, flags } = self;
        HeaderValue::try_from(format!("00-{trace_id:032x}-{span_id:016x}-{flags:02x}"))
            .unwrap_or_else(|_| HeaderValue::from_static("-"))
    }

    fn trace(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "{:032x}", self.trace_id))
    }

    fn span(self) -> impl fmt::Display {
        span_id(self.span_id)
    }
}

fn span_id(id: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| write!(f, "{id:016x}"))
}

/// Digits as the specification wants them: exactly so many, in lower case.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// A span that continues whatever came before it.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    context: SpanContext,
    /// The span before, if the trace did not start here.
    parent: Option<u64>,
    /// What tracing systems have to say to each other.
    state: Vec<HeaderValue>,
}

impl Joined {
    fn after(before: Option<SpanContext>, state: Vec<HeaderValue>) -> Self {
        let context = before.map_or_else(SpanContext::start, SpanContext::child);
        Self { context, parent: before.map(|before| before.span_id), state }
    }

    /// The span of a caller: what its request says, otherwise the call that is being handled in this
    /// task, otherwise a new trace.
    pub(crate) fn for_caller(headers: &HeaderMap) -> Self {
        match SpanContext::of(headers) {
            Some(before) => Self::after(Some(before), state(headers)),
            None => current().unwrap_or_else(|| Self::after(None, Vec::new())),
        }
    }

    /// The span of an attempt, after that of its call.
    pub(crate) fn for_attempt(call: &StoredCall) -> Self {
        // The state is among the stored metadata and travels with them.
        Self::after(SpanContext::of(&call.metadata), Vec::new())
    }

    /// The span of a handler, after that of the attempt. `None` when nobody says what it is part of.
    pub(crate) fn for_handler(headers: &HeaderMap, durable: bool) -> Option<Self> {
        match SpanContext::of(headers) {
            Some(before) => Some(Self::after(Some(before), state(headers))),
            None => current().or_else(|| durable.then(|| Self::after(None, Vec::new()))),
        }
    }

    pub(crate) const fn context(&self) -> SpanContext {
        self.context
    }

    pub(crate) fn state(&self) -> &[HeaderValue] {
        &self.state
    }

    pub(crate) fn call_span(&self, call: &NewCall) -> Span {
        debug_span!(
            "durable.call",
            trace_id = %self.context.trace(),
            span_id = %self.context.span(),
            parent_id = self.parent.map(|id| field::display(span_id(id))),
            call_id = %call.id,
            lane = &*call.lane,
            method = &*call.method,
        )
    }

    pub(crate) fn attempt_span(&self, call: &StoredCall) -> Span {
        debug_span!(
            "durable.attempt",
            trace_id = %self.context.trace(),
            span_id = %self.context.span(),
            parent_id = self.parent.map(|id| field::display(span_id(id))),
            call_id = %call.id,
            lane = &*call.lane,
            method = &*call.method,
            attempt = call.attempt_number(),
        )
    }

    pub(crate) fn handle_span(&self, call: &DurableCall, method: &str) -> Span {
        debug_span!(
            "durable.handle",
            trace_id = %self.context.trace(),
            span_id = %self.context.span(),
            parent_id = self.parent.map(|id| field::display(span_id(id))),
            call_id = %call.id,
            lane = &*call.lane,
            method,
            attempt = call.attempt,
        )
    }
}

task_local! {
    /// The span of the handler that runs in this task.
    static CURRENT: Option<Joined>;
}

/// Runs a future within the span of a handler: calls that it makes continue that span.
pub(crate) fn within<F: Future>(
    joined: Option<Joined>,
    future: F,
) -> impl Future<Output = F::Output> {
    CURRENT.scope(joined, future)
}

/// A span after that of the handler that runs in this task.
fn current() -> Option<Joined> {
    CURRENT
        .try_with(|current| {
            let current = current.as_ref()?;
            Some(Joined::after(Some(current.context), current.state.clone()))
        })
        .ok()
        .flatten()
}

/// What tracing systems add to the context. More than is customary is dropped, not refused: a trace
/// must not make a call fail.
fn state(headers: &HeaderMap) -> Vec<HeaderValue> {
    let values: Vec<_> = headers.get_all(TRACESTATE).iter().cloned().collect();
    let bytes: usize = values.iter().map(HeaderValue::len).sum();
    if bytes > MAX_TRACESTATE_BYTES { Vec::new() } else { values }
}

#[cfg(test)]
mod tests;
