//! Bytes to values and back.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use prost::Message as _;
use redis::Value;

use super::duration_ms;
use crate::{
    id::CallId,
    store::{
        CallState, CallView, DeadLetter, EndKind, Ended, NewCall, Policy, Retention, StoreError,
        StoredCall,
    },
};

/// How a call is tried and what it is: written at its first submission, never changed.
#[derive(Clone, PartialEq, prost::Message)]
struct PolicyRecord {
    #[prost(string, tag = "1")]
    method: String,
    #[prost(string, optional, tag = "2")]
    key: Option<String>,
    #[prost(bool, tag = "3")]
    idempotent: bool,
    #[prost(bool, tag = "4")]
    detached: bool,
    #[prost(uint64, tag = "5")]
    attempt_timeout_ms: u64,
    #[prost(uint64, tag = "6")]
    expires_in_ms: u64,
    #[prost(uint32, optional, tag = "7")]
    max_attempts: Option<u32>,
}

/// What scripts read of a policy comes first: the hash of the message, and 16 digits that say how long
/// the call may be tried.
const HASH_BYTES: usize = 32;
const EXPIRES_IN_BYTES: usize = 16;
const HEAD_BYTES: usize = HASH_BYTES + EXPIRES_IN_BYTES;
/// A hundred years, in milliseconds. The scripts write times with 14 digits, and whoever says "never"
/// means this.
pub(super) const FOREVER_MS: i64 = 100 * 365 * 86_400_000;

pub(super) fn encode_policy(call: &NewCall) -> Vec<u8> {
    let policy = &call.policy;
    let record = PolicyRecord {
        method: call.method.to_string(),
        key: call.key.as_deref().map(str::to_owned),
        idempotent: policy.idempotent,
        detached: policy.detached,
        attempt_timeout_ms: saturating(policy.attempt_timeout),
        expires_in_ms: saturating(policy.expires_in),
        max_attempts: policy.max_attempts,
    };
    let mut encoded = Vec::with_capacity(HEAD_BYTES + record.encoded_len());
    encoded.extend_from_slice(&call.hash);
    let expires_in_ms = duration_ms(policy.expires_in).min(FOREVER_MS);
    encoded.extend_from_slice(format!("{expires_in_ms:0EXPIRES_IN_BYTES$}").as_bytes());
    encoded.extend_from_slice(&record.encode_to_vec());
    encoded
}

fn decode_policy(encoded: &Bytes) -> Option<PolicyRecord> {
    PolicyRecord::decode(encoded.get(HEAD_BYTES..)?).ok()
}

/// A stream entry as a call, with the time of its expiry.
pub(super) fn decode_entry(fields: Vec<Value>, lane: &Arc<str>) -> Option<(StoredCall, i64)> {
    let mut values = fields.into_iter().skip(1).step_by(2);
    let id = id(&values.next()?)?;
    let policy = decode_policy(&bytes(values.next()?)?)?;
    let metadata = crate::store::decode_metadata(&bytes(values.next()?)?)?;
    let payload = bytes(values.next()?)?;
    let counts = bytes(values.next()?)?;
    let mut counts = std::str::from_utf8(&counts).ok()?.split(',');
    let mut count = || counts.next()?.parse::<u32>().ok();
    let (attempts, unsent, lost) = (count()?, count()?, count()?);
    let expires_ms = counts.next()?.parse().ok()?;
    let ran_before = counts.next()? == "1";
    let call = StoredCall {
        id,
        lane: lane.clone(),
        method: policy.method.into(),
        key: policy.key.map(Into::into),
        metadata,
        payload,
        policy: Policy {
            idempotent: policy.idempotent,
            detached: policy.detached,
            attempt_timeout: Duration::from_millis(policy.attempt_timeout_ms),
            expires_in: Duration::from_millis(policy.expires_in_ms),
            max_attempts: policy.max_attempts,
        },
        attempts,
        unsent,
        lost,
        ran_before,
    };
    Some((call, expires_ms))
}

/// The fields that `lookup` and `dead` give of a call.
pub(super) fn decode_view(fields: Vec<Value>, lane: &Arc<str>) -> Result<CallView, StoreError> {
    view(&fields, lane).ok_or_else(|| corrupt("call"))
}

pub(super) fn decode_dead(fields: Vec<Value>, lane: &Arc<str>) -> Result<DeadLetter, StoreError> {
    let decode = || {
        let call = view(&fields, lane)?;
        let died_at = from_ms(integer(fields.get(8)?)?);
        let payload = fields.get(9).cloned().and_then(bytes).unwrap_or_default();
        Some(DeadLetter { call, died_at, payload })
    };
    decode().ok_or_else(|| corrupt("dead letter"))
}

