//! Calls by encoded bytes, for whoever has stored them: outboxes and sagas resubmit what they wrote
//! down, byte for byte.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tonic::metadata::MetadataMap;

use crate::{id::CallId, options::DurableOptions};

/// A call whose message is already encoded. Keys, attaching, replay and mismatch are those of a call
/// through a [`DurableChannel`](crate::DurableChannel); the two may even share a key.
#[derive(Clone)]
pub struct RawCall {
    /// The lane to go through.
    pub lane: String,
    /// The method's path, `/package.Service/Method`.
    pub method: String,
    /// The encoded message: not compressed, without a frame.
    pub payload: Bytes,
    /// See [`DurableOptions::key`].
    pub key: Option<String>,
    /// See [`DurableOptions::deadline`].
    pub deadline: Option<Duration>,
    /// See [`DurableOptions::not_before`].
    pub not_before: Option<SystemTime>,
    /// See [`DurableOptions::expires_in`].
    pub expires_in: Option<Duration>,
    /// See [`DurableOptions::max_attempts`].
    pub max_attempts: Option<u32>,
    /// See [`DurableOptions::attempt_timeout`].
    pub attempt_timeout: Option<Duration>,
    /// Request metadata. Only what is on the allowlist of [`Calls`](crate::Calls) travels.
    pub metadata: MetadataMap,
}

impl RawCall {
    /// An unkeyed call with every default; set the other fields as needed.
    #[must_use]
    pub fn new(
        lane: impl Into<String>,
        method: impl Into<String>,
        payload: impl Into<Bytes>,
    ) -> Self {
        Self {
            lane: lane.into(),
            method: method.into(),
            payload: payload.into(),
            key: None,
            deadline: None,
            not_before: None,
            expires_in: None,
            max_attempts: None,
            attempt_timeout: None,
            metadata: MetadataMap::new(),
        }
    }

    pub(crate) fn options(&self, detached: bool) -> DurableOptions {
        DurableOptions {
            key: self.key.clone(),
            deadline: self.deadline,
            detached,
            not_before: self.not_before,
            expires_in: self.expires_in,
            max_attempts: self.max_attempts,
            attempt_timeout: self.attempt_timeout,
        }
    }
}

impl fmt::Debug for RawCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawCall")
            .field("lane", &self.lane)
            .field("method", &self.method)
            .field("key", &self.key)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .finish_non_exhaustive()
    }
}

/// An OK answer, not decoded.
#[derive(Clone)]
pub struct RawReply {
    /// The call that was answered.
    pub id: CallId,
    /// The encoded message.
    pub message: Bytes,
    /// The initial metadata, and the call's id under `durable-call-id`.
    pub metadata: MetadataMap,
    /// The trailers.
    pub trailers: MetadataMap,
}

impl fmt::Debug for RawReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawReply")
            .field("id", &self.id)
            .field("message", &format_args!("{} bytes", self.message.len()))
            .finish_non_exhaustive()
    }
}