/// The fields are: id, state, policy, times, attempts, lost, record, whether a worker holds it.
fn view(fields: &[Value], lane: &Arc<str>) -> Option<CallView> {
    let encoded = bytes(fields.get(2)?.clone())?;
    let policy = decode_policy(&encoded)?;
    let state = match u32::try_from(integer(fields.get(1)?)?).ok()? {
        0 | 1 if integer(fields.get(7)?)? == 1 => CallState::Running,
        0 | 1 => CallState::Waiting,
        ended => {
            EndKind::from_number(ended)?;
            CallState::Ended(Arc::new(Ended::decode(&bytes(fields.get(6)?.clone())?)?))
        }
    };
    let (submitted_ms, _) = text(fields.get(3)?)?.split_once(',')?;
    Some(CallView {
        id: id(fields.first()?)?,
        lane: lane.clone(),
        method: policy.method.into(),
        key: policy.key.map(Into::into),
        hash: encoded[..HASH_BYTES].try_into().ok()?,
        submitted_at: from_ms(submitted_ms.parse().ok()?),
        attempts: u32::try_from(integer(fields.get(4)?)?).ok()?,
        lost: u32::try_from(integer(fields.get(5)?)?).ok()?,
        state,
    })
}

/// The length of an id in text.
const ID_BYTES: usize = 36;
/// Stands for the length of a record that is not in the message.
const NO_RECORD: u32 = u32::MAX;

/// The ends that a message tells.
pub(super) fn decode_told(mut message: Bytes) -> Option<Vec<(CallId, Option<Arc<Ended>>)>> {
    let mut told = Vec::new();
    while !message.is_empty() {
        if message.len() < ID_BYTES + 4 {
            return None;
        }
        let id = std::str::from_utf8(&message.split_to(ID_BYTES)).ok()?.parse().ok()?;
        let length = u32::from_be_bytes(message.split_to(4)[..].try_into().ok()?);
        let ended = if length == NO_RECORD {
            None
        } else {
            let length = length as usize;
            if message.len() < length {
                return None;
            }
            Some(Arc::new(Ended::decode(&message.split_to(length))?))
        };
        told.push((id, ended));
    }
    Some(told)
}

/// The fencing token of a claim, from its stream id: no two claims of a call have the same entry.
pub(super) fn delivery_of(stream_id: &str) -> u64 {
    let (ms, sequence) = stream_id.split_once('-').unwrap_or((stream_id, "0"));
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    // 42 bits for the milliseconds, and as many entries within one of them as a clock that was set
    // back makes.
    (number(ms) << 22).wrapping_add(number(sequence))
}

/// How scripts are told the retention of an end, in milliseconds.
pub(super) fn retention_ms(retention: Retention) -> i64 {
    match retention {
        Retention::None => 0,
        // A retention of nothing would mean the same as none at all.
        Retention::For(time) => duration_ms(time).max(1),
        Retention::UntilHandled => -1,
    }
}

/// The name by which a key is found within its lane.
pub(super) fn name_of(method: &str, key: &str) -> String {
    format!("{method} {key}")
}

pub(super) fn array(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) => Ok(values),
        Value::Nil => Ok(Vec::new()),
        _ => Err(corrupt("array")),
    }
}

pub(super) fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        Value::SimpleString(text) => Some(text.into_bytes().into()),
        Value::Int(number) => Some(number.to_string().into_bytes().into()),
        _ => None,
    }
}

pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

pub(super) fn id(value: &Value) -> Option<CallId> {
    text(value)?.parse().ok()
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Uncertain(format!("redis gave no {what} where one was expected"))
}

fn from_ms(ms: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

fn saturating(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_deliveries_of_their_own() {
        let ids =
            ["1764115200123-7", "1764115200123-8", "1764115200124-0", "1764115200124-4194300"];
        assert!(ids.map(delivery_of).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_message_tells_ends_with_and_without_their_records() {
        let (first, second) = (CallId::generate(), CallId::generate());
        let ended = Ended::cancelled(true);
        let record = ended.encode();
        let mut message = Vec::new();
        message.extend_from_slice(first.to_string().as_bytes());
        message.extend_from_slice(&u32::try_from(record.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&record);
        message.extend_from_slice(second.to_string().as_bytes());
        message.extend_from_slice(&NO_RECORD.to_be_bytes());

        let told = decode_told(message.clone().into()).unwrap();
        assert_eq!(told, [(first, Some(Arc::new(ended))), (second, None)]);

        for length in 1..message.len() - 1 {
            let cut = decode_told(Bytes::copy_from_slice(&message[..length]));
            assert!(cut.is_none_or(|told| told.len() < 2), "cut at {length}");
        }
    }
}
